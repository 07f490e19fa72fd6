//! What a row of a table looks like: it tells a row from a line within a cell.

use std::collections::BTreeSet;

use super::{layout::Layout, splitter::Cell};
use crate::{TimeFormat, header::Header};

/// Where a row has its key and its revision.
#[derive(Debug, Clone)]
pub(super) struct RowShape {
    pub(super) n_columns: usize,
    /// The first column of the key.
    key: Option<usize>,
    /// The column of the revision, and its format; `None` if it is not in the row.
    revision: Option<(usize, Option<TimeFormat>)>,
    /// The number of cells up to the last required column.
    n_required: usize,
}

impl RowShape {
    pub(super) fn new(header: &Header, layout: &Layout) -> Self {
        let place = |name: &String| header.position(name);
        let keys: Vec<usize> = layout.key.iter().filter_map(place).collect();
        let revision = layout.revision.as_ref();
        let revision = revision.and_then(|(name, format)| Some((place(name)?, format.clone())));
        let key = keys.iter().copied().min();
        let columns = layout.required.iter().filter_map(place).chain(keys);
        let n_required = columns.max().map_or(0, |last| last + 1);
        Self { n_columns: header.n_columns(), key, revision, n_required }
    }

    /// Whether a row that lacks cells at its end is complete: it has all required columns, and a
    /// revision. The part of a row that a line end has broken in two has no revision.
    pub(super) fn stands_alone(&self, cells: &[Cell]) -> bool {
        cells.len() >= self.n_required && self.has_revision(cells)
    }

    /// Whether a row that spans several lines is surely one row: it has as many cells as the header,
    /// and no line after the first begins like a row. `first` is the first line as a row, and `lines`
    /// are the others.
    pub(super) fn is_one_row(
        &self,
        cells: &[Cell],
        first: &[Cell],
        mut lines: impl Iterator<Item = Vec<Cell>>,
    ) -> bool {
        let mut extra = cells.iter().skip(self.n_columns);
        let is_whole = match cells.len() < self.n_columns {
            true => self.stands_alone(cells),
            false => extra.all(|cell| cell.text.is_empty()),
        };
        let known = self.key.and_then(|key| first.get(key));
        let begins_row = |line: Vec<Cell>| {
            let key = self.key.filter(|_| line.len() > 1).and_then(|key| line.get(key));
            known.zip(key).is_some_and(|(known, key)| are_alike(&known.text, &key.text))
        };
        is_whole && !lines.any(begins_row)
    }

    /// The text in the column of the key.
    pub(super) fn key_text(&self, cells: &[Cell]) -> String {
        let cell = self.key.and_then(|key| cells.get(key));
        cell.map(|cell| cell.text.clone()).unwrap_or_default()
    }

    fn has_revision(&self, cells: &[Cell]) -> bool {
        let Some((column, format)) = &self.revision else { return false };
        let Some(text) = cells.get(*column).map(|cell| cell.text.trim()) else { return false };
        match format {
            None => text.parse::<i64>().is_ok(),
            Some(format) => format.read(text).is_some(),
        }
    }
}

/// Whether two texts may be keys of one kind: they have characters of the same kinds, and about the
/// same length.
pub(super) fn are_alike(a: &str, b: &str) -> bool {
    let kinds = |text: &str| -> BTreeSet<char> {
        let kind = |c: char| match c {
            '0'..='9' => '9',
            c if c.is_ascii_alphabetic() => 'a',
            c if c.is_alphanumeric() => '字',
            c => c,
        };
        text.trim().chars().map(kind).collect()
    };
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    short > 0 && long <= 2 * short && kinds(a) == kinds(b)
}
