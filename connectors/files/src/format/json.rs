//! Reads JSON files: one object per line, or one array of objects.

use contract::Reason;
use document::{Defects, ElementScanner, Shape};
use serde_json::Value;

use super::{RawRow, RowReader, stream::TextStream};
use crate::{options::Options, spool::FileError, text::DecodedFile};

/// Opens a file that contains one object per line.
pub(super) fn open_lines(file: DecodedFile, options: &Options) -> RowReader {
    let (mut stream, limit, mut n_lines) = (TextStream::new(file), options.max_record_bytes, 0_u64);
    Box::new(move || {
        loop {
            let Some((from, line)) = stream.next_line(limit)? else { return Ok(None) };
            let (to, line) = (from + line.len() as u64, line.to_owned());
            n_lines += 1;
            let at = format!("line {n_lines}");
            if line.len() >= limit {
                return Err(FileError::too_large(&at, limit));
            }
            let row = parse_row(&mut stream, at, &line, from, to);
            if !line.trim().is_empty() {
                return Ok(Some(row));
            }
        }
    })
}

/// Opens a file that contains one array of objects.
pub(super) fn open_array(file: DecodedFile, options: &Options) -> RowReader {
    let (stream, limit, state) = (TextStream::new(file), options.max_record_bytes, State::Start);
    let mut array =
        Array { stream, limit, text: String::new(), at: 0, n_used: 0, n_elements: 0, state };
    Box::new(move || array.next())
}

/// Reads the elements of the array.
struct Array {
    stream: TextStream,
    limit: usize,
    /// The text that was read from the stream and is still needed.
    text: String,
    /// The offset of `text` in the stream.
    at: u64,
    /// The number of bytes of `text` that were already parsed.
    n_used: usize,
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
        self.at += self.n_used as u64;
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
        let at = format!("element {}", self.n_elements);
        let mut scanner = ElementScanner::default();
        let mut searched = self.n_used;
        let end = loop {
            match scanner.find_end(&self.text.as_bytes()[searched..]) {
                Ok(Some(end)) => break searched + end,
                Ok(None) => searched = self.text.len(),
                Err(offset) => {
                    return Err(self.wrong_bracket(self.text.len() - searched - offset));
                }
            }
            if searched - self.n_used > self.limit {
                return Err(FileError::too_large(&at, self.limit));
            }
            let n_searched = searched - self.n_used;
            if !self.read_part()? {
                return Err(FileError::content("truncated", format!("the array ends within {at}")));
            }
            searched = self.n_used + n_searched;
        };
        let (from, to) = (self.at + self.n_used as u64, self.at + end as u64);
        let row = parse_row(&mut self.stream, at, &self.text[self.n_used..end], from, to);
        self.n_used = end;
        self.n_elements += 1;
        Ok(row)
    }

    /// The error for a bracket that stands `n_before_end` bytes before the end of the last part.
    fn wrong_bracket(&self, n_before_end: usize) -> FileError {
        let position = self.stream.line_and_column(n_before_end);
        let detail = format!("a closing bracket does not match the open one at {position}");
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

/// Parses the text between the offsets `from` and `to` of the stream into a row. `at` says where it
/// is, for people.
fn parse_row(stream: &mut TextStream, at: String, text: &str, from: u64, to: u64) -> RawRow {
    let (bytes, marks, mut findings) = stream.source(from, to);
    stream.drop_before(to);
    let (tree, damage) = match Shape::Json.parse(text, &mut findings) {
        Ok(tree @ Value::Object(_)) => (tree, None),
        Ok(_) => (Value::Null, Some(Reason::new("bad_json", "the record is not an object"))),
        Err(detail) => (Value::Null, Some(Reason::new("bad_json", detail))),
    };
    RawRow {
        at,
        tree,
        bytes: Some(bytes),
        findings,
        defects: Defects { marks, damage },
        ..RawRow::default()
    }
}

#[cfg(test)]
mod tests;
