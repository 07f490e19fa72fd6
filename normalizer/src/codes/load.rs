//! Finds, reads and checks the files of code tables.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::cell::from_cell;

/// A problem in a code table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
pub struct CodesProblem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 if the problem concerns the whole file.
    pub line: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A file with a code table: its name without `.csv`, its path and its content.
#[derive(Debug, Clone)]
pub(crate) struct CodeFile {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// Maximum size of a file. The national table of divisions, down to streets, is two megabytes large.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum depth of subfolders, so that a cycle of symbolic links ends.
const MAX_DEPTH: usize = 3;

/// Reads every `.csv` file below `folder`, sorted by name.
pub(crate) fn files(folder: &Path, problems: &mut Vec<CodesProblem>) -> Vec<CodeFile> {
    let mut found = Vec::new();
    walk(folder, "", MAX_DEPTH, &mut found, problems);
    found.sort();
    let mut files = Vec::new();
    for (name, path) in found {
        match read(folder, &path) {
            Ok(bytes) => files.push(CodeFile { name, path, bytes }),
            Err(error) => problems.push(unreadable(&path, &error)),
        }
    }
    files
}

fn unreadable(path: &Path, error: &io::Error) -> CodesProblem {
    let message = format!("the file or folder cannot be read: {error}");
    CodesProblem { file: path.to_owned(), line: 0, message }
}

/// Adds the names and paths of the files in `folder` and in its subfolders down to `depth` levels. Their names begin
/// with `prefix`.
fn walk(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
    problems: &mut Vec<CodesProblem>,
) {
    let mut report = |path: &Path, error: io::Error| problems.push(unreadable(path, &error));
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return report(folder, error),
    };
    let mut folders = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                report(folder, error);
                continue;
            }
        };
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let name = format!("{prefix}{stem}");
        if path.is_dir() {
            folders.push((path, name + "/"));
        } else if path.extension().is_some_and(|extension| extension == "csv") {
            found.push((name, path));
        }
    }
    for (path, prefix) in folders {
        if depth > 0 {
            walk(&path, &prefix, depth - 1, found, problems);
        }
    }
}

/// The bytes of a file below `folder`. A link may lead to another `.csv` file there. What is elsewhere, or of another
/// kind, like keys, is not read: problems quote its cells. A pipe may wait for ever, and a device may have no end.
fn read(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let real = fs::canonicalize(path)?;
    if !real.starts_with(fs::canonicalize(folder)?) || real.extension() != path.extension() {
        return Err(io::Error::other("it is a link to something else: put the file itself here"));
    }
    if !fs::metadata(&real)?.is_file() {
        return Err(io::Error::other("it is a device or a pipe, not a file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(real)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("it is larger than {MAX_BYTES} bytes; split the table");
        return Err(io::Error::other(message));
    }
    Ok(bytes)
}

/// A row of a file, whose cells are accessed by column name.
pub(crate) struct CodeRow<'a> {
    pub(crate) line: u64,
    columns: &'a HashMap<String, usize>,
    cells: csv::StringRecord,
}

impl CodeRow<'_> {
    /// The text in a column; empty if the file has no such column.
    pub(crate) fn get(&self, column: &str) -> &str {
        let cell = self.columns.get(column).and_then(|index| self.cells.get(*index));
        from_cell(cell.unwrap_or_default())
    }
}

/// The columns of a file.
pub(crate) struct Columns {
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
    /// The columns in which values that a spreadsheet program has changed are reported.
    pub(crate) checked: &'static [&'static str],
}

impl CodeFile {
    /// Visits the rows of a file with these columns.
    pub(crate) fn rows(
        &self,
        Columns { required, optional, checked }: &Columns,
        problems: &mut Vec<CodesProblem>,
        mut visit: impl FnMut(&CodeRow<'_>, &mut Vec<CodesProblem>),
    ) {
        let Some(text) = normalizer_text::decode_file(&self.bytes) else {
            let message = "the file is neither UTF-8 nor UTF-16 nor GB18030; save it as UTF-8";
            return self.report(0, message.into(), problems);
        };
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .delimiter(delimiter(&text))
            .from_reader(text.as_bytes());
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(error) => return self.report(1, error.to_string(), problems),
        };
        let columns: HashMap<_, _> = header.iter().map(str::to_owned).zip(0..).collect();
        let missing = required.iter().find(|name| !columns.contains_key(**name));
        let unknown =
            header.iter().find(|name| !required.contains(name) && !optional.contains(name));
        // The map has the last index of each name.
        let mut indexed = header.iter().enumerate();
        let repeated = indexed.find(|(index, name)| columns.get(*name) != Some(index));
        let wrong = match (missing, unknown, repeated) {
            (Some(name), _, _) => Some(format!("column `{name}` is missing")),
            (None, Some(name), _) => Some(format!("column `{name}` is not known")),
            (None, None, Some((_, name))) => Some(format!("column `{name}` occurs twice")),
            (None, None, None) => None,
        };
        if let Some(wrong) = wrong {
            let (required, optional) = (required.join(","), optional.join(","));
            let message = format!(
                "{wrong}: the first line must name the columns {required}, and may name {optional}, \
                 each once"
            );
            return self.report(1, message, problems);
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
                    return self.report(line, error.to_string(), problems);
                }
            }
        }
        for (line, message) in checked.iter().flat_map(|column| damaged_cells(&rows, column)) {
            self.report(line, message, problems);
        }
        for row in &rows {
            visit(row, problems);
        }
    }

    /// Reports a problem with this file.
    pub(crate) fn report(&self, line: u64, message: String, problems: &mut Vec<CodesProblem>) {
        problems.push(CodesProblem { file: self.path.clone(), line, message });
    }
}

/// Whether a text consists of ASCII digits.
pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The separator of the cells: a tab or a semicolon if the first line has one, otherwise a comma.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    [b'\t', b';'].into_iter().find(|sign| header.as_bytes().contains(sign)).unwrap_or(b',')
}

/// The cells of one column that a spreadsheet program has changed: line and message of each. `0101` becomes
/// 101, eighteen digits become `3.40E+17`, and `1-2` becomes the second of January. Records contain the
/// original label, which would be unknown.
fn damaged_cells(rows: &[CodeRow<'_>], column: &str) -> Vec<(u64, String)> {
    let width = width_with_zeros(rows, column);
    let damaged = rows.iter().filter_map(|row| {
        let cell = row.get(column);
        let what = if is_scientific(cell) {
            "digits are lost; set the column to text and enter the number again".to_owned()
        } else if is_date(cell) {
            "a code such as 1-2 became a date; set the column to text and enter the code again".to_owned()
        } else if has_lost_zeros(cell, width) {
            let width = width.unwrap_or_default();
            format!(
                "leading zeros are missing: other cells have {width} digits; enter `{cell:0>width$}`"
            )
        } else {
            return None;
        };
        Some((row.line, format!("a spreadsheet has changed `{cell}` in column {column}: {what}")))
    });
    damaged.collect()
}

/// Whether a cell looks like `3.40E+11`.
fn is_scientific(cell: &str) -> bool {
    let Some((number, power)) = cell.split_once(['E', 'e']) else { return false };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    power.strip_prefix('+').is_some_and(is_digits) && is_digits(whole) && is_digits(fraction)
}

/// Whether a cell looks like `1月2日`, `2-Jan` or `Jan-02`.
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

/// The number of digits of the cells that begin with a zero, if it is the same for all of them.
fn width_with_zeros(rows: &[CodeRow<'_>], column: &str) -> Option<usize> {
    let mut widths = rows
        .iter()
        .map(|row| row.get(column))
        .filter(|cell| cell.len() > 1 && cell.starts_with('0') && is_digits(cell));
    let width = widths.next()?.len();
    widths.all(|cell| cell.len() == width).then_some(width)
}

/// Whether a number is shorter than `width`, the number of digits of those with leading zeros.
fn has_lost_zeros(cell: &str, width: Option<usize>) -> bool {
    is_digits(cell) && !cell.starts_with('0') && width.is_some_and(|width| cell.len() < width)
}
