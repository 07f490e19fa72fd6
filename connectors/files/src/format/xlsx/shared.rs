//! What all sheets of a workbook share: the table of texts that cells refer to by number, and the
//! table of number formats.

use std::collections::HashMap;

use quick_xml::{
    Error, Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, Event},
};

use super::{Part, attribute, not_a_workbook};
use crate::{format::cell::NumberFormat, spool::FileError};

/// What cells need to know of their workbook.
pub(super) struct Shared {
    pub(super) texts: SharedTexts,
    pub(super) styles: Styles,
    /// Whether days are counted from 1904.
    pub(super) is_1904: bool,
}

impl Shared {
    /// The number format with this number.
    pub(super) fn format(&self, style: usize) -> &NumberFormat {
        // Cells without a style have the first one, even if the workbook has no table of styles.
        const MISSING: [&NumberFormat; 2] = [&NumberFormat::Plain, &NumberFormat::Unknown];
        self.styles.0.get(style).unwrap_or(MISSING[style.min(1)])
    }
}

/// The number formats of a workbook, in the order of their numbers (`cellXfs` in `styles.xml`).
#[derive(Default)]
pub(super) struct Styles(Vec<NumberFormat>);

/// The maximum number of formats; Excel writes at most 65,490.
const MAX_STYLES: usize = 100_000;

impl Styles {
    pub(super) fn read(part: Part, limit: usize) -> Result<Self, FileError> {
        let mut reader = Reader::from_reader(part);
        reader.config_mut().expand_empty_elements = true;
        let (mut codes, mut styles) = (HashMap::new(), Self::default());
        let (mut table, mut buffer) = (String::new(), Vec::new());
        loop {
            match next_event(&mut reader, limit, &mut buffer)? {
                Event::Start(start) => {
                    let number = |name| attribute(&start, name)?.parse::<u32>().ok();
                    match (table.as_str(), start.local_name().as_ref()) {
                        (_, name @ ("numFmts" | "cellXfs")) => name.clone_into(&mut table),
                        ("numFmts", "numFmt") => {
                            let code = attribute(&start, "formatCode");
                            if let (Some(id), Some(code)) = (number("numFmtId"), code) {
                                codes.insert(id, NumberFormat::of_code(&code));
                            }
                        }
                        ("cellXfs", "xf") => {
                            let id = number("numFmtId").unwrap_or(0);
                            let format = codes.get(&id).cloned();
                            styles.0.push(format.unwrap_or_else(|| NumberFormat::builtin(id)));
                        }
                        _ => {}
                    }
                }
                Event::End(end) if end.local_name().as_ref() == table => table.clear(),
                Event::Eof => return Ok(styles),
                _ => {}
            }
            if styles.0.len().max(codes.len()) > MAX_STYLES {
                let detail = format!("the workbook has more than {MAX_STYLES} formats");
                return Err(FileError::content("too_large", detail));
            }
        }
    }
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
                    let start = texts.ends.last().map_or(0, |end| *end as usize);
                    let text = texts.joined.split_off(start.min(texts.joined.len()));
                    texts.joined.push_str(&unescaped(text));
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

    pub(super) fn get(&self, number: usize) -> Option<&str> {
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
pub(super) struct TextCollector {
    is_in_text: bool,
    is_in_phonetic: bool,
}

impl TextCollector {
    pub(super) fn take(&mut self, event: &Event<'_>, into: &mut String) {
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
pub(super) fn push_reference(name: &BytesRef<'_>, into: &mut String) {
    match name.resolve_char_ref() {
        Ok(Some(character)) => into.push(character),
        _ => into.push_str(resolve_xml_entity(name).unwrap_or_default()),
    }
}

/// Replaces escapes like `_x000D_`, with which a workbook writes UTF-16 units that XML forbids, and
/// `_x005F_` for a `_` before what would else be an escape.
pub(super) fn unescaped(text: String) -> String {
    if !text.contains("_x") {
        return text;
    }
    let (mut units, mut rest) = (Vec::with_capacity(text.len()), text.as_str());
    while let Some(at) = rest.find("_x") {
        units.extend(rest[..at].encode_utf16());
        let digits =
            rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let unit = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let n_read = match unit.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                units.push(unit);
                7
            }
            None => {
                units.push(u16::from(b'_'));
                1
            }
        };
        rest = &rest[at + n_read..];
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

/// The next event of a part. Fails if the event has more than `limit` bytes, because the parser keeps
/// it in memory.
pub(super) fn next_event<'b>(
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
