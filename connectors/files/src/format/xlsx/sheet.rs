//! Reads the rows of a sheet as a stream, and the table of texts that cells refer to by number.

use quick_xml::{
    Error, Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{Part, SheetRow, attribute, not_a_workbook, plain_number};
use crate::spool::FileError;

/// The maximum number of columns in an Excel sheet.
const MAX_COLUMNS: usize = 16_384;

/// A sheet that is being read.
pub(super) struct Sheet {
    reader: Reader<Part>,
    texts: SharedTexts,
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
    /// Any other type, such as the result of a formula, an error or a date: the value is text.
    Literal,
}

/// A row that is being read, and its current cell.
#[derive(Default)]
struct RowBuilder {
    cells: Vec<String>,
    n_bytes: usize,
    cell_type: CellType,
    value: String,
    is_in_value: bool,
    /// The column of the current cell, counted from 1.
    column: usize,
}

impl Sheet {
    pub(super) fn open(part: Part, texts: SharedTexts, limit: usize) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, texts, limit, buffer: Vec::new(), row_number: 0 }
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
                    _ => {}
                },
                Event::Text(text) if row.is_in_value => row.value.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if row.is_in_value => push_reference(&name, &mut row.value),
                Event::End(end) => match end.local_name().as_ref() {
                    "v" => row.is_in_value = false,
                    "c" => row.end_cell(&self.texts)?,
                    "row" if row.cells.iter().any(|cell| !cell.is_empty()) => {
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
            Some(_) => CellType::Literal,
        };
        self.value.clear();
        // A file may omit empty cells, and the reference of a cell.
        let next = self.column + 1;
        self.column =
            attribute(start, "r").and_then(|reference| column(&reference)).unwrap_or(next);
        if self.column == 0 || self.column > MAX_COLUMNS { Err(not_a_workbook()) } else { Ok(()) }
    }

    fn end_cell(&mut self, texts: &SharedTexts) -> Result<(), FileError> {
        let value = std::mem::take(&mut self.value);
        let value = match std::mem::take(&mut self.cell_type) {
            CellType::Number => plain_number(&value),
            CellType::SharedText if value.is_empty() => value,
            CellType::SharedText => {
                let number = value.trim().parse().map_err(|_| not_a_workbook())?;
                texts.get(number).ok_or_else(not_a_workbook)?.to_owned()
            }
            CellType::Bool => if value == "0" { "FALSE" } else { "TRUE" }.to_owned(),
            CellType::InlineText | CellType::Literal => value,
        };
        if value.is_empty() {
            return Ok(());
        }
        self.n_bytes += value.len();
        if self.cells.len() < self.column {
            self.cells.resize(self.column, String::new());
        }
        self.cells[self.column - 1] = value;
        Ok(())
    }
}

/// The column of a cell reference, counted from 1: `C7` is in column 3. 0 if it has no letters.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    letters.take(4).try_fold(0_usize, |number, letter| {
        Some(number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    })
}

/// The maximum size of all texts together, which are in memory while the sheet is read.
const MAX_TEXT_BYTES: usize = 48 << 20;
/// The maximum number of texts. A sheet has at most a million rows, and rarely more than four
/// columns with a different text in each row.
const MAX_TEXTS: usize = 4 << 20;

/// The texts that cells refer to by number, from 0 (`sharedStrings.xml`).
#[derive(Default)]
pub(super) struct SharedTexts {
    /// All texts, one after the other.
    joined: String,
    /// For each text, the offset in `joined` at which it ends.
    ends: Vec<u32>,
}

impl SharedTexts {
    pub(super) fn read(part: Part, limit: usize) -> Result<Self, FileError> {
        let mut texts = Self::default();
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        let (mut collector, mut buffer) = (TextCollector::default(), Vec::new());
        loop {
            let event = next_event(&mut reader, limit, &mut buffer)?;
            match &event {
                Event::End(end) if end.local_name().as_ref() == "si" => {
                    texts.ends.push(u32::try_from(texts.joined.len()).unwrap_or(u32::MAX));
                }
                Event::Eof => return Ok(texts),
                _ => collector.take(&event, &mut texts.joined),
            }
            if texts.joined.len() > MAX_TEXT_BYTES || texts.ends.len() > MAX_TEXTS {
                let detail = format!(
                    "the workbook has more than {MAX_TEXTS} texts or {MAX_TEXT_BYTES} bytes of text"
                );
                return Err(FileError::content("too_large", detail));
            }
        }
    }

    fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)? as usize;
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.joined.get(start..end)
    }
}

/// Collects the text of `t` elements, without the pronunciation of Japanese characters (`rPh`).
#[derive(Default)]
struct TextCollector {
    is_in_text: bool,
    is_in_phonetic: bool,
}

impl TextCollector {
    fn take(&mut self, event: &Event<'_>, into: &mut String) {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" => self.is_in_text = !self.is_in_phonetic,
                "rPh" => self.is_in_phonetic = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "t" => self.is_in_text = false,
                "rPh" => self.is_in_phonetic = false,
                _ => {}
            },
            Event::Text(text) if self.is_in_text => into.push_str(&text.xml10_content()),
            Event::CData(text) if self.is_in_text => into.push_str(&text.xml10_content()),
            Event::GeneralRef(name) if self.is_in_text => push_reference(name, into),
            _ => {}
        }
    }
}

/// Appends the character that a reference stands for.
fn push_reference(name: &BytesRef<'_>, into: &mut String) {
    match name.resolve_char_ref() {
        Ok(Some(character)) => into.push(character),
        _ => into.push_str(resolve_xml_entity(name).unwrap_or_default()),
    }
}

/// The next event of a part. Fails if the event has more than `limit` bytes, because the parser keeps
/// it in memory.
fn next_event<'b>(
    reader: &mut Reader<Part>,
    limit: usize,
    buffer: &'b mut Vec<u8>,
) -> Result<Event<'b>, FileError> {
    buffer.clear();
    reader.get_mut().set_limit(limit as u64 + 1);
    let event = reader.read_event_into(buffer);
    if reader.get_ref().limit() == 0 {
        let detail = "a cell of the workbook is larger than `limits.record` allows";
        return Err(FileError::content("too_large", detail));
    }
    event.map_err(|error| match error {
        Error::Io(error) => FileError::Disk(error.kind().into()),
        _ => not_a_workbook(),
    })
}
