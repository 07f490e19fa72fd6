//! The table of texts that cells refer to by number.

use std::io::BufRead;

use quick_xml::{Reader, escape::resolve_xml_entity, events::Event};

use super::package::no_workbook;
use crate::form::Broken;

/// Of all texts together: they are in memory while the sheet is read.
const MAX_BYTES: usize = 48 << 20;

/// Texts by their numbers, one behind the other.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn read(part: impl BufRead) -> Result<Self, Broken> {
        let mut strings = Self::default();
        let mut reader = Reader::from_reader(part);
        let mut collector = Collector::default();
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let event = reader.read_event_into(&mut buffer).map_err(|_| no_workbook())?;
            if let Event::End(end) = &event
                && end.local_name().as_ref() == "si"
            {
                strings.ends.push(strings.text.len());
            }
            if let Event::Empty(element) = &event
                && element.local_name().as_ref() == "si"
            {
                strings.ends.push(strings.text.len());
            }
            if matches!(event, Event::Eof) {
                return Ok(strings);
            }
            collector.take(&event, &mut strings.text);
            if strings.text.len() > MAX_BYTES {
                let detail = format!("the workbook's texts have more than {MAX_BYTES} bytes");
                return Err(Broken::content("too_large", detail));
            }
        }
    }

    pub(super) fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start =
            number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..end)
    }
}

/// Gathers the text of `t` elements; readings of Japanese characters (`rPh`) are none.
#[derive(Default)]
pub(super) struct Collector {
    is_text: bool,
    is_reading: bool,
}

impl Collector {
    pub(super) fn take(&mut self, event: &Event<'_>, into: &mut String) {
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
            Event::GeneralRef(name) if self.is_text => match name.resolve_char_ref() {
                Ok(Some(character)) => into.push(character),
                _ => into.push_str(resolve_xml_entity(name).unwrap_or_default()),
            },
            _ => {}
        }
    }
}
