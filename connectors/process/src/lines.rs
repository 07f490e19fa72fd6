//! Lines of a program, within limits.

use std::io;

use contract::MAX_RECORD_BYTES;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Most bytes of a line: a record, and the words around it.
pub(crate) const LONGEST_LINE: usize = MAX_RECORD_BYTES + (1 << 20);
/// Most bytes of all records of one answer.
pub(crate) const MOST_BYTES: usize = 64 << 20;

/// Lines as they come.
pub(crate) struct Lines<R> {
    from: BufReader<R>,
    /// The current line; kept here so that dropping a read loses nothing.
    line: Vec<u8>,
    longest: usize,
    /// The current line is above the limit.
    is_long: bool,
    /// `line` was given out.
    is_given: bool,
}

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// Above the limit; it was skipped.
    TooLong,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R, longest: usize) -> Self {
        let from = BufReader::with_capacity(64 * 1024, from);
        Self { from, line: Vec::new(), longest, is_long: false, is_given: false }
    }

    /// The next line; `None` at the end. Text after the last line break is a line too.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if std::mem::take(&mut self.is_given) {
            self.line.clear();
            self.is_long = false;
        }
        loop {
            let chunk = self.from.fill_buf().await?;
            if chunk.is_empty() && self.line.is_empty() && !self.is_long {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let is_end = end.is_some() || chunk.is_empty();
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            if self.line.len() + piece.len() > self.longest {
                self.is_long = true;
                self.line.clear();
            }
            if !self.is_long {
                self.line.extend_from_slice(piece);
            }
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.from.consume(used);
            if is_end {
                self.is_given = true;
                return Ok(Some(if self.is_long {
                    Line::TooLong
                } else {
                    Line::Whole(&self.line)
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(bytes: &[u8]) -> Vec<Option<String>> {
        let mut lines = Lines::new(bytes, 5);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            found.push(match line {
                Line::Whole(line) => Some(String::from_utf8_lossy(line).into_owned()),
                Line::TooLong => None,
            });
        }
        found
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_skipped() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(lines(b"12345\n123456\n1\n").await, [some("12345"), None, some("1")]);
        assert_eq!(lines(b"\n12").await, [some(""), some("12")]);
        assert_eq!(lines(b"123456789").await, [None]);
        assert!(lines(b"").await.is_empty());
    }
}
