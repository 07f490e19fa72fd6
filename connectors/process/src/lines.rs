//! Reads the lines that a program writes, and limits their size.

use std::io;

use contract::MAX_RECORD_BYTES;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader, Take};

/// Maximum size of a line, in bytes: a record, and the JSON around it.
pub(crate) const MAX_LINE_BYTES: usize = MAX_RECORD_BYTES + (1 << 20);
/// Maximum size of all records of one answer, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: Take<BufReader<R>>,
    /// The current line. It is stored here so that dropping a read loses nothing.
    line: Vec<u8>,
    max_bytes: usize,
    /// Whether the current line exceeds the limit.
    is_too_long: bool,
    /// Whether `line` was returned, so that the next call begins a new one.
    is_returned: bool,
}

/// A line, without its line break.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// The line exceeded the limit and was skipped.
    TooLong,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(output: R, max_bytes: usize) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, output).take(0);
        Self { reader, line: Vec::new(), max_bytes, is_too_long: false, is_returned: false }
    }

    /// The next line; `None` at the end of the output. Text after the last line break is a line too.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if std::mem::take(&mut self.is_returned) {
            self.line.clear();
            self.is_too_long = false;
        }
        loop {
            // One byte more than the limit, for the line break.
            self.reader.set_limit((self.max_bytes + 1 - self.line.len()) as u64);
            self.reader.read_until(b'\n', &mut self.line).await?;
            let has_end = self.line.ends_with(b"\n");
            if !has_end && self.line.len() > self.max_bytes {
                self.is_too_long = true;
                self.line.clear();
                continue;
            }
            if self.line.is_empty() && !self.is_too_long {
                return Ok(None);
            }
            self.line.truncate(self.line.len() - usize::from(has_end));
            self.is_returned = true;
            let line = if self.is_too_long { Line::TooLong } else { Line::Whole(&self.line) };
            return Ok(Some(line));
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
