//! The text of a document as a stream, with the source bytes of the current record.
//!
//! A document is read in small pieces. Those of the current record are kept, so that a malformed
//! sequence is attributed to its record, and the bytes of the record can be shown.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use contract::{Mark, demand::QualityFlag};
use document::Findings;

use crate::text::{Piece, Pieces};

/// Number of bytes in a piece, unless its line is shorter.
const PIECE_BYTES: usize = 4 * 1024;

/// A document as text; also as a `BufRead` of UTF-8.
pub(super) struct Stream {
    pieces: Pieces,
    /// The pieces since the beginning of the record, each with the offset of its text.
    kept: VecDeque<(u64, Piece)>,
    /// What is malformed in them, with markers in their text; readers add to it.
    pub(super) findings: Findings,
    /// Offset of the text after the last piece.
    end: u64,
    /// Line and column of the beginning of the last piece, both from 0.
    line: usize,
    column: usize,
    /// How many bytes of the last piece were consumed through `BufRead`.
    n_used: usize,
}

impl Stream {
    pub(super) fn new(pieces: Pieces) -> Self {
        let (kept, findings) = (VecDeque::new(), Findings::default());
        Self { pieces, kept, findings, end: 0, line: 0, column: 0, n_used: 0 }
    }

    /// The next piece and the offset of its text.
    pub(super) fn piece(&mut self) -> io::Result<Option<(u64, &str)>> {
        self.line(PIECE_BYTES)
    }

    /// The next line, or about `limit` bytes of it, and the offset of its text.
    pub(super) fn line(&mut self, limit: usize) -> io::Result<Option<(u64, &str)>> {
        let Some(mut piece) = self.pieces.line(limit)? else { return Ok(None) };
        if !piece.malformed.is_empty() {
            let Piece { bytes, malformed, text, .. } = &piece;
            let charset = self.pieces.charset;
            piece.text = self.findings.mark_malformed(bytes, 0, charset, malformed, text);
        }
        let at = self.end;
        self.end += piece.text.len() as u64;
        (self.line, self.column) = self.line_and_column_from_0(0);
        self.kept.push_back((at, piece));
        Ok(self.kept.back().map(|(at, piece)| (*at, piece.text.as_str())))
    }

    /// Line and column of the text that begins this many bytes before the end of the last piece.
    pub(super) fn line_and_column(&self, n_before_end: usize) -> String {
        let (line, column) = self.line_and_column_from_0(n_before_end);
        format!("line {}, column {}", line + 1, column + 1)
    }

    fn line_and_column_from_0(&self, n_before_end: usize) -> (usize, usize) {
        let Some((_, last)) = self.kept.back() else { return (self.line, self.column) };
        let end = last.text.len().saturating_sub(n_before_end);
        let before = last.text.get(..end).unwrap_or(&last.text);
        match before.rsplit_once('\n') {
            Some((above, rest)) => {
                (self.line + above.matches('\n').count() + 1, rest.chars().count())
            }
            None => (self.line, self.column + before.chars().count()),
        }
    }

    /// Line and column of the next byte of the `BufRead`.
    pub(super) fn position(&self) -> String {
        let last = self.kept.back().map_or(0, |(_, piece)| piece.text.len());
        self.line_and_column(last.saturating_sub(self.n_used))
    }

    /// Drops the pieces before an offset.
    pub(super) fn drop_before(&mut self, offset: u64) {
        // The last piece stays: it is being consumed.
        while self.kept.len() > 1
            && self.kept.front().is_some_and(|(at, piece)| at + piece.text.len() as u64 <= offset)
        {
            self.kept.pop_front();
        }
        if self.kept.iter().all(|(_, piece)| piece.malformed.is_empty()) {
            self.findings = Findings::default();
        }
    }

    /// The source bytes of the text between two offsets, a mark for private-use characters that were
    /// replaced in it, and what is malformed.
    pub(super) fn source(&self, from: u64, to: u64) -> (Vec<u8>, Vec<Mark>, Findings) {
        let overlaps =
            |(at, piece): &&(u64, Piece)| *at < to && at + piece.text.len() as u64 > from;
        let (mut bytes, mut n_replaced) = (Vec::new(), 0);
        for (_, piece) in self.kept.iter().filter(overlaps) {
            n_replaced += piece.repaired.len();
            bytes.extend_from_slice(&piece.bytes);
        }
        let detail = format!("{n_replaced} private-use characters replaced by standard ones");
        let mark = Mark { field: String::new(), flag: QualityFlag::RepairedText, detail };
        let marks = Vec::from_iter((n_replaced > 0).then_some(mark));
        (bytes, marks, self.findings.clone())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.fill_buf()?.read(buffer)?;
        self.consume(n_read);
        Ok(n_read)
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let is_consumed = self.kept.back().is_none_or(|(_, piece)| self.n_used >= piece.text.len());
        if is_consumed {
            self.n_used = match self.piece()? {
                Some(_) => 0,
                None => self.kept.back().map_or(0, |(_, piece)| piece.text.len()),
            };
        }
        Ok(self.kept.back().map_or(&[], |(_, piece)| &piece.text.as_bytes()[self.n_used..]))
    }

    fn consume(&mut self, n_bytes: usize) {
        self.n_used += n_bytes;
    }
}
