//! The rows of a sheet, as a stream, and the table of texts that its cells refer to by number.

use std::io::BufRead;

use quick_xml::{
    Error, Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{Cells, Part, attribute, not_a_workbook, plain_number};
use crate::spool::{Broken, Limited};

/// Excel has no more columns.
const MAX_COLUMNS: usize = 16_384;

/// A sheet that is being read.
pub(super) struct Sheet {
    reader: Reader<Part>,
    strings: Strings,
    limit: usize,
    buffer: Vec<u8>,
    number: u64,
}

/// The kind of a cell's value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum CellType {
    #[default]
    Number,
    Shared,
    Inline,
    Bool,
    /// A formula's text, or an error.
    Text,
}

/// A row that is being read.
#[derive(Default)]
struct Open {
    cells: Vec<String>,
    kind: CellType,
    value: String,
    is_value: bool,
    /// Of the cell that is being read.
    column: usize,
    n_bytes: usize,
}

impl Sheet {
    pub(super) fn open(part: Part, strings: Strings, limit: usize) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, strings, limit, buffer: Vec::new(), number: 0 }
    }

    /// The next row that is not empty. A row of formats only costs no more than its bytes.
    pub(super) fn next(&mut self) -> Result<Option<Cells>, Broken> {
        let mut row = Open::default();
        let mut inline = Collector::default();
        loop {
            self.buffer.clear();
            self.reader.get_mut().reset();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(broken)?;
            if row.kind == CellType::Inline {
                inline.take(&event, &mut row.value);
            }
            match event {
                Event::Start(start) => match start.local_name().as_ref() {
                    "row" => {
                        let number = attribute(&start, "r").and_then(|number| number.parse().ok());
                        self.number = number.unwrap_or(self.number + 1);
                        row = Open::default();
                    }
                    "c" => row.begin(&start)?,
                    "v" => row.is_value = true,
                    _ => {}
                },
                Event::Text(text) if row.is_value => row.value.push_str(&text.xml10_content()),
                Event::GeneralRef(name) if row.is_value => refer(&name, &mut row.value),
                Event::End(end) => match end.local_name().as_ref() {
                    "v" => row.is_value = false,
                    "c" => row.end(&self.strings)?,
                    "row" if row.cells.iter().any(|cell| !cell.is_empty()) => {
                        return Ok(Some(Cells { number: self.number, cells: row.cells }));
                    }
                    "sheetData" => return Ok(None),
                    _ => {}
                },
                Event::Eof => return Err(Broken::content("truncated", "the sheet is not closed")),
                _ => {}
            }
            if row.n_bytes + row.value.len() > self.limit {
                return Err(Broken::too_large(&format!("row {}", self.number), self.limit));
            }
        }
    }
}

impl Open {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), Broken> {
        self.kind = match attribute(start, "t").as_deref() {
            None | Some("n") => CellType::Number,
            Some("s") => CellType::Shared,
            Some("inlineStr") => CellType::Inline,
            Some("b") => CellType::Bool,
            Some(_) => CellType::Text,
        };
        self.value.clear();
        // Empty cells may be left out.
        let next = self.column + 1;
        self.column = attribute(start, "r").and_then(|place| column(&place)).unwrap_or(next);
        if self.column == 0 || self.column > MAX_COLUMNS { Err(not_a_workbook()) } else { Ok(()) }
    }

    fn end(&mut self, strings: &Strings) -> Result<(), Broken> {
        let value = std::mem::take(&mut self.value);
        let value = match std::mem::take(&mut self.kind) {
            CellType::Number => plain_number(&value),
            CellType::Shared if value.is_empty() => value,
            CellType::Shared => {
                let number = value.trim().parse().map_err(|_| not_a_workbook())?;
                strings.get(number).ok_or_else(not_a_workbook)?.to_owned()
            }
            CellType::Bool => if value == "0" { "FALSE" } else { "TRUE" }.to_owned(),
            CellType::Inline | CellType::Text => value,
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

/// The number of a cell's column: `C7` is in the third.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    letters.take(4).try_fold(0_usize, |number, letter| {
        Some(number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    })
}

/// Most bytes of all texts together: they are in memory while the sheet is read.
const MAX_BYTES: usize = 48 << 20;
/// Most texts: a sheet has fewer rows, and few columns have texts of their own.
const MAX_TEXTS: usize = 4 << 20;

/// Texts by their numbers, one after the other.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn read(part: Limited<impl BufRead>) -> Result<Self, Broken> {
        let mut strings = Self::default();
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        let (mut collector, mut buffer) = (Collector::default(), Vec::new());
        loop {
            buffer.clear();
            reader.get_mut().reset();
            let event = reader.read_event_into(&mut buffer).map_err(broken)?;
            match &event {
                Event::End(end) if end.local_name().as_ref() == "si" => {
                    strings.ends.push(u32::try_from(strings.text.len()).unwrap_or(u32::MAX));
                }
                Event::Eof => return Ok(strings),
                _ => collector.take(&event, &mut strings.text),
            }
            if strings.text.len() > MAX_BYTES || strings.ends.len() > MAX_TEXTS {
                let detail = format!(
                    "the workbook has more than {MAX_TEXTS} texts, or {MAX_BYTES} bytes of them"
                );
                return Err(Broken::content("too_large", detail));
            }
        }
    }

    fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)? as usize;
        let start = match number.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.text.get(start..end)
    }
}

/// Collects the text of `t` elements, without the readings of Japanese characters (`rPh`).
#[derive(Default)]
struct Collector {
    is_text: bool,
    is_reading: bool,
}

impl Collector {
    fn take(&mut self, event: &Event<'_>, into: &mut String) {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" => self.is_text = !self.is_reading,
                "rPh" => self.is_reading = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "t" => self.is_text = false,
                "rPh" => self.is_reading = false,
                _ => {}
            },
            Event::Text(text) if self.is_text => into.push_str(&text.xml10_content()),
            Event::CData(text) if self.is_text => into.push_str(&text.xml10_content()),
            Event::GeneralRef(name) if self.is_text => refer(name, into),
            _ => {}
        }
    }
}

/// Appends the character of a reference.
fn refer(name: &BytesRef<'_>, into: &mut String) {
    match name.resolve_char_ref() {
        Ok(Some(character)) => into.push(character),
        _ => into.push_str(resolve_xml_entity(name).unwrap_or_default()),
    }
}

fn broken(error: Error) -> Broken {
    match error {
        Error::Io(error) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            Broken::content("too_large", "a cell of the workbook is longer than a record may be")
        }
        Error::Io(error) => Broken::Disk(error.kind().into()),
        _ => not_a_workbook(),
    }
}
