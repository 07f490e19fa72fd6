//! One code table.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use contract::Timestamp;

use super::{
    Difference,
    load::{CodeFile, CodesProblem, Columns},
    period::{Period, valid_row},
};

/// Translates the labels of one source into codes.
#[derive(Debug, Default)]
pub struct CodeTable {
    /// By label; the meanings of one label have different periods.
    rows: HashMap<String, Vec<Meaning>>,
    /// Length of the longest label, in characters.
    max_chars: usize,
}

/// The code of a label in a period, and the row that says so.
#[derive(Debug, Clone)]
struct Meaning {
    code: String,
    period: Period,
    file: Arc<PathBuf>,
    line: u64,
}

const COLUMNS: Columns = Columns {
    required: &["raw", "code"],
    optional: &["label", "aliases", "from", "until", "note"],
    checked: &["raw", "code"],
};

impl CodeTable {
    /// Parses a file. A row with an empty code removes the label from the shipped table.
    pub(super) fn parse(file: &CodeFile, problems: &mut Vec<CodesProblem>) -> Self {
        let mut table = Self::default();
        let path = Arc::new(file.path.clone());
        file.rows(&COLUMNS, problems, |row, problems| {
            let (raw, code) = (row.get("raw"), row.get("code"));
            if raw.is_empty() {
                return file.report(row.line, "raw must not be empty".into(), problems);
            }
            let period = match Period::parse(row.get("from"), row.get("until")) {
                Ok(period) => period,
                Err(message) => return file.report(row.line, message, problems),
            };
            let aliases = row.get("aliases").split('|').map(str::trim);
            for label in [raw].into_iter().chain(aliases.filter(|alias| !alias.is_empty())) {
                let meaning =
                    Meaning { code: code.to_owned(), period, file: path.clone(), line: row.line };
                let known = table.rows.entry(label.to_owned()).or_default();
                if let Some(first) = known.iter().find(|other| other.period.overlaps(period)) {
                    let message = format!(
                        "`{label}` is already on line {}; remove one of the two",
                        first.line
                    );
                    file.report(row.line, message, problems);
                }
                known.push(meaning);
            }
        });
        table.with_max_chars()
    }

    /// This table, overridden by `other`: the rows of a label in `other` replace all rows of that label. Also
    /// returns the labels whose codes differ.
    pub(super) fn overridden_by(&self, other: &Self, name: &str) -> (Self, Vec<Difference>) {
        let mut rows = self.rows.clone();
        let mut differences = Vec::new();
        for (label, meanings) in &other.rows {
            let before = rows.insert(label.clone(), meanings.clone());
            let codes = |meanings: &[Meaning]| {
                let codes: Vec<_> = meanings.iter().map(|meaning| meaning.code.as_str()).collect();
                codes.join(" ")
            };
            let (shipped, here) = (before.as_deref().map(codes), codes(meanings));
            if shipped.as_ref() != Some(&here) {
                let table = name.to_owned();
                differences.push(Difference { table, raw: label.clone(), shipped, here });
            }
        }
        differences.sort_by(|a, b| a.raw.cmp(&b.raw));
        (Self { rows, max_chars: 0 }.with_max_chars(), differences)
    }

    /// This table, with the length of its longest label computed.
    pub(super) fn with_max_chars(mut self) -> Self {
        self.max_chars = self.rows.keys().map(|label| label.chars().count()).max().unwrap_or(0);
        self
    }

    /// The newest code of a label; `None` if the label is unknown.
    pub fn get(&self, raw: &str) -> Option<&str> {
        self.code_at(raw, None)
    }

    /// The code that a label has at a time. With `by_prefix`, the label in the table need only be a prefix of
    /// `raw`; the longest one is used.
    pub(crate) fn find(&self, raw: &str, by_prefix: bool, at: Option<Timestamp>) -> Option<&str> {
        if !by_prefix {
            return self.code_at(raw, at);
        }
        let ends = raw.char_indices().map(|(start, c)| start + c.len_utf8());
        let ends: Vec<_> = ends.take(self.max_chars).collect();
        ends.into_iter().rev().find_map(|end| self.code_at(&raw[..end], at))
    }

    fn code_at(&self, raw: &str, at: Option<Timestamp>) -> Option<&str> {
        let meaning = valid_row(self.rows.get(raw)?, |row| row.period, at)?;
        (!meaning.code.is_empty()).then_some(meaning.code.as_str())
    }

    /// All labels.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }

    /// The codes that are not allowed: location (`file:line`) and code of each.
    pub(crate) fn disallowed<'a>(
        &'a self,
        allowed: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (String, &'a str)> {
        let meanings = self.rows.values().flatten();
        let mut rows: Vec<_> =
            meanings.filter(|row| !row.code.is_empty() && !allowed(&row.code)).collect();
        rows.sort_by_key(|row| row.line);
        rows.dedup_by_key(|row| row.line);
        rows.into_iter()
            .map(|row| (format!("{}:{}", row.file.display(), row.line), row.code.as_str()))
    }

    /// The content, for a fingerprint.
    pub(crate) fn content(&self) -> impl serde::Serialize {
        let mut rows: Vec<_> = self
            .rows
            .iter()
            .flat_map(|(raw, rows)| rows.iter().map(move |row| (raw, &row.code, row.period)))
            .map(|(raw, code, period)| (raw.as_str(), code.as_str(), period.content()))
            .collect();
        rows.sort_unstable();
        rows
    }
}
