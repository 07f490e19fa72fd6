//! Workbooks of Excel (.xlsx): the first sheet, row by row.
//!
//! Not calamine: it holds a sheet in memory as wide and as long as it declares to be, and a sheet
//! that was formatted to row 65,202 declares that whatever it holds. Here the sheet is unpacked to
//! the disk and read as a stream; only the table of texts is in memory, and that has a limit.
//! Values are given as the file holds them: a date is a number of days, as in the source.

mod package;
mod sheet;
mod strings;

use std::{fs::File, sync::Arc};

use serde_json::Value;

use self::{package::Package, sheet::Sheet};
use super::{
    Broken, Row, Rows,
    header::{Columns, Header, LOOKED_AT, NoHeader},
};
use crate::plan::FormPlan;

/// The records of a workbook's first sheet.
pub(super) struct Xlsx {
    sheet: Sheet,
    header: Header,
}

impl Xlsx {
    pub(super) fn open(file: Arc<File>, plan: &FormPlan) -> Result<Self, Broken> {
        let mut package = Package::open(file, plan.limits)?;
        let workbook = package.workbook()?;
        if workbook.counts_from_1904 {
            return Err(dates_from_1904());
        }
        let strings = package.strings()?;
        let mut sheet = Sheet::open(package.part(&workbook.first_sheet)?, strings, plan.max_record);
        let mut next = || sheet.next();
        let header = find_header(&mut next, &plan.columns)?;
        Ok(Self { sheet, header })
    }
}

impl Rows for Xlsx {
    fn next(&mut self) -> Result<Option<Row>, Broken> {
        let cells = self.sheet.next()?;
        Ok(cells.map(|cells| cells.row(&self.header)))
    }
}

/// One row that holds something: its number, and its cells from the first column on.
pub(super) struct Cells {
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
}

impl Cells {
    pub(super) fn row(self, header: &Header) -> Row {
        let missing = header.len().saturating_sub(self.cells.len());
        let cells = self.cells.into_iter().chain(std::iter::repeat_n(String::new(), missing));
        let tree = Value::Object(header.object(cells.map(Value::String)));
        Row::of_cells(format!("row {}", self.number), tree)
    }
}

/// Among the first rows that hold something.
pub(super) fn find_header(
    next: &mut dyn FnMut() -> Result<Option<Cells>, Broken>,
    columns: &Columns,
) -> Result<Header, Broken> {
    let mut first: Option<NoHeader> = None;
    for _ in 0..LOOKED_AT {
        let Some(row) = next()? else { break };
        match columns.recognise(row.cells.iter().map(String::as_str)) {
            Ok(header) => return Ok(header),
            Err(no) => {
                first.get_or_insert(no);
            }
        }
    }
    Err(Broken::content("unknown_header", first.unwrap_or_default().detail()))
}

/// Every date would be read four years early, and nothing would look wrong.
pub(super) fn dates_from_1904() -> Broken {
    Broken::content("dates_from_1904", "the workbook counts its days from 1904")
}

/// A number as a person would write it: whole ones without `.0` and without an exponent.
pub(super) fn plain_number(text: &str) -> String {
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < WHOLE => format!("{number:.0}"),
        Ok(number) if text.contains(['e', 'E']) => number.to_string(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
