//! Reads the lines that a program writes, and limits their size.

use std::{io, time::Duration};

use contract::MAX_RECORD_BYTES;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader, Take};

/// Maximum size of a line, in bytes: a record, and the JSON around it.
pub(crate) const MAX_LINE_BYTES: usize = MAX_RECORD_BYTES + (1 << 20);
/// Maximum weight of all records of one answer, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Number of bytes that are kept of a line that is too long.
const START_BYTES: usize = 4096;

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: Take<BufReader<R>>,
    /// The current line. It is stored here so that dropping a read loses nothing.
    line: Vec<u8>,
    max_bytes: usize,
    /// The current line, if it exceeds the limit: `line` is then only its last part.
    long: Option<LongLine>,
    /// Whether the current line was returned, so that the next call begins a new one.
    is_returned: bool,
}

/// A line, without its line break.
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// The line exceeded the limit and was skipped.
    TooLong(&'a LongLine),
}

/// What is known of a line that was skipped.
pub(crate) struct LongLine {
    /// Its first bytes.
    pub(crate) start: Vec<u8>,
    /// Its size.
    pub(crate) n_bytes: usize,
    hash: Sha256,
}

impl LongLine {
    fn new(line: &[u8]) -> Self {
        let start = line.iter().copied().take(START_BYTES).collect();
        Self { start, n_bytes: 0, hash: Sha256::new() }
    }

    fn add(&mut self, part: &[u8]) {
        self.n_bytes += part.len();
        self.hash.update(part);
    }

    /// A hash of the whole line.
    pub(crate) fn digest(&self) -> String {
        let digest = self.hash.clone().finalize();
        hex::encode(&digest[..16])
    }
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(output: R, max_bytes: usize) -> Self {
        let reader = BufReader::with_capacity(64 * 1024, output).take(0);
        Self { reader, line: Vec::new(), max_bytes, long: None, is_returned: false }
    }

    /// Whether there is more to read at this moment.
    pub(crate) async fn has_more(&mut self) -> bool {
        self.reader.set_limit(1);
        let waiting = tokio::time::timeout(Duration::ZERO, self.reader.fill_buf()).await;
        matches!(waiting, Ok(Ok(bytes)) if !bytes.is_empty())
    }

    /// The next line; `None` at the end of the output. Text after the last line break is a line too.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        if std::mem::take(&mut self.is_returned) {
            self.line.clear();
            self.long = None;
        }
        loop {
            // One byte more than the limit, for the line break.
            self.reader.set_limit((self.max_bytes + 1 - self.line.len()) as u64);
            self.reader.read_until(b'\n', &mut self.line).await?;
            if self.line.is_empty() && self.long.is_none() {
                return Ok(None);
            }
            let has_end = self.line.ends_with(b"\n");
            self.line.truncate(self.line.len() - usize::from(has_end));
            let is_over = self.line.len() > self.max_bytes;
            if is_over || self.long.is_some() {
                let Self { line, long, .. } = self;
                long.get_or_insert_with(|| LongLine::new(line)).add(line);
            }
            if is_over {
                self.line.clear();
                continue;
            }
            self.is_returned = true;
            return Ok(Some(match &self.long {
                Some(long) => Line::TooLong(long),
                None => Line::Whole(&self.line),
            }));
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
                Line::TooLong(_) => None,
            });
        }
        found
    }

    /// The first bytes, the size and the hash of the first line, which is too long.
    async fn long(bytes: &[u8]) -> (Vec<u8>, usize, String) {
        match Lines::new(bytes, 5).next().await.unwrap() {
            Some(Line::TooLong(line)) => (line.start.clone(), line.n_bytes, line.digest()),
            _ => panic!("not too long"),
        }
    }

    #[tokio::test]
    async fn the_hash_of_a_line_that_is_too_long_shows_where_it_differs() {
        let line = long(b"12345678\n9").await;
        assert_eq!((String::from_utf8_lossy(&line.0).as_ref(), line.1), ("123456", 8));
        assert_eq!(long(b"12345678").await, line);
        let others: [&[u8]; 3] = [b"12345679\n", b"123456780", b"1234567"];
        for other in others {
            assert_ne!(long(other).await.2, line.2);
        }
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
