//! Reads the text of a document as a stream, and keeps the source bytes of the current record.
//!
//! A document is read in small parts. The parts of the current record are kept, so that a malformed
//! sequence can be attributed to its record, and the bytes of the record can be shown.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use contract::{FieldFlag, demand::QualityFlag};
use document::{DecodedPart, Findings, REPLACED_CHARACTERS, encode};
use normalizer_text::Charset;

use crate::text::DecodedFile;

/// About the maximum number of bytes in a part, which ends at a line end or earlier.
const PART_BYTES: usize = 4 * 1024;

/// The text of a document; as a `BufRead`, the text in UTF-8. Offsets are positions in this text.
pub(super) struct TextStream {
    file: DecodedFile,
    /// The parts since the beginning of the record, each with the offset of its text.
    parts: VecDeque<(u64, DecodedPart)>,
    /// The malformed sequences in the parts, with markers in their text; parsers add other
    /// findings.
    pub(super) findings: Findings,
    /// The offset at which the text of the last part ends.
    end: u64,
    /// Line and column at which the last part begins, both counted from 0.
    line: usize,
    column: usize,
    /// The number of bytes of the last part that were consumed through `BufRead`.
    n_used: usize,
    /// The offset from which on the `BufRead` fails.
    max_end: u64,
}

impl TextStream {
    pub(super) fn new(file: DecodedFile) -> Self {
        let (parts, findings) = (VecDeque::new(), Findings::default());
        let max_end = u64::MAX;
        Self { file, parts, findings, end: 0, line: 0, column: 0, n_used: 0, max_end }
    }

    /// Lets the `BufRead` fail after about `limit` bytes from an offset on, with `FileTooLarge`: what reads it
    /// may keep all of that in memory.
    pub(super) fn set_limit(&mut self, from: u64, limit: usize) {
        self.max_end = from.saturating_add((limit + PART_BYTES) as u64);
    }

    /// Reads the next part; returns the offset of its text, and the text.
    pub(super) fn next_part(&mut self) -> io::Result<Option<(u64, &str)>> {
        self.next_line(PART_BYTES)
    }

    /// Reads the next line, or about `limit` bytes of it; returns the offset of its text, and the
    /// text.
    pub(super) fn next_line(&mut self, limit: usize) -> io::Result<Option<(u64, &str)>> {
        let Some(mut part) = self.file.next_line(limit)? else { return Ok(None) };
        if !part.malformed.is_empty() {
            let DecodedPart { bytes, malformed, text, .. } = &part;
            part.text = self.findings.mark_malformed(bytes, self.file.charset, malformed, text);
        }
        let at = self.end;
        self.end += part.text.len() as u64;
        (self.line, self.column) = self.line_and_column_from_0(0);
        self.parts.push_back((at, part));
        Ok(self.parts.back().map(|(at, part)| (*at, part.text.as_str())))
    }

    /// Whether the last part is the beginning of a line that goes on in the next part.
    pub(super) fn is_cut(&self) -> bool {
        self.parts.back().is_some_and(|(_, part)| part.is_cut)
    }

    /// Line and column of the text that begins `n_before_end` bytes before the end of the last
    /// part.
    pub(super) fn line_and_column(&self, n_before_end: usize) -> String {
        let (line, column) = self.line_and_column_from_0(n_before_end);
        format!("line {}, column {}", line + 1, column + 1)
    }

    fn line_and_column_from_0(&self, n_before_end: usize) -> (usize, usize) {
        let Some((_, last)) = self.parts.back() else { return (self.line, self.column) };
        let end = last.text.len().saturating_sub(n_before_end);
        let before = last.text.get(..end).unwrap_or(&last.text);
        match before.rsplit_once('\n') {
            Some((above, rest)) => {
                (self.line + above.matches('\n').count() + 1, rest.chars().count())
            }
            None => (self.line, self.column + before.chars().count()),
        }
    }

    /// Line and column of the next byte that the `BufRead` returns.
    pub(super) fn position(&self) -> String {
        let last = self.parts.back().map_or(0, |(_, part)| part.text.len());
        self.line_and_column(last.saturating_sub(self.n_used))
    }

    /// Drops the parts before an offset.
    pub(super) fn drop_before(&mut self, offset: u64) {
        // The last part stays, because it is being consumed.
        while self.parts.len() > 1
            && self.parts.front().is_some_and(|(at, part)| at + part.text.len() as u64 <= offset)
        {
            self.parts.pop_front();
        }
        // No finding is about the text that is left: a file may have millions.
        let is_clean = self.parts.iter().all(|(at, part)| {
            let n_used = usize::try_from(offset.saturating_sub(*at)).unwrap_or(usize::MAX);
            part.text.get(n_used..).is_none_or(|left| self.findings.is_unmarked(left))
        });
        if is_clean {
            self.findings = Findings::default();
        }
    }

    /// The source bytes of the text between two offsets, a flag if private-use characters were replaced in
    /// the parts that contain it, and the findings. If the bytes of the text alone cannot be told, they are
    /// those of the parts.
    pub(super) fn source(&self, from: u64, to: u64) -> (Vec<u8>, Vec<FieldFlag>, Findings) {
        let overlaps =
            |(at, part): &&(u64, DecodedPart)| *at < to && at + part.text.len() as u64 > from;
        let (mut text, mut bytes, mut n_chars) = (String::new(), Vec::new(), 0);
        for (at, part) in self.parts.iter().filter(overlaps) {
            let within = |offset: u64| {
                let offset = usize::try_from(offset.saturating_sub(*at)).unwrap_or(usize::MAX);
                offset.min(part.text.len())
            };
            n_chars += part.repaired.len();
            bytes.extend_from_slice(&part.bytes);
            text.push_str(part.text.get(within(from)..within(to)).unwrap_or_default());
        }
        let own = match self.file.charset {
            Charset::Utf8 => Some(self.findings.source_bytes(&text)),
            charset if self.findings.is_unmarked(&text) && n_chars == 0 => encode(&text, charset),
            _ => None,
        };
        let bytes = own.unwrap_or(bytes);
        let detail = format!("{n_chars} {REPLACED_CHARACTERS}");
        let flag = FieldFlag { field: String::new(), flag: QualityFlag::RepairedText, detail };
        let flags = Vec::from_iter((n_chars > 0).then_some(flag));
        (bytes, flags, self.findings.clone())
    }
}

impl Read for TextStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.fill_buf()?.read(buffer)?;
        self.consume(n_read);
        Ok(n_read)
    }
}

impl BufRead for TextStream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let is_consumed = self.parts.back().is_none_or(|(_, part)| self.n_used >= part.text.len());
        if is_consumed {
            if self.end > self.max_end {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            self.n_used = match self.next_part()? {
                Some(_) => 0,
                None => self.parts.back().map_or(0, |(_, part)| part.text.len()),
            };
        }
        Ok(self.parts.back().map_or(&[], |(_, part)| &part.text.as_bytes()[self.n_used..]))
    }

    fn consume(&mut self, n_bytes: usize) {
        self.n_used += n_bytes;
    }
}
