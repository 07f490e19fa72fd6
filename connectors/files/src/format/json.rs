//! JSON: one object per line, or one array of objects.

use contract::Reason;
use document::{Scan, Shape, Verdict};
use serde_json::Value;

use super::{RawRow, RowReader, stream::Stream};
use crate::{options::Options, spool::FileError, text::Pieces};

/// Opens a file of one object per line.
pub(super) fn open_lines(pieces: Pieces, options: &Options) -> RowReader {
    let (mut stream, limit, mut n_lines) = (Stream::new(pieces), options.max_record, 0_u64);
    Box::new(move || {
        loop {
            let Some((from, line)) = stream.line(limit)? else { return Ok(None) };
            let (to, line) = (from + line.len() as u64, line.to_owned());
            n_lines += 1;
            let at = format!("line {n_lines}");
            if line.len() >= limit {
                return Err(FileError::too_large(&at, limit));
            }
            let row = row(&mut stream, at, &line, from, to);
            if !line.trim().is_empty() {
                return Ok(Some(row));
            }
        }
    })
}

/// Opens a file of one array of objects.
pub(super) fn open_array(pieces: Pieces, options: &Options) -> RowReader {
    let (stream, limit, state) = (Stream::new(pieces), options.max_record, State::Start);
    let mut array =
        Array { stream, limit, text: String::new(), at: 0, n_used: 0, n_elements: 0, state };
    Box::new(move || array.next())
}

struct Array {
    stream: Stream,
    limit: usize,
    /// Text that was read from the stream and is not dropped yet.
    text: String,
    /// The offset of that text in the stream.
    at: u64,
    /// Bytes of `text` that were used.
    n_used: usize,
    n_elements: u64,
    state: State,
}

/// The part of the document that comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Elements,
    End,
}

impl Array {
    /// The next character that is not a blank, without taking it.
    fn peek(&mut self) -> Result<Option<char>, FileError> {
        loop {
            let rest = &self.text[self.n_used..];
            let blank = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            self.n_used += blank;
            if let Some(next) = self.text[self.n_used..].chars().next() {
                return Ok(Some(next));
            }
            if !self.read_piece()? {
                return Ok(None);
            }
        }
    }

    /// Appends a piece to the text; what was used is dropped.
    fn read_piece(&mut self) -> Result<bool, FileError> {
        self.text.drain(..self.n_used);
        self.at += self.n_used as u64;
        self.n_used = 0;
        match self.stream.piece()? {
            None => Ok(false),
            Some((_, text)) => {
                self.text.push_str(text);
                Ok(true)
            }
        }
    }

    /// Takes one element, up to the `,` or `]` after it.
    fn element(&mut self) -> Result<RawRow, FileError> {
        let at = format!("element {}", self.n_elements);
        let mut scan = Scan::default();
        let mut searched = self.n_used;
        let end = loop {
            match scan.end(&self.text.as_bytes()[searched..]) {
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
            if !self.read_piece()? {
                return Err(FileError::content("truncated", format!("the array ends within {at}")));
            }
            searched = self.n_used + n_searched;
        };
        let (from, to) = (self.at + self.n_used as u64, self.at + end as u64);
        let row = row(&mut self.stream, at, &self.text[self.n_used..end], from, to);
        self.n_used = end;
        self.n_elements += 1;
        Ok(row)
    }

    fn wrong_bracket(&self, n_before_end: usize) -> FileError {
        let position = self.stream.line_and_column(n_before_end);
        let detail = format!("a closing bracket does not match the open one at {position}");
        FileError::content("bad_json", detail)
    }

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
                (State::Elements, Some(_)) => return self.element().map(Some),
                (State::End, None) => return Ok(None),
                (State::Elements, None) => {
                    return Err(FileError::content("truncated", "the array is not closed"));
                }
                (State::End, Some(_)) => {
                    return Err(FileError::content(
                        "bad_json",
                        "there is more text after the array",
                    ));
                }
            }
            self.n_used += 1;
        }
    }
}

/// The row of a text that is from `from` to `to` in the stream.
fn row(stream: &mut Stream, at: String, text: &str, from: u64, to: u64) -> RawRow {
    let (bytes, marks, mut findings) = stream.source(from, to);
    stream.drop_before(to);
    let (tree, damage) = match Shape::Json.parse(text, &mut findings) {
        Ok(tree @ Value::Object(_)) => (tree, None),
        Ok(_) => (Value::Null, Some(Reason::new("bad_json", "it is not an object"))),
        Err(detail) => (Value::Null, Some(Reason::new("bad_json", detail))),
    };
    let bytes = Some(bytes);
    RawRow { at, tree, bytes, findings, verdict: Verdict { marks, damage } }
}

#[cfg(test)]
mod tests;
