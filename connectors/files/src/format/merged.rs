//! Shows the rows of a sheet as people see them: without blank rows, and with the value of cells that
//! are merged over several rows in each of these rows.

use super::{
    cell::{Cell, Doubt},
    workbook::Rows,
};

/// Cells of one column that are merged over several rows. The workbook has a value only in the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MergedCells {
    /// The column, from 0.
    pub(super) column: usize,
    /// The numbers of the first and the last row, from 1.
    pub(super) rows: (u64, u64),
}

/// The maximum number of merged cells in a sheet.
pub(super) const MAX_MERGED: usize = 1 << 20;

/// Wraps the rows of a sheet.
pub(super) fn as_shown(mut rows: Rows, mut merged: Vec<MergedCells>) -> Rows {
    merged.sort_by_key(|cells| std::cmp::Reverse(cells.rows));
    let mut open: Vec<(MergedCells, Cell)> = Vec::new();
    Box::new(move || {
        loop {
            let Some(mut row) = rows()? else { return Ok(None) };
            if row.cells.iter().all(|cell| cell.doubt.is_none() && is_blank(&cell.text)) {
                continue;
            }
            open.retain(|(cells, _)| cells.rows.1 >= row.number);
            for (cells, value) in &open {
                if row.cells.len() <= cells.column {
                    row.cells.resize(cells.column + 1, Cell::default());
                }
                if row.cells[cells.column] == Cell::default() {
                    row.cells[cells.column] = value.clone();
                }
            }
            while let Some(cells) = merged.pop_if(|cells| cells.rows.0 <= row.number) {
                let first = row.cells.get(cells.column).filter(|_| cells.rows.0 == row.number);
                if let Some(Cell { text, doubt }) = first.filter(|cell| **cell != Cell::default()) {
                    let no_key =
                        Doubt::NotAKey("the key is in cells that are merged over several rows");
                    let value = Cell { text: text.clone(), doubt: doubt.or(Some(no_key)) };
                    open.push((cells, value));
                }
            }
            return Ok(Some(row));
        }
    })
}

/// Whether nobody sees anything in a cell. A file of DOS ends with the character U+001A.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control())
}
