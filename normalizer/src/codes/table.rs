//! A table of labels.

use std::{collections::HashMap, path::PathBuf};

use super::load::{CodesProblem, File};

/// What the labels of one source mean.
#[derive(Debug)]
pub struct CodeTable {
    file: PathBuf,
    rows: HashMap<String, Meaning>,
}

#[derive(Debug)]
struct Meaning {
    code: String,
    line: u64,
}

impl CodeTable {
    pub(super) fn parse(file: &File, problems: &mut Vec<CodesProblem>) -> Option<Self> {
        let rows = file.rows(&[&["raw", "code"], &["raw", "code", "label"]], problems)?;
        let mut table = Self { file: file.path.clone(), rows: HashMap::new() };
        let before = problems.len();
        for row in rows {
            let [raw, code, ..] = row.cells.as_slice() else { continue };
            if raw.is_empty() || code.is_empty() {
                file.fail::<()>(row.line, "raw and code must not be empty".into(), problems);
                continue;
            }
            let meaning = Meaning { code: code.clone(), line: row.line };
            if let Some(first) = table.rows.insert(raw.clone(), meaning) {
                let message = format!("`{raw}` is on line {} already; remove one", first.line);
                file.fail::<()>(row.line, message, problems);
            }
        }
        (problems.len() == before).then_some(table)
    }

    /// The code of a label.
    pub fn get(&self, raw: &str) -> Option<&str> {
        self.rows.get(raw).map(|meaning| meaning.code.as_str())
    }

    /// Every code that `allowed` refuses, as `file:line` and code.
    pub(crate) fn refused<'a>(
        &'a self,
        allowed: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (String, &'a str)> {
        let mut rows: Vec<_> = self.rows.values().filter(|row| !allowed(&row.code)).collect();
        rows.sort_by_key(|row| row.line);
        rows.into_iter()
            .map(|row| (format!("{}:{}", self.file.display(), row.line), row.code.as_str()))
    }

    /// Its content without form, for a fingerprint.
    pub(crate) fn content(&self) -> Vec<(&str, &str)> {
        let mut rows: Vec<_> =
            self.rows.iter().map(|(raw, row)| (raw.as_str(), row.code.as_str())).collect();
        rows.sort_unstable();
        rows
    }
}
