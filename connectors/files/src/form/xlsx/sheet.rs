//! The rows of a sheet, as a stream.

use std::io::BufReader;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{
    Cells,
    package::no_workbook,
    plain_number,
    strings::{Collector, Strings},
};
use crate::{form::Broken, unpack::View};

/// Excel has no more columns.
const MAX_COLUMNS: usize = 16_384;

/// A sheet that is being read.
pub(super) struct Sheet {
    reader: Reader<BufReader<View>>,
    strings: Strings,
    limit: usize,
    buffer: Vec<u8>,
    number: u64,
}

/// The kind of a cell's value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
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
    kind: Kind,
    value: String,
    is_value: bool,
    /// Of the cell that is being read.
    column: usize,
    n_bytes: usize,
}

impl Sheet {
    pub(super) fn open(part: BufReader<View>, strings: Strings, limit: usize) -> Self {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, strings, limit, buffer: Vec::new(), number: 0 }
    }

    /// The next row that holds something. A row of formats alone costs nothing but its bytes.
    pub(super) fn next(&mut self) -> Result<Option<Cells>, Broken> {
        let mut row = Open::default();
        let mut inline = Collector::default();
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(|_| no_workbook())?;
            if row.kind == Kind::Inline {
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
                Event::GeneralRef(name) if row.is_value => {
                    let entity = quick_xml::escape::resolve_xml_entity(&name);
                    row.value.push_str(entity.unwrap_or_default());
                }
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
            None | Some("n") => Kind::Number,
            Some("s") => Kind::Shared,
            Some("inlineStr") => Kind::Inline,
            Some("b") => Kind::Bool,
            Some(_) => Kind::Text,
        };
        self.value.clear();
        // Cells that hold nothing may be left out.
        let next = self.column + 1;
        self.column = attribute(start, "r").and_then(|place| column(&place)).unwrap_or(next);
        if self.column == 0 || self.column > MAX_COLUMNS { Err(no_workbook()) } else { Ok(()) }
    }

    fn end(&mut self, strings: &Strings) -> Result<(), Broken> {
        let value = std::mem::take(&mut self.value);
        let value = match std::mem::take(&mut self.kind) {
            Kind::Number => plain_number(&value),
            Kind::Shared if value.is_empty() => value,
            Kind::Shared => {
                let number = value.trim().parse().map_err(|_| no_workbook())?;
                strings.get(number).ok_or_else(no_workbook)?.to_owned()
            }
            Kind::Bool => if value == "0" { "FALSE" } else { "TRUE" }.to_owned(),
            Kind::Inline | Kind::Text => value,
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

fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = start.try_get_attribute(name).ok()??;
    Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// The number of a cell's column: `C7` is in the third.
fn column(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    letters.take(4).try_fold(0_usize, |number, letter| {
        Some(number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1)
    })
}
