//! Shows the rows of a sheet as people see them: without blank rows, and with the value of cells that
//! are merged over several rows in each of these rows.

use std::{cmp::Reverse, collections::BTreeMap};

use document::is_blank;

use super::{
    cell::{Cell, Doubt},
    workbook::Rows,
};
use crate::spool::FileError;

/// Cells of one column that are merged over several rows. The workbook has a value only in the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MergedCells {
    /// The column, from 0.
    pub(super) column: usize,
    /// The numbers of the first and the last row, from 1.
    pub(super) rows: (u64, u64),
}

/// The maximum number of merged cells in a sheet.
const MAX_MERGED: usize = 1 << 20;

/// Fails if a sheet has more merged cells than are kept in memory.
pub(super) fn check_number(merged: &[MergedCells]) -> Result<(), FileError> {
    if merged.len() <= MAX_MERGED {
        return Ok(());
    }
    let detail = format!("the sheet has more than {MAX_MERGED} merged cells");
    Err(FileError::content("too_large", detail))
}

/// Wraps the rows of a sheet. The texts of merged cells are added to rows after the size of these was
/// checked, so together they may not exceed `limit`.
pub(super) fn as_shown(mut rows: Rows, mut merged: Vec<MergedCells>, limit: usize) -> Rows {
    // The last one is taken first. Merged cells never overlap, except in a file that was made to fill the
    // memory: of those that begin in one cell, only the longest counts.
    merged.sort_unstable_by_key(|cells| Reverse((cells.rows.0, cells.column, cells.rows.1)));
    merged.dedup_by_key(|cells| (cells.rows.0, cells.column));
    // By column: the last row of the merged cells in it, and their value.
    let mut open: BTreeMap<usize, (u64, Cell)> = BTreeMap::new();
    Box::new(move || {
        loop {
            let Some(mut row) = rows()? else { return Ok(None) };
            if row.cells.iter().all(|cell| cell.doubt.is_none() && is_blank(&cell.text)) {
                continue;
            }
            open.retain(|_, (last_row, _)| *last_row >= row.number);
            for (column, (_, value)) in &open {
                if row.cells.len() <= *column {
                    row.cells.resize(column + 1, Cell::default());
                }
                if row.cells[*column] == Cell::default() {
                    row.cells[*column] = value.clone();
                }
            }
            while let Some(cells) = merged.pop_if(|cells| cells.rows.0 <= row.number) {
                let first = row.cells.get(cells.column).filter(|_| cells.rows.0 == row.number);
                if let Some(Cell { text, doubt }) = first.filter(|cell| **cell != Cell::default()) {
                    let no_key =
                        Doubt::NotAKey("the key is in cells that are merged over several rows");
                    let value = Cell { text: text.clone(), doubt: doubt.or(Some(no_key)) };
                    open.insert(cells.column, (cells.rows.1, value));
                }
            }
            if open.values().map(|(_, value)| value.text.len()).sum::<usize>() > limit {
                return Err(FileError::too_large(&format!("row {}", row.number), limit));
            }
            return Ok(Some(row));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{super::workbook::SheetRow, *};

    fn shown(
        cells: &[&[&str]],
        merged: Vec<MergedCells>,
        limit: usize,
    ) -> Result<Vec<Vec<String>>, FileError> {
        let row = |(number, texts): (u64, &&[&str])| {
            let cells = texts.iter().map(|text| Cell::text((*text).to_owned())).collect();
            SheetRow { number, cells }
        };
        let rows: Vec<SheetRow> = (1..).zip(cells).map(row).collect();
        let mut rows = rows.into_iter();
        let mut next = as_shown(Box::new(move || Ok(rows.next())), merged, limit);
        let mut found = Vec::new();
        while let Some(row) = next()? {
            found.push(row.cells.into_iter().map(|cell| cell.text).collect());
        }
        Ok(found)
    }

    #[test]
    fn merged_cells_that_are_listed_many_times_count_once() {
        let area = MergedCells { column: 1, rows: (1, 2) };
        // With a copy for each of them, the second row would exceed the limit.
        let found = shown(&[&["a", "xxxx"], &["b"], &["c"]], vec![area; 1_000], 10);
        assert_eq!(found.unwrap(), [vec!["a", "xxxx"], vec!["b", "xxxx"], vec!["c"]]);
    }

    #[test]
    fn texts_of_merged_cells_that_together_exceed_a_record_are_refused() {
        let merged =
            || (0..3).map(|n| MergedCells { column: n, rows: (n as u64 + 1, 9) }).collect();
        let cells: [&[&str]; 3] = [&["xxxx"], &["", "xxxx"], &["", "", "xxxx"]];
        assert_eq!(shown(&cells, merged(), 12).unwrap()[2], ["xxxx"; 3]);
        let refused = shown(&cells, merged(), 10);
        assert!(matches!(refused, Err(FileError::Content(reason)) if reason.code == "too_large"));
    }
}
