//! Reads JSON files: one array of objects, objects one after another, or a list in a document.

mod envelope;

use std::collections::VecDeque;

use contract::Reason;
use document::{Defects, DocumentFormat, ElementScanner};
use serde_json::Value;

pub(super) use self::envelope::open_document;
use super::{RawRow, RowReader, stream::TextStream};
use crate::{options::Options, spool::FileError, text::DecodedFile};

/// Opens a file that contains an array of objects, or objects one after another. `file` opens the file from
/// its start: it is opened a second time after its first character was looked at.
pub(super) fn open(
    file: impl Fn() -> DecodedFile,
    options: &Options,
) -> Result<RowReader, FileError> {
    let (limit, state) = (options.max_record_bytes, State::Start);
    let new_array = |stream| Array {
        stream,
        limit,
        text: String::new(),
        text_offset: 0,
        n_used: 0,
        n_elements: 0,
        state,
    };
    if matches!(new_array(TextStream::new(file())).peek()?, Some('[')) {
        let mut array = new_array(TextStream::new(file()));
        return Ok(Box::new(move || array.next()));
    }
    let (stream, pending) = (TextStream::new(file()), VecDeque::new());
    let mut objects = Objects { stream, limit, n_lines: 0, has_multiline_objects: None, pending };
    Ok(Box::new(move || objects.next()))
}

/// Reads objects that stand one after another: usually one in each line.
struct Objects {
    stream: TextStream,
    limit: usize,
    n_lines: u64,
    /// Whether objects have several lines. The first object decides that for the file: if it is whole in one
    /// line, a later line that ends within an object was cut off, and the next line is a new object.
    has_multiline_objects: Option<bool>,
    /// Rows that were read and not returned yet.
    pending: VecDeque<RawRow>,
}

impl Objects {
    fn next(&mut self) -> Result<Option<RawRow>, FileError> {
        loop {
            if let Some(row) = self.pending.pop_front() {
                return Ok(Some(row));
            }
            let (mut text, mut scanner) = (String::new(), ElementScanner::default());
            let Some(from) = self.read_line(&mut text)? else { return Ok(None) };
            let place = format!("line {}", self.n_lines);
            let mut n_scanned = 0;
            while self.continues_on_next_line(&mut scanner, &text[n_scanned..]) {
                n_scanned = text.len();
                if self.read_line(&mut text)?.is_none() {
                    let detail = format!("the file ends within the object at {place}");
                    return Err(FileError::content("truncated", detail));
                }
                if text.len() >= self.limit {
                    return Err(FileError::too_large(&place, self.limit));
                }
            }
            self.split(&place, &text, from);
        }
    }

    /// Passes more text to the scanner; returns whether the object goes on in the next line.
    fn continues_on_next_line(&mut self, scanner: &mut ElementScanner, text: &str) -> bool {
        is_open(scanner, text) && *self.has_multiline_objects.get_or_insert(true)
    }

    /// Appends the next line to a text. Returns the offset of the line in the stream.
    fn read_line(&mut self, text: &mut String) -> Result<Option<u64>, FileError> {
        let Some((from, line)) = self.stream.next_line(self.limit)? else { return Ok(None) };
        text.push_str(line);
        self.n_lines += 1;
        let is_long = line.len() >= self.limit;
        if is_long || self.stream.is_cut() {
            return Err(FileError::too_large(&format!("line {}", self.n_lines), self.limit));
        }
        Ok(Some(from))
    }

    /// Appends the objects in a text, which begins at an offset of the stream, to the rows.
    fn split(&mut self, place: &str, text: &str, offset: u64) {
        let is_between = |c: char| c.is_whitespace() || matches!(c, ',' | '\u{FEFF}');
        let mut from = 0;
        loop {
            let rest = text[from..].trim_start_matches(is_between);
            from = text.len() - rest.len();
            if rest.is_empty() {
                return self.stream.drop_before(offset + text.len() as u64);
            }
            let end = ElementScanner::default().find_close(rest.as_bytes());
            let to = from + end.ok().flatten().unwrap_or(rest.len());
            let (start, end) = (offset + from as u64, offset + to as u64);
            let row = parse_row(&mut self.stream, place.to_owned(), &text[from..to], start, end);
            self.has_multiline_objects.get_or_insert(false);
            self.pending.push_back(row);
            from = to;
        }
    }
}

/// Passes more text to the scanner; returns whether an object is still open at its end.
fn is_open(scanner: &mut ElementScanner, text: &str) -> bool {
    let mut at = 0;
    loop {
        match scanner.find_close(&text.as_bytes()[at..]) {
            Ok(Some(end)) => at += end,
            Ok(None) => return scanner.is_open(),
            Err(_) => return false,
        }
    }
}

/// Reads the elements of the array.
struct Array {
    stream: TextStream,
    limit: usize,
    /// The text that was read from the stream and is still needed.
    text: String,
    /// The offset of `text` in the stream.
    text_offset: u64,
    /// The number of bytes of `text` that were already parsed.
    n_used: usize,
    /// Elements are numbered from 0.
    n_elements: u64,
    state: State,
}

/// What is expected next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Elements,
    End,
}

impl Array {
    /// Returns the next character that is not whitespace, and does not consume it.
    fn peek(&mut self) -> Result<Option<char>, FileError> {
        loop {
            let rest = &self.text[self.n_used..];
            self.n_used += rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            if let Some(next) = self.text[self.n_used..].chars().next() {
                return Ok(Some(next));
            }
            if !self.read_part()? {
                return Ok(None);
            }
        }
    }

    /// Appends the next part of the stream to the text, after dropping what was used. `false` at
    /// the end.
    fn read_part(&mut self) -> Result<bool, FileError> {
        self.text.drain(..self.n_used);
        self.text_offset += self.n_used as u64;
        self.n_used = 0;
        match self.stream.next_part()? {
            None => Ok(false),
            Some((_, text)) => {
                self.text.push_str(text);
                Ok(true)
            }
        }
    }

    /// Reads one element, up to the `,` or `]` after it.
    fn read_element(&mut self) -> Result<RawRow, FileError> {
        let place = format!("element {}", self.n_elements);
        let mut scanner = ElementScanner::default();
        // Of the text after `n_used`.
        let mut n_searched = 0;
        let end = loop {
            let rest = &self.text.as_bytes()[self.n_used + n_searched..];
            let n_rest = rest.len();
            match scanner.find_end(rest) {
                Ok(Some(n)) => break self.n_used + n_searched + n,
                Ok(None) => n_searched += n_rest,
                Err(offset) => return Err(self.wrong_bracket(n_rest - offset)),
            }
            if n_searched > self.limit {
                return Err(FileError::too_large(&place, self.limit));
            }
            if !self.read_part()? {
                let detail = format!("the file ends within {place}");
                return Err(FileError::content("truncated", detail));
            }
        };
        let (from, to) = (self.text_offset + self.n_used as u64, self.text_offset + end as u64);
        let row = parse_row(&mut self.stream, place, &self.text[self.n_used..end], from, to);
        self.n_used = end;
        self.n_elements += 1;
        Ok(row)
    }

    /// The error for a bracket that stands `n_before_end` bytes before the end of the last part.
    fn wrong_bracket(&self, n_before_end: usize) -> FileError {
        let position = self.stream.line_and_column(n_before_end);
        let detail = format!("the closing bracket at {position} does not match the open one");
        FileError::content("bad_json", detail)
    }

    /// The next element; `None` after the end of the array.
    fn next(&mut self) -> Result<Option<RawRow>, FileError> {
        loop {
            let next = self.peek()?;
            match (self.state, next) {
                (State::Start, Some('[')) => self.state = State::Elements,
                (State::Start, _) => {
                    return Err(FileError::content("bad_json", "the document is not an array"));
                }
                (State::Elements, Some(']')) => self.state = State::End,
                (State::Elements, Some(',')) => {}
                (State::Elements, Some('}')) => {
                    return Err(self.wrong_bracket(self.text.len() - self.n_used));
                }
                (State::Elements, Some(_)) => return self.read_element().map(Some),
                (State::End, None) => return Ok(None),
                (State::Elements, None) => {
                    return Err(FileError::content("truncated", "the file ends within the array"));
                }
                (State::End, Some(_)) => {
                    let detail = "there is more text after the array";
                    return Err(FileError::content("bad_json", detail));
                }
            }
            self.n_used += 1;
        }
    }
}

/// Parses the text between the offsets `from` and `to` of the stream into a row. `place` says where it
/// is, for people.
fn parse_row(stream: &mut TextStream, place: String, text: &str, from: u64, to: u64) -> RawRow {
    let (bytes, flags, mut findings) = stream.source(from, to);
    stream.drop_before(to);
    let (tree, damage) = match DocumentFormat::Json.parse(text, &mut findings) {
        Ok(tree @ Value::Object(_)) => (tree, None),
        Ok(_) => (Value::Null, Some(Reason::new("bad_json", "the record is not an object"))),
        Err(detail) => (Value::Null, Some(Reason::new("bad_json", detail))),
    };
    RawRow {
        at: place,
        tree,
        bytes: Some(bytes),
        findings: findings.into(),
        defects: Defects { flags, damage },
        ..RawRow::default()
    }
}

#[cfg(test)]
mod tests;
