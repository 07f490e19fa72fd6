//! Finding and reading the files.

use std::{
    fmt, fs,
    io::Read,
    path::{Path, PathBuf},
};

/// What is wrong in a code table, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodesProblem {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for CodesProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// One file, read.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

/// A line of a file.
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) cells: Vec<String>,
}

/// The largest code table; the national one of divisions down to streets takes two megabytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// How deep folders may lie in each other: a channel's folder, and one for its parts.
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

impl File {
    /// The rows under one of the allowed headers; `None` if there is something wrong.
    pub(crate) fn rows(
        &self,
        headers: &[&[&str]],
        problems: &mut Vec<CodesProblem>,
    ) -> Option<Vec<Row>> {
        // Spreadsheet programs put a byte order mark in front.
        let bytes = self.bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.bytes);
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = match reader.headers() {
            Ok(header) => header.iter().map(str::to_owned).collect::<Vec<_>>(),
            Err(error) => return self.fail(1, error.to_string(), problems),
        };
        if !headers.iter().any(|allowed| *allowed == header) {
            let allowed: Vec<_> = headers.iter().map(|header| header.join(",")).collect();
            let message = format!("the first line must be {}", allowed.join(" or "));
            return self.fail(1, message, problems);
        }
        let mut rows = Vec::new();
        for record in reader.records() {
            match record {
                Ok(record) => rows.push(Row {
                    line: record.position().map_or(0, csv::Position::line),
                    cells: record.iter().map(str::to_owned).collect(),
                }),
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    return self.fail(line, error.to_string(), problems);
                }
            }
        }
        Some(rows)
    }

    /// Records a problem.
    pub(crate) fn fail<T>(
        &self,
        line: u64,
        message: String,
        problems: &mut Vec<CodesProblem>,
    ) -> Option<T> {
        problems.push(CodesProblem { file: self.path.clone(), line, message });
        None
    }
}
