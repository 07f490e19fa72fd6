//! JSON: one object per line, or one array of objects.

use contract::Reason;
use document::{Scan, Shape};
use serde_json::Value;

use super::{RawRow, RowReader, stream::Stream};
use crate::{options::Options, spool::Broken, text::Pieces};

/// One object per line.
pub(super) struct Lines {
    stream: Stream,
    limit: usize,
    n_lines: u64,
}

impl Lines {
    pub(super) fn open(pieces: Pieces, options: &Options) -> Self {
        Self { stream: Stream::new(pieces), limit: options.max_record, n_lines: 0 }
    }
}

impl RowReader for Lines {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        loop {
            let Some((from, line)) = self.stream.line(self.limit)? else { return Ok(None) };
            let (to, line) = (from + line.len() as u64, line.to_owned());
            self.n_lines += 1;
            let at = format!("line {}", self.n_lines);
            if line.len() >= self.limit {
                return Err(Broken::too_large(&at, self.limit));
            }
            let row = row(&mut self.stream, at, &line, from, to);
            if !line.trim().is_empty() {
                return Ok(Some(row));
            }
        }
    }
}

/// One array of objects.
pub(super) struct Array {
    stream: Stream,
    limit: usize,
    /// Text that was read and not used.
    text: String,
    /// The place of that text in the stream.
    at: u64,
    used: usize,
    n_elements: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Within,
    After,
}

impl Array {
    pub(super) fn open(pieces: Pieces, options: &Options) -> Self {
        let (stream, limit) = (Stream::new(pieces), options.max_record);
        let state = State::Before;
        Self { stream, limit, text: String::new(), at: 0, used: 0, n_elements: 0, state }
    }

    /// The next character that is not a blank, without taking it.
    fn peek(&mut self) -> Result<Option<char>, Broken> {
        loop {
            let rest = &self.text[self.used..];
            let blank = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            self.used += blank;
            if let Some(next) = self.text[self.used..].chars().next() {
                return Ok(Some(next));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// Appends a piece to the text; what was used is dropped.
    fn more(&mut self) -> Result<bool, Broken> {
        self.text.drain(..self.used);
        self.at += self.used as u64;
        self.used = 0;
        match self.stream.piece()? {
            None => Ok(false),
            Some((_, text)) => {
                self.text.push_str(text);
                Ok(true)
            }
        }
    }

    /// Takes one element, up to the `,` or `]` after it.
    fn element(&mut self) -> Result<RawRow, Broken> {
        let at = format!("element {}", self.n_elements);
        let mut scan = Scan::default();
        let mut looked = self.used;
        let end = loop {
            match scan.end(&self.text.as_bytes()[looked..]) {
                Ok(Some(end)) => break looked + end,
                Ok(None) => looked = self.text.len(),
                Err(place) => {
                    let here = self.stream.place(self.text.len() - looked - place);
                    let detail = format!("a closing bracket does not match the open one at {here}");
                    return Err(Broken::content("bad_json", detail));
                }
            }
            if looked - self.used > self.limit {
                return Err(Broken::too_large(&at, self.limit));
            }
            let n_looked = looked - self.used;
            if !self.more()? {
                return Err(Broken::content("truncated", format!("the array ends within {at}")));
            }
            looked = self.used + n_looked;
        };
        let (from, to) = (self.at + self.used as u64, self.at + end as u64);
        let row = row(&mut self.stream, at, &self.text[self.used..end], from, to);
        self.used = end;
        self.n_elements += 1;
        Ok(row)
    }
}

impl RowReader for Array {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        loop {
            let next = self.peek()?;
            match (self.state, next) {
                (State::Before, Some('[')) => self.state = State::Within,
                (State::Before, _) => {
                    return Err(Broken::content("bad_json", "the document is not an array"));
                }
                (State::Within, Some(']')) => self.state = State::After,
                (State::Within, Some(',')) => {}
                (State::Within, Some('}')) => {
                    let here = self.stream.place(self.text.len() - self.used);
                    let detail = format!("a closing bracket does not match the open one at {here}");
                    return Err(Broken::content("bad_json", detail));
                }
                (State::Within, Some(_)) => return self.element().map(Some),
                (State::After, None) => return Ok(None),
                (State::Within, None) => {
                    return Err(Broken::content("truncated", "the array is not closed"));
                }
                (State::After, Some(_)) => {
                    return Err(Broken::content("bad_json", "there is more text after the array"));
                }
            }
            self.used += 1;
        }
    }
}

/// The row of a text from `from` to `to` in the stream.
fn row(stream: &mut Stream, at: String, text: &str, from: u64, to: u64) -> RawRow {
    let (bytes, marks, mut findings) = stream.evidence(from, to);
    stream.forget(to);
    let (tree, problem) = match Shape::Json.parse(text, &mut findings) {
        Ok(tree @ Value::Object(_)) => (tree, None),
        Ok(_) => (Value::Null, Some(Reason::new("bad_json", "it is not an object"))),
        Err(broken) => (Value::Null, Some(Reason::new("bad_json", broken.to_string()))),
    };
    let bytes = Some(bytes);
    RawRow { at, tree, bytes, findings, marks, problem, ..RawRow::default() }
}

#[cfg(test)]
mod tests;
