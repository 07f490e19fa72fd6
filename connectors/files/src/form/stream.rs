//! The text of a document that is not made of lines, with the bytes behind the last of it.
//!
//! Such a document comes in small pieces. Those of the record that is being read are kept, so that a
//! malformed sequence is found in the record that holds it, and its bytes can be shown.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use contract::{Mark, demand::QualityFlag};

use super::malformed_detail;
use crate::text::{Piece, Pieces};

/// Bytes of a piece, unless its line is shorter.
const PIECE: usize = 4 * 1024;

/// A document as text; also as a `BufRead` of UTF-8.
pub(super) struct Stream {
    pieces: Pieces,
    /// Pieces from the beginning of the record on, with the place of their text.
    kept: VecDeque<(u64, Piece)>,
    /// Place of the text behind the last piece.
    end: u64,
    /// Of the last piece, what the `BufRead` has given out.
    used: usize,
}

impl Stream {
    pub(super) fn new(pieces: Pieces) -> Self {
        Self { pieces, kept: VecDeque::new(), end: 0, used: 0 }
    }

    /// The next piece and the place of its text.
    pub(super) fn piece(&mut self) -> io::Result<Option<(u64, &str)>> {
        let Some(piece) = self.pieces.line(PIECE)? else { return Ok(None) };
        let at = self.end;
        self.end += piece.text.len() as u64;
        self.kept.push_back((at, piece));
        Ok(self.kept.back().map(|(at, piece)| (*at, piece.text.as_str())))
    }

    /// What lies before `place` is not asked for again.
    pub(super) fn forget(&mut self, place: u64) {
        // The last piece stays: it is being given out.
        while self.kept.len() > 1
            && self.kept.front().is_some_and(|(at, piece)| at + piece.text.len() as u64 <= place)
        {
            self.kept.pop_front();
        }
    }

    /// The lines that a record stands on, and what is malformed in them.
    pub(super) fn evidence(&self, from: u64, to: u64) -> (Vec<u8>, Vec<Mark>, Vec<Mark>) {
        let touches = |(at, piece): &&(u64, Piece)| *at < to && at + piece.text.len() as u64 > from;
        let (mut bytes, mut malformed, mut n_moved) = (Vec::new(), Vec::new(), 0);
        for (at, piece) in self.kept.iter().filter(touches) {
            n_moved += piece.moved.len();
            let bad = piece.text.match_indices(char::REPLACEMENT_CHARACTER);
            // A piece that is damaged elsewhere says nothing of this record.
            if bad.into_iter().any(|(offset, _)| (from..to).contains(&(at + offset as u64))) {
                malformed.extend(piece.malformed.iter().map(|span| normalizer_text::Span {
                    offset: span.offset + bytes.len(),
                    ..*span
                }));
            }
            bytes.extend_from_slice(&piece.bytes);
        }
        let mark = |flag, detail| vec![Mark { field: String::new(), flag, detail }];
        let charset = self.pieces.charset();
        let marks = match n_moved {
            0 => Vec::new(),
            n => mark(QualityFlag::RepairedText, format!("{n} private-use characters put back")),
        };
        let malformed = match &malformed[..] {
            [] => Vec::new(),
            spans => mark(QualityFlag::MalformedBytes, malformed_detail(spans, charset)),
        };
        (bytes, malformed, marks)
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
        let is_used = self.kept.back().is_none_or(|(_, piece)| self.used >= piece.text.len());
        if is_used {
            self.used = match self.piece()? {
                Some(_) => 0,
                None => self.kept.back().map_or(0, |(_, piece)| piece.text.len()),
            };
        }
        Ok(self.kept.back().map_or(&[], |(_, piece)| &piece.text.as_bytes()[self.used..]))
    }

    fn consume(&mut self, n_bytes: usize) {
        self.used += n_bytes;
    }
}
