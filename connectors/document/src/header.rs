//! Finds the header: the row that names the columns. They may be in any order, and each may have
//! several names.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use contract::{FieldFlag, Reason, demand::QualityFlag};
use serde_json::{Map, Value};

use crate::{Defects, csv::FileError};

/// The number of rows that are searched for the header, because people write titles above it.
const MAX_HEADER_ROWS: usize = 10;

/// The columns that a table must have.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Maps every known name of a column, with its aliases, to the column.
    names: BTreeMap<String, String>,
    required: BTreeSet<String>,
}

/// The columns of a table, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Their names; `None` for a column without a name.
    pub(crate) names: Vec<Option<String>>,
    /// For each column whose name occurred before: the first column of that name, and this one.
    repeated: Vec<(usize, usize)>,
}

/// The maximum number of columns: that of an Excel sheet.
pub const MAX_COLUMNS: usize = 16_384;

/// The code of a damaged row that stands above the header.
pub const ABOVE_HEADER: &str = "above_header";

/// One row of a table.
#[derive(Debug, Default)]
pub struct TableRow {
    /// Where it is in the table, for people: `line 7`.
    pub at: String,
    /// Its cells by the names of their columns; `null` if nobody knows which column each cell is in.
    pub tree: Value,
    /// Its bytes; `None` if it is not text, or a title.
    pub bytes: Option<Vec<u8>>,
    /// What is wrong with it.
    pub defects: Defects,
    /// Whether it is a title above the header, not a record.
    pub is_title: bool,
}

/// Finds the header among the first rows. `next` returns the next row that is not empty: its place and
/// its cells. Also returns the rows above the header: titles, and records as damaged rows.
///
/// # Errors
/// None of the first rows is the header, or `next` fails.
pub fn find_header(
    columns: &Columns,
    mut next: impl FnMut() -> Result<Option<(String, Vec<String>)>, FileError>,
) -> Result<(Header, VecDeque<TableRow>), FileError> {
    let (mut nearest, mut above) = (None::<NotAHeader>, Vec::<(String, Vec<String>)>::new());
    for _ in 0..MAX_HEADER_ROWS {
        let Some((at, cells)) = next()? else { break };
        match columns.parse_header(cells.iter().map(String::as_str)) {
            Ok(header) => {
                header.check().map_err(|detail| FileError::content("unknown_header", detail))?;
                let above = above.into_iter().map(|(at, cells)| {
                    match header.may_be_record(columns, &cells) {
                        true => record_above(at, &cells),
                        false => TableRow { at, is_title: true, ..TableRow::default() },
                    }
                });
                let above = above.collect();
                return Ok((header, above));
            }
            Err(error) => {
                if nearest.as_ref().is_none_or(|known| error.n_missing < known.n_missing) {
                    nearest = Some(error);
                }
            }
        }
        above.push((at, cells));
    }
    let message = nearest.unwrap_or_else(no_names).message;
    Err(FileError::content("unknown_header", message))
}

/// Why a row is not the header.
#[derive(Debug)]
struct NotAHeader {
    /// The number of required columns that it does not name.
    n_missing: usize,
    message: String,
}

/// The row for a record above the header: nobody knows which cell is in which column.
fn record_above(at: String, cells: &[String]) -> TableRow {
    let detail = "the row stands above the header; ask the source for a header in the first row";
    let damage = Some(Reason::new(ABOVE_HEADER, detail));
    let bytes = Some(cells.join("\t").into_bytes());
    TableRow { at, bytes, defects: Defects { damage, ..Defects::default() }, ..TableRow::default() }
}

impl Columns {
    /// The columns with these names, each with its other names.
    ///
    /// # Errors
    /// Two columns share a name.
    pub fn new(columns: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
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

    /// Also requires this column of the key: a row without it is data and not the header.
    #[must_use]
    pub fn with_key_column(mut self, column: &str) -> Self {
        self.names.entry(column.to_owned()).or_insert_with(|| column.to_owned());
        self.required.insert(column.to_owned());
        self
    }

    /// The column that a cell of the header names: by its name or an alias; the cell's own text if no such
    /// column is configured.
    fn column(&self, cell: &str) -> String {
        let name = trim_name(cell);
        self.names.get(&name).cloned().unwrap_or(name)
    }

    /// Whether a row names all columns again: `Some(true)` in the same order, `Some(false)` in another one;
    /// `None` if it is no header.
    pub(crate) fn repeats_header<'a>(
        &self,
        header: &Header,
        cells: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<bool> {
        // The first filled cell is enough to recognise most rows as data.
        let first = cells.clone().find(|cell| !cell.is_empty())?;
        let first = self.column(first);
        header.names.iter().flatten().find(|name| **name == first)?;
        let mut names: Vec<String> = cells.map(|cell| self.column(cell)).collect();
        names.retain(|name| !name.is_empty());
        let mut expected: Vec<String> = header.names.iter().flatten().cloned().collect();
        let is_same = names == expected;
        names.sort_unstable();
        expected.sort_unstable();
        (names == expected).then_some(is_same)
    }

    /// Whether a row may be the header. If no column is required, a header has at least two names.
    pub fn may_be_header(&self, cells: &[&str]) -> bool {
        let n_names = cells.iter().filter(|cell| !is_blank(cell)).count();
        let header = self.parse_header(cells.iter().copied());
        header.is_ok() && (n_names > 1 || !self.required.is_empty())
    }

    /// The header with these names, which a table itself does not have.
    ///
    /// # Errors
    /// The names lack a required column, or cannot be a header.
    pub(crate) fn header(&self, names: &[String]) -> Result<Header, Reason> {
        let header = self.parse_header(names.iter().map(String::as_str));
        let header = header.map_err(|error| error.message);
        let header = header.and_then(|header| header.check().map(|()| header));
        header.map_err(|what| Reason::new("unknown_header", format!("`csv.header`: {what}")))
    }

    /// Reads a row as the header. Fails if it is another row.
    fn parse_header<'a>(
        &self,
        cells: impl IntoIterator<Item = &'a str>,
    ) -> Result<Header, NotAHeader> {
        let mut seen = BTreeSet::new();
        let (mut names, mut repeated) = (Vec::new(), Vec::new());
        for cell in cells {
            let name = Some(self.column(cell)).filter(|name| !name.is_empty());
            if let Some(name) = &name
                && !seen.insert(name.clone())
            {
                repeated.push(name.clone());
            }
            names.push(name);
        }
        while names.last().is_some_and(Option::is_none) {
            names.pop();
        }
        let missing: Vec<String> = self.required.difference(&seen).cloned().collect();
        // If some columns are required, the others may occur twice.
        repeated.retain(|name| self.required.is_empty() || self.required.contains(name));
        // If columns are required, only their names are shown: the row may contain personal data.
        match (&missing[..], &repeated[..]) {
            ([], []) if names.is_empty() => Err(no_names()),
            ([], []) => Ok(Header::new(names)),
            ([], repeated) => {
                let message = format!("the header repeats columns: {}", repeated.join(", "));
                Err(NotAHeader { n_missing: 0, message })
            }
            (missing, _) => {
                let message = format!(
                    "no row names all required columns; the row that comes nearest lacks: {}",
                    missing.join(", ")
                );
                Err(NotAHeader { n_missing: missing.len(), message })
            }
        }
    }
}

impl Header {
    fn new(names: Vec<Option<String>>) -> Self {
        let mut firsts = BTreeMap::new();
        let later = names.iter().enumerate().filter_map(|(column, name)| {
            let first = *firsts.entry(name.as_deref()?).or_insert(column);
            (first < column).then_some((first, column))
        });
        let repeated = later.collect();
        Self { names, repeated }
    }

    /// Fails if this cannot be the header of a table.
    fn check(&self) -> Result<(), String> {
        if self.n_columns() > MAX_COLUMNS {
            return Err(format!(
                "the header has {} columns; {MAX_COLUMNS} are allowed",
                self.n_columns()
            ));
        }
        let is_separator = |c| matches!(c, '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let separator =
            self.names.iter().flatten().find_map(|name| name.chars().find(|c| is_separator(*c)));
        separator.map_or(Ok(()), |c| {
            let code = u32::from(c);
            Err(format!(
                "the header contains the line separator U+{code:04X}; rows must end with CR or LF"
            ))
        })
    }

    /// Whether a row above this header may be a record. It is a title if only one cell is filled, or at most half
    /// as many cells as the header has names. It is the upper row of a header of two rows if at least half of its
    /// filled cells are names of this header; a record may contain a few by chance.
    fn may_be_record(&self, columns: &Columns, cells: &[String]) -> bool {
        let names: BTreeSet<&str> = self.names.iter().flatten().map(String::as_str).collect();
        let is_name = |cell: &&String| names.contains(columns.column(cell).as_str());
        let (n_filled, n_names) = (n_filled(cells), cells.iter().filter(is_name).count());
        n_filled >= 2
            && 2 * n_filled > self.names.iter().flatten().count()
            && 2 * n_names < n_filled
    }

    /// The number of columns.
    pub fn n_columns(&self) -> usize {
        self.names.len()
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> Option<&str> {
        self.names.get(column)?.as_deref()
    }

    /// The column with this name: the first one, if there are several.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|each| each.as_deref() == Some(name))
    }

    /// The row as an object with one member for each named column. Columns of one name get their first value
    /// that is not empty; every such row is flagged in `defects`, and one with two different values is damaged.
    pub fn object(&self, mut cells: Vec<String>, defects: &mut Defects) -> Map<String, Value> {
        cells.resize(self.n_columns(), String::new());
        for (first, later) in self.repeated.iter().copied() {
            let other = std::mem::take(&mut cells[later]);
            let is_contradictory = ![cells[first].trim(), ""].contains(&other.trim());
            if cells[first].trim().is_empty() {
                cells[first] = other;
            } else if is_contradictory {
                let detail = "the header has a column twice, and the row has two values in it";
                defects.damage.get_or_insert_with(|| Reason::new("repeated_column", detail));
            }
            let field = self.name(later).unwrap_or_default().to_owned();
            let detail =
                "the header has this column twice; the first value that is not empty is used";
            let (flag, detail) = (QualityFlag::Damaged, detail.to_owned());
            defects.flags.push(FieldFlag { field, flag, detail });
        }
        let mut object = Map::with_capacity(self.n_columns());
        for (name, cell) in self.names.iter().zip(cells) {
            if let Some(name) = name {
                object.entry(name.as_str()).or_insert(Value::String(cell));
            }
        }
        object
    }
}

/// The number of cells in which people see something.
fn n_filled(cells: &[String]) -> usize {
    cells.iter().filter(|cell| !is_blank(cell)).count()
}

fn no_names() -> NotAHeader {
    NotAHeader { n_missing: 0, message: "no header row was found".to_owned() }
}

/// Whether nobody sees anything in a cell. A file of DOS ends with the character U+001A.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control())
}

/// A name without the whitespace and control characters around it, and without line breaks: people put
/// line breaks into long names.
fn trim_name(name: &str) -> String {
    let is_around = |c: char| c.is_whitespace() || c.is_control() || c == '\u{FEFF}';
    name.trim_matches(is_around).replace(['\r', '\n'], "")
}

#[cfg(test)]
mod tests;
