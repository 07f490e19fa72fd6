//! Finds the header: the row that names the columns. They may be in any order, and each may have
//! several names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::spool::FileError;

/// The number of rows that are searched for the header, because people write titles above it.
const MAX_HEADER_ROWS: usize = 10;

/// The columns that a table must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// Maps every known name of a column, with its aliases, to the column.
    names: BTreeMap<String, String>,
    required: BTreeSet<String>,
}

/// The names of the columns, in the order of the file; `None` for a column without a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header(pub(super) Vec<Option<String>>);

/// Finds the header among the first rows. `next` returns the next row that is not empty.
pub(super) fn find_header(
    columns: &Columns,
    mut next: impl FnMut() -> Result<Option<Vec<String>>, FileError>,
) -> Result<Header, FileError> {
    let mut first_error = None;
    for _ in 0..MAX_HEADER_ROWS {
        let Some(cells) = next()? else { break };
        match columns.parse_header(cells.iter().map(String::as_str)) {
            Ok(header) => return Ok(header),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(FileError::content("unknown_header", first_error.unwrap_or_else(no_names)))
}

impl Columns {
    /// Fails if two columns share a name.
    pub(crate) fn new(columns: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut names = BTreeMap::new();
        for (column, aliases) in columns {
            for name in [column].into_iter().chain(aliases) {
                if let Some(other) = names.insert(trim_name(name), column.clone())
                    && other != *column
                {
                    return Err(format!("`{name}` is a name of `{other}` and of `{column}`"));
                }
            }
        }
        Ok(Self { names, required: columns.keys().cloned().collect() })
    }

    /// Also requires the column of the key: a table without it has no header, and its first row is
    /// data.
    pub(crate) fn and(mut self, column: Option<&str>) -> Self {
        if let Some(column) = column {
            self.names.entry(column.to_owned()).or_insert_with(|| column.to_owned());
            self.required.insert(column.to_owned());
        }
        self
    }

    /// The name of a column under any of its names.
    fn column(&self, cell: &str) -> String {
        let name = trim_name(cell);
        self.names.get(&name).cloned().unwrap_or(name)
    }

    /// Whether a row names all columns again, and if so, whether in the same order.
    pub(super) fn is_header<'a>(
        &self,
        header: &Header,
        cells: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<bool> {
        // Most rows are known by one cell.
        let first = cells.clone().find(|cell| !cell.is_empty())?;
        let first = self.column(first);
        header.0.iter().flatten().find(|name| **name == first)?;
        let mut names: Vec<String> = cells.map(|cell| self.column(cell)).collect();
        names.retain(|name| !name.is_empty());
        let mut expected: Vec<String> = header.0.iter().flatten().cloned().collect();
        let is_same = names == expected;
        names.sort_unstable();
        expected.sort_unstable();
        (names == expected).then_some(is_same)
    }

    /// Reads a row as the header. Fails, with a message, if it is another row.
    fn parse_header<'a>(&self, cells: impl IntoIterator<Item = &'a str>) -> Result<Header, String> {
        let mut seen = BTreeSet::new();
        let (mut header, mut repeated) = (Vec::new(), Vec::new());
        for cell in cells {
            let name = Some(self.column(cell)).filter(|name| !name.is_empty());
            if let Some(name) = &name
                && !seen.insert(name.clone())
            {
                repeated.push(name.clone());
            }
            header.push(name);
        }
        while header.last().is_some_and(Option::is_none) {
            header.pop();
        }
        let missing: Vec<String> = self.required.difference(&seen).cloned().collect();
        // If some columns are required, the others may occur twice.
        repeated.retain(|name| self.required.is_empty() || self.required.contains(name));
        // If columns are required, only their names are shown: the row may contain personal data.
        match (&missing[..], &repeated[..]) {
            ([], []) if header.is_empty() => Err(no_names()),
            ([], []) => Ok(Header(header)),
            ([], repeated) => Err(format!("the header repeats columns: {}", repeated.join(", "))),
            (missing, _) => {
                Err(format!("no row names all required columns; missing: {}", missing.join(", ")))
            }
        }
    }
}

impl Header {
    pub(super) fn name(&self, column: usize) -> Option<&str> {
        self.0.get(column)?.as_deref()
    }

    /// Gives all columns of one name the value that is not empty. Returns the columns whose name
    /// occurred before, and whether their value is the only one.
    pub(super) fn merge_repeated(&self, cells: &mut [String]) -> Vec<(usize, bool)> {
        let (mut first_columns, mut repeated) = (BTreeMap::new(), Vec::new());
        for (column, name) in self.0.iter().enumerate().take(cells.len()) {
            let Some(name) = name else { continue };
            let first = *first_columns.entry(name).or_insert(column);
            if first == column {
                continue;
            }
            let is_only = cells[first].is_empty() || cells[column].is_empty();
            repeated.push((column, is_only || cells[first] == cells[column]));
            if cells[first].is_empty() {
                cells.swap(first, column);
            }
            cells[column] = cells[first].clone();
        }
        repeated
    }

    /// The row as an object with one member for each named column.
    pub(super) fn object(&self, cells: impl IntoIterator<Item = Value>) -> Map<String, Value> {
        let named = self.0.iter().zip(cells);
        named.filter_map(|(name, cell)| Some((name.clone()?, cell))).collect()
    }
}

fn no_names() -> String {
    "no header row was found".to_owned()
}

/// A name without the whitespace and control characters around it.
fn trim_name(name: &str) -> String {
    name.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{FEFF}').to_owned()
}

#[cfg(test)]
mod tests;
