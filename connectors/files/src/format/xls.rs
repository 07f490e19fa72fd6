//! Reads the first sheet of workbooks in the format before Excel 2007 (.xls).
//!
//! The format cannot be read as a stream, because cells refer to texts at the beginning of the
//! file. So calamine keeps the whole file in memory: at most `MAX_BYTES`, and a sheet has at most
//! 65,536 rows.

use std::{fs::File, io::BufReader, sync::Arc};

use calamine::{Data, Range, Reader as _};

use super::{
    RowReader,
    header::find_header,
    xlsx::{SheetRow, dates_from_1904, not_a_workbook, plain_number},
};
use crate::{
    options::Options,
    spool::{FileError, FileReader},
};

/// The maximum size of a file. Workbooks of demands are far smaller.
const MAX_BYTES: u64 = 16 << 20;

/// Opens the first sheet of a workbook and reads its header.
pub(super) fn open(file: Arc<File>, options: &Options) -> Result<RowReader, FileError> {
    let n_bytes = file.metadata()?.len();
    if n_bytes > MAX_BYTES {
        let detail = format!("the file has {n_bytes} bytes; an .xls may have at most {MAX_BYTES}");
        return Err(FileError::content("too_large", detail));
    }
    let workbook = calamine::Xls::new(BufReader::new(FileReader::new(file)));
    let mut workbook = workbook.map_err(|_| not_a_workbook())?;
    if workbook.has_1904_epoch() {
        return Err(dates_from_1904());
    }
    let range = workbook.worksheet_range_at(0).ok_or_else(not_a_workbook)?;
    let range = range.map_err(|_| not_a_workbook())?;
    let mut sheet = Sheet { range, next_row: 0 };
    let header = find_header(&options.columns, || Ok(sheet.next().map(|row| row.cells)))?;
    Ok(Box::new(move || Ok(sheet.next().map(|row| row.into_raw_row(&header)))))
}

/// A sheet that is read row by row.
struct Sheet {
    range: Range<Data>,
    next_row: usize,
}

impl Sheet {
    /// The next row that is not empty.
    fn next(&mut self) -> Option<SheetRow> {
        let (first_row, first_column) = self.range.start()?;
        while self.next_row < self.range.height() {
            let number = u64::from(first_row) + self.next_row as u64 + 1;
            let empty_columns = (0..first_column).map(|_| String::new());
            let row = (0..self.range.width()).map(|column| self.range.get((self.next_row, column)));
            let cells: Vec<String> =
                empty_columns.chain(row.map(|cell| cell.map_or_else(String::new, text))).collect();
            self.next_row += 1;
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Some(SheetRow { number, cells });
            }
        }
        None
    }
}

/// The value of a cell as text. A date is a number of days.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => plain_number(&number.to_string()),
        Data::DateTime(days) => plain_number(&days.as_f64().to_string()),
        Data::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Data::Error(error) => error.to_string(),
    }
}
