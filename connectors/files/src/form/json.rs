//! JSON: an object a line, or one array of objects.

mod number;

use contract::Reason;
use serde_json::Value;

use super::{FormOptions, RawRow, RowReader, malformed_detail, stream::Stream};
use crate::{spool::Broken, text::Pieces};

/// An object a line.
pub(super) struct Lines {
    pieces: Pieces,
    limit: usize,
    n_lines: u64,
}

impl Lines {
    pub(super) fn open(pieces: Pieces, options: &FormOptions) -> Self {
        Self { pieces, limit: options.max_record, n_lines: 0 }
    }
}

impl RowReader for Lines {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        loop {
            let Some(piece) = self.pieces.line(self.limit)? else { return Ok(None) };
            self.n_lines += 1;
            let at = format!("line {}", self.n_lines);
            if piece.bytes.len() >= self.limit {
                return Err(Broken::too_large(&at, self.limit));
            }
            if piece.text.trim().is_empty() {
                continue;
            }
            let (tree, problem) = object(&piece.text);
            let malformed = match &piece.malformed[..] {
                [] => Vec::new(),
                spans => vec![contract::Mark {
                    field: String::new(),
                    flag: contract::demand::QualityFlag::MalformedBytes,
                    detail: malformed_detail(spans, self.pieces.charset()),
                }],
            };
            let bytes = Some(piece.bytes);
            return Ok(Some(RawRow { at, tree, bytes, malformed, marks: Vec::new(), problem }));
        }
    }
}

/// One array of objects.
pub(super) struct Array {
    stream: Stream,
    limit: usize,
    /// Text that was read and not used.
    text: String,
    /// Place of that text.
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
    pub(super) fn open(pieces: Pieces, options: &FormOptions) -> Self {
        let (stream, limit) = (Stream::new(pieces), options.max_record);
        let state = State::Before;
        Self { stream, limit, text: String::new(), at: 0, used: 0, n_elements: 0, state }
    }

    /// The next character that is no blank, without taking it.
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

    /// Takes one element, up to the `,` or `]` behind it.
    fn element(&mut self) -> Result<RawRow, Broken> {
        let at = format!("element {}", self.n_elements);
        let mut scan = Scan::default();
        let mut looked = self.used;
        let end = loop {
            match scan.end(&self.text[looked..]) {
                Some(end) => break looked + end,
                None => looked = self.text.len(),
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
        let (tree, problem) = object(&self.text[self.used..end]);
        let (from, to) = (self.at + self.used as u64, self.at + end as u64);
        let (bytes, malformed, marks) = self.stream.evidence(from, to);
        self.stream.forget(to);
        self.used = end;
        self.n_elements += 1;
        Ok(RawRow { at, tree, bytes: Some(bytes), malformed, marks, problem })
    }
}

impl RowReader for Array {
    fn next(&mut self) -> Result<Option<RawRow>, Broken> {
        loop {
            let next = self.peek()?;
            match (self.state, next) {
                (State::Before, Some('[')) => self.state = State::Within,
                (State::Before, _) => {
                    return Err(Broken::content("bad_json", "the document is no array"));
                }
                (State::Within, Some(']')) => self.state = State::After,
                (State::Within, Some(',')) => {}
                (State::Within, Some(_)) => return self.element().map(Some),
                (State::After, None) => return Ok(None),
                (State::Within, None) => {
                    return Err(Broken::content("truncated", "the array is not closed"));
                }
                (State::After, Some(_)) => {
                    return Err(Broken::content("bad_json", "there is more behind the array"));
                }
            }
            self.used += 1;
        }
    }
}

/// Finds the end of an element.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
}

impl Scan {
    /// Where the element ends, if it does in `text`: before a `,` or `]` that is none of its own.
    fn end(&mut self, text: &str) -> Option<usize> {
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.in_text => self.is_escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b',' | b']' if self.depth == 0 => return Some(at),
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        None
    }
}

fn object(text: &str) -> (Value, Option<Reason>) {
    match serde_json::from_str(&number::kept(text)) {
        Ok(tree @ Value::Object(_)) => (tree, None),
        Ok(_) => (Value::Null, Some(Reason::new("bad_json", "it is no object"))),
        Err(error) => {
            // The parser's own message may quote the text.
            let detail = format!("malformed at line {}, column {}", error.line(), error.column());
            (Value::Null, Some(Reason::new("bad_json", detail)))
        }
    }
}

#[cfg(test)]
mod tests;
