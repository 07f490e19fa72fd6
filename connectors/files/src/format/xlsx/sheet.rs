//! Reads the rows of a sheet as a stream.

use std::sync::Arc;

use document::MAX_COLUMNS;
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{
    Part, attribute, not_a_workbook,
    shared::{Shared, TextCollector, next_event, push_reference, unescaped},
};
use crate::{
    format::{
        cell::Cell,
        merged::{MergedCells, check_number},
        workbook::SheetRow,
    },
    spool::FileError,
};

/// A sheet that is being read.
pub(super) struct Sheet {
    reader: Reader<Part>,
    shared: Arc<Shared>,
    limit: usize,
    buffer: Vec<u8>,
    row_number: u64,
}

/// The kind of a cell's value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum CellType {
    #[default]
    Number,
    SharedText,
    InlineText,
    Bool,
    /// The text of an error, such as `#N/A`.
    Error,
    /// Text that was calculated by a formula, or a date in ISO 8601.
    Literal,
}

/// A row that is being read, and its current cell.
#[derive(Default)]
struct RowBuilder {
    cells: Vec<Cell>,
    n_bytes: usize,
    cell_type: CellType,
    /// The number of its format in the table of formats.
    style: usize,
    has_formula: bool,
    value: String,
    is_in_value: bool,
    /// The column of the current cell, counted from 1.
    column: usize,
}

impl Sheet {
    pub(super) fn open(part: Part, shared: Arc<Shared>, limit: usize) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, shared, limit, buffer: Vec::new(), row_number: 0 }
    }

    /// The next row that is not empty. Formatted cells without a value take no memory.
    pub(super) fn next(&mut self) -> Result<Option<SheetRow>, FileError> {
        let mut row = RowBuilder::default();
        let mut inline = TextCollector::default();
        loop {
            let event = next_event(&mut self.reader, self.limit, &mut self.buffer)?;
            if row.cell_type == CellType::InlineText {
                inline.take(&event, &mut row.value);
            }
            match event {
                Event::Start(start) => match start.local_name().as_ref() {
                    "row" => {
                        let number = attribute(&start, "r").and_then(|number| number.parse().ok());
                        self.row_number = number.unwrap_or(self.row_number + 1);
                        row = RowBuilder::default();
                    }
                    "c" => row.begin_cell(&start)?,
                    "v" => row.is_in_value = true,
                    "f" => row.has_formula = true,
                    // Some programs do not say that the text is in the cell.
                    "is" => row.cell_type = CellType::InlineText,
                    _ => {}
                },
                Event::Text(text) if row.is_in_value => row.value.push_str(&text.xml10_content()),
                Event::CData(text) if row.is_in_value => row.value.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if row.is_in_value => push_reference(&name, &mut row.value),
                Event::End(end) => match end.local_name().as_ref() {
                    "v" => row.is_in_value = false,
                    "c" => row.end_cell(&self.shared),
                    "row" if !row.cells.is_empty() => {
                        return Ok(Some(SheetRow { number: self.row_number, cells: row.cells }));
                    }
                    "sheetData" => return Ok(None),
                    _ => {}
                },
                Event::Eof => {
                    return Err(FileError::content("truncated", "the file ends within the sheet"));
                }
                _ => {}
            }
            if row.n_bytes + row.value.len() > self.limit {
                return Err(FileError::too_large(&format!("row {}", self.row_number), self.limit));
            }
        }
    }
}

impl RowBuilder {
    fn begin_cell(&mut self, start: &BytesStart<'_>) -> Result<(), FileError> {
        self.cell_type = match attribute(start, "t").as_deref() {
            None | Some("n") => CellType::Number,
            Some("s") => CellType::SharedText,
            Some("inlineStr") => CellType::InlineText,
            Some("b") => CellType::Bool,
            Some("e") => CellType::Error,
            Some(_) => CellType::Literal,
        };
        let style = attribute(start, "s").map_or(Some(0), |style| style.parse().ok());
        self.style = style.unwrap_or(usize::MAX);
        self.has_formula = false;
        self.value.clear();
        // A file may omit empty cells, and the reference of a cell.
        let next = self.column + 1;
        self.column =
            attribute(start, "r").and_then(|reference| column(&reference)).unwrap_or(next);
        if self.column == 0 || self.column > MAX_COLUMNS { Err(not_a_workbook()) } else { Ok(()) }
    }

    fn end_cell(&mut self, shared: &Shared) {
        let value = std::mem::take(&mut self.value);
        let cell = match std::mem::take(&mut self.cell_type) {
            CellType::Literal if value.is_empty() => return,
            _ if value.is_empty() && self.has_formula => {
                Cell::lost(value, "the formula of the cell was saved without its result")
            }
            _ if value.is_empty() => return,
            CellType::Number => Cell::number(&value, shared.format(self.style), shared.is_1904),
            CellType::SharedText => {
                match value.trim().parse().ok().and_then(|number| shared.texts.get(number)) {
                    Some("") => return,
                    Some(text) => Cell::text(text.to_owned()),
                    None => Cell::lost(value, "the cell refers to a text that the workbook lacks"),
                }
            }
            CellType::Bool => Cell::boolean(value.trim() != "0" && value.trim() != "false"),
            CellType::Error => Cell::lost(value, "the formula of the cell failed"),
            CellType::InlineText | CellType::Literal => Cell::text(unescaped(value)),
        };
        self.n_bytes += cell.text.len();
        if self.cells.len() < self.column {
            self.cells.resize(self.column, Cell::default());
        }
        self.cells[self.column - 1] = cell;
    }
}

/// The cells of a sheet that are merged over several rows.
pub(super) fn merged_cells(part: Part, limit: usize) -> Result<Vec<MergedCells>, FileError> {
    let mut reader = Reader::from_reader(part);
    reader.config_mut().expand_empty_elements = true;
    let (mut found, mut buffer) = (Vec::new(), Vec::new());
    loop {
        match next_event(&mut reader, limit, &mut buffer)? {
            Event::Start(start) if start.local_name().as_ref() == "mergeCell" => {
                let area = attribute(&start, "ref");
                found.extend(area.and_then(|area| merged_rows(&area)));
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
        check_number(&found)?;
    }
}

/// The first column of an area like `B2:C5`; `None` if it has one row.
fn merged_rows(area: &str) -> Option<MergedCells> {
    let (first, last) = area.split_once(':')?;
    let row = |cell: &str| cell.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok();
    let (column, rows) = (column(first)?.checked_sub(1)?, (row(first)?, row(last)?));
    (rows.0 < rows.1).then_some(MergedCells { column, rows })
}

/// The column of a cell reference, counted from 1: `C7` is in column 3. 0 if it has no letters.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    letters.take(4).try_fold(0_usize, |number, letter| {
        Some(number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    })
}
