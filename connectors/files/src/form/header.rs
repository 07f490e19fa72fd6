//! The header: the row that names the columns, by any of their names and in any order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::spool::Broken;

/// Number of rows that are searched for a header: people write titles above it.
const LOOKED_AT: usize = 10;

/// The columns a table must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    /// The column of each known name.
    names: BTreeMap<String, String>,
    wanted: BTreeSet<String>,
}

/// The names of the columns by their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header(Vec<Option<String>>);

/// Finds the header among the first rows that are not empty.
pub(super) fn find_header(
    columns: &Columns,
    mut next: impl FnMut() -> Result<Option<Vec<String>>, Broken>,
) -> Result<Header, Broken> {
    let mut first = None;
    for _ in 0..LOOKED_AT {
        let Some(cells) = next()? else { break };
        match columns.recognise(cells.iter().map(String::as_str)) {
            Ok(header) => return Ok(header),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(Broken::content("unknown_header", first.unwrap_or_else(no_names)))
}

impl Columns {
    /// Fails if two columns have one name.
    pub(crate) fn new(columns: &BTreeMap<String, Vec<String>>) -> Result<Self, String> {
        let mut names = BTreeMap::new();
        for (column, others) in columns {
            for name in [column].into_iter().chain(others) {
                if let Some(other) = names.insert(tidy(name), column.clone())
                    && other != *column
                {
                    return Err(format!("`{name}` is a name of `{other}` and of `{column}`"));
                }
            }
        }
        Ok(Self { names, wanted: columns.keys().cloned().collect() })
    }

    /// The columns of a row, if it is the header.
    fn recognise<'a>(&self, cells: impl IntoIterator<Item = &'a str>) -> Result<Header, String> {
        let mut seen = BTreeSet::new();
        let (mut header, mut twice) = (Vec::new(), Vec::new());
        for cell in cells {
            let name = tidy(cell);
            let name = self.names.get(&name).cloned().unwrap_or(name);
            let name = (!name.is_empty()).then_some(name);
            if let Some(name) = &name
                && !seen.insert(name.clone())
            {
                twice.push(name.clone());
            }
            header.push(name);
        }
        while header.last().is_some_and(Option::is_none) {
            header.pop();
        }
        let missing: Vec<String> = self.wanted.difference(&seen).cloned().collect();
        // Columns that the channel does not need may be named twice.
        twice.retain(|name| self.wanted.is_empty() || self.wanted.contains(name));
        // Names of columns come from the channel, so they may be quoted.
        match (&missing[..], &twice[..]) {
            ([], []) if header.is_empty() => Err(no_names()),
            ([], []) => Ok(Header(header)),
            ([], twice) => Err(format!("the first row names twice: {}", twice.join(", "))),
            (missing, _) => {
                Err(format!("no row names all columns, missing: {}", missing.join(", ")))
            }
        }
    }
}

impl Header {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn name(&self, place: usize) -> Option<&str> {
        self.0.get(place)?.as_deref()
    }

    /// The row as an object of its columns. A column without a name is left out.
    pub(super) fn object(&self, cells: impl IntoIterator<Item = Value>) -> Map<String, Value> {
        let named = self.0.iter().zip(cells);
        named.filter_map(|(name, cell)| Some((name.clone()?, cell))).collect()
    }
}

fn no_names() -> String {
    "there is no row that names columns".to_owned()
}

/// A name without the blanks that spreadsheets leave around it.
fn tidy(name: &str) -> String {
    name.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{FEFF}').to_owned()
}

#[cfg(test)]
mod tests;
