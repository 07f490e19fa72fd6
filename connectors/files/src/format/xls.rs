//! Reads workbooks in the format before Excel 2007 (.xls).
//!
//! The format cannot be read as a stream, because cells refer to texts at the beginning of the
//! file. So calamine keeps the whole file in memory: at most `MAX_BYTES`, and a sheet has at most
//! 65,536 rows. It does not return number formats, so nobody knows which numbers people see with leading
//! zeros.

mod container;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Cursor, Read as _, Seek as _, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use calamine::{Data, Range, Reader as _, SheetType, SheetVisible, XlsError};

use self::container::WorkbookSummary;
use super::{
    RowReader,
    cell::{Cell, Doubt, NumberFormat},
    merged::{MergedCells, as_shown, check_number},
    workbook::{self, Rows, SheetInfo, SheetRow, has_password, not_a_workbook},
};
use crate::{
    options::Options,
    spool::{FileError, FileReader},
};

/// The maximum size of a file. Workbooks of demands are far smaller.
const MAX_BYTES: u64 = 16 << 20;
/// The maximum number of cells of all sheets, with the empty ones between others.
const MAX_CELLS: u64 = 4 << 20;
/// The maximum number of characters in all cells: each cell has a copy of its text in memory.
const MAX_CHARS: u64 = 64 << 20;

/// Opens a workbook and reads the header of its sheet.
pub(super) fn open(file: Arc<File>, options: &Options) -> Result<RowReader, FileError> {
    if is_encrypted_xlsx(FileReader::new(Arc::clone(&file)))? {
        return Err(has_password());
    }
    let n_bytes = file.metadata()?.len();
    if n_bytes > MAX_BYTES {
        let detail = format!("the file has {n_bytes} bytes; an .xls may have at most {MAX_BYTES}");
        return Err(FileError::content("too_large", detail));
    }
    let mut bytes = Vec::new();
    FileReader::new(file).read_to_end(&mut bytes)?;
    let book = container::workbook(&bytes).ok_or_else(not_a_workbook)?;
    drop(bytes);
    let WorkbookSummary { has_padded_format, n_cells, n_shared_chars } =
        WorkbookSummary::of(&book).ok_or_else(not_a_workbook)?;
    for (number, what, max) in
        [(n_cells, "cells", MAX_CELLS), (n_shared_chars, "characters", MAX_CHARS)]
    {
        if number > max {
            let detail = format!("the sheets have {number} {what}; an .xls may have at most {max}");
            return Err(FileError::content("too_large", detail));
        }
    }
    // calamine trusts the lengths in a file: a damaged file can make it panic.
    let parse = || calamine::Xls::new(Cursor::new(container::packed(&book)));
    let mut book = match catch_unwind(AssertUnwindSafe(parse)) {
        Ok(Ok(book)) => book,
        Ok(Err(XlsError::Password)) => return Err(has_password()),
        _ => return Err(not_a_workbook()),
    };
    let is_1904 = book.has_1904_epoch();
    let sheets = book.sheets_metadata().iter();
    let sheets: Vec<SheetInfo> = sheets
        .filter(|sheet| sheet.typ == SheetType::WorkSheet)
        .map(|sheet| SheetInfo {
            name: sheet.name.clone(),
            is_visible: sheet.visible == SheetVisible::Visible,
        })
        .collect();
    // calamine finds a sheet by its name: of two with one name, it would hide the first.
    let names = book.sheets_metadata().iter().map(|sheet| &*sheet.name);
    if names.collect::<BTreeSet<&str>>().len() < book.sheets_metadata().len() {
        return Err(not_a_workbook());
    }
    let open_sheet = |index: usize| -> Result<Rows, FileError> {
        let name = &sheets.get(index).ok_or_else(not_a_workbook)?.name;
        let range = book.worksheet_range(name).map_err(|_| not_a_workbook())?;
        let areas = book.merge_cells_by_sheet_name(name).map_err(|_| not_a_workbook())?;
        let merged = areas.iter().filter(|area| area.start.0 < area.end.0);
        let merged = merged.map(|area| MergedCells {
            column: area.start.1 as usize,
            rows: (u64::from(area.start.0) + 1, u64::from(area.end.0) + 1),
        });
        let merged: Vec<MergedCells> = merged.collect();
        check_number(&merged)?;
        let mut sheet = Sheet { range, is_1904, may_be_padded: has_padded_format, next_row: 0 };
        Ok(as_shown(Box::new(move || Ok(sheet.next())), merged, options.max_record_bytes))
    };
    workbook::open(&sheets, open_sheet, options)
}

/// Whether a file is an encrypted .xlsx workbook: the directory of the container then has a stream
/// with the name `EncryptedPackage`, in UTF-16.
fn is_encrypted_xlsx(mut file: FileReader) -> Result<bool, FileError> {
    let (mut start, mut directory) = (Vec::new(), Vec::new());
    file.by_ref().take(52).read_to_end(&mut start)?;
    let Ok(start) = <[u8; 52]>::try_from(start) else { return Ok(false) };
    let sector = u64::from(u32::from_le_bytes([start[48], start[49], start[50], start[51]])) + 1;
    file.seek(SeekFrom::Start(sector << start[30].min(12)))?;
    file.take(4_096).read_to_end(&mut directory)?;
    let name: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(directory.windows(name.len()).any(|window| window == name))
}

/// A sheet that is read row by row.
struct Sheet {
    range: Range<Data>,
    is_1904: bool,
    /// Whether the workbook has a number format with leading zeros.
    may_be_padded: bool,
    next_row: usize,
}

impl Sheet {
    fn next(&mut self) -> Option<SheetRow> {
        let (first_row, first_column) = self.range.start()?;
        if self.next_row < self.range.height() {
            let number = u64::from(first_row) + self.next_row as u64 + 1;
            let empty_columns = (0..first_column).map(|_| Cell::default());
            let row = (0..self.range.width()).map(|column| self.range.get((self.next_row, column)));
            let row = row.map(|data| data.map_or_else(Cell::default, |data| self.cell(data)));
            let cells: Vec<Cell> = empty_columns.chain(row).collect();
            self.next_row += 1;
            return Some(SheetRow { number, cells });
        }
        None
    }

    fn cell(&self, data: &Data) -> Cell {
        let number = |text: &str, format| {
            let mut cell = Cell::number(text, &format, self.is_1904);
            let is_whole = cell.text.bytes().all(|byte| byte.is_ascii_digit());
            if self.may_be_padded && is_whole && cell.doubt.is_none() {
                cell.doubt = Some(Doubt::NotAKey(
                    "the key is a number that may have leading zeros, which an .xls does not tell; \
                     ask the source to save it as .xlsx, or to write it as text",
                ));
            }
            cell
        };
        match data {
            Data::Empty => Cell::default(),
            Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
                Cell::text(text.clone())
            }
            Data::Int(value) => number(&value.to_string(), NumberFormat::Plain),
            Data::Float(value) => number(&value.to_string(), NumberFormat::Plain),
            Data::DateTime(time) => {
                let is_elapsed = time.is_duration();
                let format = if is_elapsed { NumberFormat::Elapsed } else { NumberFormat::Date };
                number(&time.as_f64().to_string(), format)
            }
            Data::Bool(value) => Cell::boolean(*value),
            Data::Error(error) => Cell::lost(error.to_string(), "the formula of the cell failed"),
        }
    }
}
