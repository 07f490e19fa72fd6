//! Reads JSON files: one array of objects, objects one after another, or a list in a document.

mod envelope;

use std::collections::VecDeque;

use contract::Reason;
use document::{Defects, ElementScanner, Shape};
use serde_json::Value;

pub(super) use self::envelope::open_document;
use super::{RawRow, RowReader, stream::TextStream};
use crate::{options::Options, spool::FileError, text::DecodedFile};

/// Opens a file that contains an array of objects, or objects one after another. `file` opens its
/// text.
pub(super) fn open(
    file: impl Fn() -> DecodedFile,
    options: &Options,
) -> Result<RowReader, FileError> {
    let (limit, state) = (options.max_record_bytes, State::Start);
    let new_array = |stream| Array {
        stream,
        limit,
        text: String::new(),
        at: 0,
        n_used: 0,
        n_elements: 0,
        state,
    };
    if matches!(new_array(TextStream::new(file())).peek()?, Some('[')) {
        let mut array = new_array(TextStream::new(file()));
        return Ok(Box::new(move || array.next()));
    }
    let (stream, pending) = (TextStream::new(file()), VecDeque::new());
    let mut objects = Objects { stream, limit, n_lines: 0, is_spread: None, pending };
    Ok(Box::new(move || objects.next()))
}

/// Reads objects that stand one after another: usually one in each line.
struct Objects {
    stream: TextStream,
    limit: usize,
    n_lines: u64,
    /// Whether objects are spread over several lines, as the first one shows.
    is_spread: Option<bool>,
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
            let at = format!("line {}", self.n_lines);
            let mut n_scanned = 0;
            // A line that was cut goes on in the next one only where all objects do.
            while is_open(&mut scanner, &text[n_scanned..]) && *self.is_spread.get_or_insert(true) {
                n_scanned = text.len();
                if self.read_line(&mut text)?.is_none() {
                    let detail = format!("the file ends within the object at {at}");
                    return Err(FileError::content("truncated", detail));
                }
                if text.len() >= self.limit {
                    return Err(FileError::too_large(&at, self.limit));
                }
            }
            self.split(&at, &text, from);
        }
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
    fn split(&mut self, at: &str, text: &str, offset: u64) {
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
            let row = parse_row(&mut self.stream, at.to_owned(), &text[from..to], start, end);
            self.is_spread.get_or_insert(false);
            self.pending.push_back(row);
            from = to;
        }
    }
}

/// Whether an object is open after more text.
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
        findings: findings.into(),
        defects: Defects { marks, damage },
        ..RawRow::default()
    }
}

#[cfg(test)]
mod tests;
