//! Finds, reads and checks the files of code tables.

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// A problem in a code table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
pub struct CodesProblem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A file and its content.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Maximum size of a code table; the national table of divisions down to streets has two megabytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum depth of folders: one for a channel, and one for its parts.
const MAX_DEPTH: usize = 3;

/// Every table below `folder`, in the order of their names.
pub(crate) fn files(folder: &Path, problems: &mut Vec<CodesProblem>) -> Vec<File> {
    let mut found = Vec::new();
    walk(folder, "", MAX_DEPTH, &mut found, problems);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<File>,
    problems: &mut Vec<CodesProblem>,
) {
    let mut fail = |path: &Path, error: std::io::Error| {
        problems.push(CodesProblem {
            file: path.to_owned(),
            line: 0,
            message: format!("cannot be read: {error}"),
        });
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return fail(folder, error),
    };
    let mut folders = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let name = format!("{prefix}{stem}");
        if path.is_dir() {
            folders.push((path, name + "/"));
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            match read(&path) {
                Ok(bytes) => found.push(File { name, path, bytes }),
                Err(error) => fail(&path, error),
            }
        }
    }
    for (path, prefix) in folders {
        if depth > 0 {
            walk(&path, &prefix, depth - 1, found, problems);
        }
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("larger than {MAX_BYTES} bytes");
        return Err(std::io::Error::other(message));
    }
    Ok(bytes)
}

/// A line of a file, its cells by the names of their columns.
pub(crate) struct CodeRow<'a> {
    pub(crate) line: u64,
    columns: &'a HashMap<String, usize>,
    cells: csv::StringRecord,
}

impl CodeRow<'_> {
    /// The cell of a column; empty where the file has no such column.
    pub(crate) fn get(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|index| self.cells.get(*index)).unwrap_or_default()
    }
}

impl File {
    /// Visits the rows. The columns of `required` must exist, those of `optional` may; the columns
    /// of `keys` are checked for damage done by spreadsheets.
    pub(crate) fn rows(
        &self,
        [required, optional, keys]: [&[&str]; 3],
        problems: &mut Vec<CodesProblem>,
        mut visit: impl FnMut(&CodeRow<'_>, &mut Vec<CodesProblem>),
    ) {
        let Some(text) = normalizer_text::decode_file(&self.bytes) else {
            let message = "neither UTF-8 nor UTF-16 nor GB18030; save it as UTF-8";
            return self.fail(0, message.into(), problems);
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .delimiter(delimiter(&text))
            .from_reader(text.as_bytes());
        let columns: HashMap<_, _> = match reader.headers() {
            Ok(header) => header.iter().map(str::to_owned).zip(0..).collect(),
            Err(error) => return self.fail(1, error.to_string(), problems),
        };
        let is_missing = required.iter().any(|name| !columns.contains_key(*name));
        let is_unknown = |name: &&String| {
            !required.contains(&name.as_str()) && !optional.contains(&name.as_str())
        };
        if is_missing || columns.keys().any(|name| is_unknown(&name)) {
            let (required, optional) = (required.join(","), optional.join(", "));
            let message = format!("the first line must be {required}; it may have {optional} too");
            return self.fail(1, message, problems);
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            match record {
                Ok(cells) => {
                    let line = cells.position().map_or(0, csv::Position::line);
                    rows.push(CodeRow { line, columns: &columns, cells });
                }
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    return self.fail(line, error.to_string(), problems);
                }
            }
        }
        for (line, message) in keys.iter().flat_map(|column| damaged_cells(&rows, column)) {
            self.fail(line, message, problems);
        }
        for row in &rows {
            visit(row, problems);
        }
    }

    /// Records a problem.
    pub(crate) fn fail(&self, line: u64, message: String, problems: &mut Vec<CodesProblem>) {
        problems.push(CodesProblem { file: self.path.clone(), line, message });
    }
}

/// Whether a text is digits and nothing else.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Spreadsheets also use a semicolon or a tab as separator.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    [b'\t', b';'].into_iter().find(|sign| header.as_bytes().contains(sign)).unwrap_or(b',')
}

/// The cells of one column that a spreadsheet has changed, by line: `0101` becomes 101, eighteen digits
/// become `3.40E+17`, `1-2` becomes the second of January. Such a label never occurs in a record, and the
/// right one would be unknown.
fn damaged_cells(rows: &[CodeRow<'_>], column: &str) -> Vec<(u64, String)> {
    let width = width_with_zeros(rows, column);
    let damaged = rows.iter().filter_map(|row| {
        let cell = row.get(column);
        let what = if is_scientific(cell) {
            "the end of a long number is lost; set the column to text and enter it again".to_owned()
        } else if is_date(cell) {
            "a code like 1-2 became a date; set the column to text and enter it again".to_owned()
        } else if has_lost_zeros(cell, width) {
            let width = width.unwrap_or_default();
            format!(
                "the zeros in front are lost: others have {width} digits; enter `{cell:0>width$}`"
            )
        } else {
            return None;
        };
        Some((row.line, format!("a spreadsheet has spoiled `{cell}` in column {column}: {what}")))
    });
    damaged.collect()
}

/// `3.40E+11`.
fn is_scientific(cell: &str) -> bool {
    let Some((number, power)) = cell.split_once(['E', 'e']) else { return false };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    power.strip_prefix('+').is_some_and(is_digits) && is_digits(whole) && is_digits(fraction)
}

/// `1月2日`, `2-Jan`, `Jan-02`.
fn is_date(cell: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let is_day = |text: &str| text.len() <= 2 && is_digits(text);
    if let Some((month, day)) = cell.strip_suffix('日').and_then(|rest| rest.split_once('月')) {
        return is_day(month) && is_day(day);
    }
    cell.split_once('-').is_some_and(|(one, other)| {
        MONTHS.contains(&one) && is_day(other) || MONTHS.contains(&other) && is_day(one)
    })
}

/// The number of digits of codes that begin with a zero, if they all have the same.
fn width_with_zeros(rows: &[CodeRow<'_>], column: &str) -> Option<usize> {
    let mut widths = rows
        .iter()
        .map(|row| row.get(column))
        .filter(|cell| cell.len() > 1 && cell.starts_with('0') && is_digits(cell));
    let width = widths.next()?.len();
    widths.all(|cell| cell.len() == width).then_some(width)
}

/// A number that is shorter than those with zeros in front.
fn has_lost_zeros(cell: &str, width: Option<usize>) -> bool {
    is_digits(cell) && !cell.starts_with('0') && width.is_some_and(|width| cell.len() < width)
}
