//! What is known of a CSV text before it is read: the settings of a channel, and the columns that it needs.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{KeyPath, TimeFormat, column_name, header::Columns};

/// The largest number of bytes of one row, unless the channel says otherwise.
const MAX_ROW_BYTES: usize = 4 << 20;

/// The separators, the quotes and the header of CSV.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CsvConfig {
    /// The separator between two cells: one to four ASCII characters.
    pub delimiter: String,
    /// The quote around a cell that contains separators or line ends. Within such a cell, quotes
    /// are doubled.
    pub quote: char,
    /// Characters that are removed from the end of every line: some programs end lines with `;`.
    pub trailing: String,
    /// The names of the columns, in their order, if no row names them; "" for a column that is not read. Without
    /// it, one of the first ten rows names the columns.
    pub header: Option<Vec<String>>,
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self { delimiter: ",".into(), quote: '"', trailing: String::new(), header: None }
    }
}

impl CsvConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// They cannot work: what is wrong, and what to write instead.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let Self { delimiter, quote, header, .. } = self;
        let is_allowed = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', *quote]);
        if !(1..=4).contains(&delimiter.len()) || !is_allowed(delimiter) || !quote.is_ascii() {
            return Err((
                "`csv.delimiter` or `csv.quote` is not valid",
                "write an ASCII quote, and one to four other ASCII characters, no line ends, as delimiter",
            ));
        }
        if header.as_ref().is_some_and(|names| names.iter().all(|name| name.trim().is_empty())) {
            return Err((
                "`csv.header` names no column",
                "write it like [\"id\", \"title\"], or remove it",
            ));
        }
        Ok(())
    }
}

/// What is known of a CSV text before it is read.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The separators, the quotes and the header.
    pub csv: CsvConfig,
    /// The columns that it must have, with their other names.
    pub columns: Columns,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The column of the revision, and its format; `None` if it is not in the rows.
    pub revision: Option<(String, Option<TimeFormat>)>,
    /// The columns that every row must have.
    pub required: Vec<String>,
    /// The largest number of bytes of one row.
    pub max_record_bytes: usize,
    /// Whether it is certain that the text was not cut off at its end.
    pub is_whole: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            csv: CsvConfig::default(),
            columns: Columns::default(),
            key: Vec::new(),
            revision: None,
            required: Vec::new(),
            max_record_bytes: MAX_ROW_BYTES,
            is_whole: true,
        }
    }
}

impl Layout {
    /// What is known of a whole text whose rows have this key.
    pub fn new(csv: CsvConfig, key: &KeyPath) -> Self {
        let key: Vec<String> =
            key.paths().iter().filter_map(column_name).map(str::to_owned).collect();
        let columns =
            key.iter().fold(Columns::default(), |columns, name| columns.with_key_column(name));
        Self { csv, columns, key, ..Self::default() }
    }
}
