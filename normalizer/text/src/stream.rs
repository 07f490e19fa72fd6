//! Decodes bytes that come in pieces.

use std::borrow::Cow;

use contract::DecidedBy;
use encoding_rs::{Decoder, DecoderResult};

use crate::{
    Charset, Decoded, Evidence, Span,
    cesu8::{self, Pair},
    private_use,
};

/// Decodes a body piece by piece. The result does not depend on how the body is split. Only text that
/// was not taken yet is kept.
pub struct Stream {
    decoder: Decoder,
    /// Bytes at the end of the last piece that may begin a character of CESU-8.
    held: Vec<u8>,
    /// The text that was not taken yet, and what was found in the whole body so far.
    pub(crate) decoded: Decoded<'static>,
    /// Bytes of all pieces so far.
    n_bytes: usize,
    /// Bytes of text that were taken already.
    n_taken: usize,
    /// The number of U+FFFD in the text so far.
    n_replacements: usize,
}

impl Stream {
    /// Starts decoding a body in this charset.
    pub fn new(charset: Charset) -> Self {
        Self::of(Evidence::of(charset, DecidedBy::Declared))
    }

    pub(crate) fn of(evidence: Evidence) -> Self {
        let decoder = evidence.charset.encoding().new_decoder_without_bom_handling();
        let decoded = Decoded::empty(evidence);
        Self { decoder, held: Vec::new(), decoded, n_bytes: 0, n_taken: 0, n_replacements: 0 }
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.decode(bytes, false);
    }

    /// Takes the text of all characters that were completed since the last call.
    pub fn take(&mut self) -> String {
        self.n_taken += self.decoded.text.len();
        std::mem::take(&mut self.decoded.text).into_owned()
    }

    /// Ends the body. Returns the text that was not taken, and what was found in the whole body; all
    /// positions are those in the whole body.
    pub fn finish(mut self) -> Decoded<'static> {
        self.decode(&[], true);
        self.decoded
    }

    /// Appends the text of the next bytes, with U+FFFD for each malformed sequence. A pair of
    /// surrogates in UTF-8 becomes the character that it means.
    pub(crate) fn decode(&mut self, bytes: &[u8], is_last: bool) {
        if self.decoded.evidence.charset != Charset::Utf8 {
            return self.decode_next(bytes, is_last);
        }
        let joined;
        let mut rest = bytes;
        if !self.held.is_empty() {
            joined = [&std::mem::take(&mut self.held)[..], bytes].concat();
            rest = &joined;
        }
        while let Some((at, pair)) = cesu8::find(rest) {
            match pair {
                Pair::Whole(character) => {
                    self.decode_next(&rest[..at], true);
                    self.decoder = Charset::Utf8.encoding().new_decoder_without_bom_handling();
                    let offset = self.n_taken + self.decoded.text.len();
                    self.decoded.moved.push(Span { offset, len: character.len_utf8() });
                    self.decoded.text.to_mut().push(character);
                    self.n_bytes += cesu8::LEN;
                    rest = &rest[at + cesu8::LEN..];
                }
                Pair::Begun if !is_last => {
                    self.held = rest[at..].to_vec();
                    rest = &rest[..at];
                    break;
                }
                Pair::Begun | Pair::None => break,
            }
        }
        self.decode_next(rest, is_last);
    }

    fn decode_next(&mut self, bytes: &[u8], is_last: bool) {
        // Two bytes of GBK become three of UTF-8. If the capacity is not enough, it grows below.
        let mut piece = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
        let mut n_read = 0;
        loop {
            let (unread, output) = (&bytes[n_read..], &mut piece);
            let (result, n_bytes) =
                self.decoder.decode_to_string_without_replacement(unread, output, is_last);
            n_read += n_bytes;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => piece.reserve(3 * (bytes.len() - n_read) + 16),
                DecoderResult::Malformed(len, n_behind) => {
                    let len = usize::from(len);
                    let offset = self.n_bytes + n_read - usize::from(n_behind) - len;
                    self.decoded.malformed.push(Span { offset, len });
                    piece.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        self.n_bytes += bytes.len();
        self.n_replacements += piece.matches(char::REPLACEMENT_CHARACTER).count();
        let (piece, moved, private_use) = private_use::resolve(Cow::Owned(piece));
        let found = &mut self.decoded;
        let before = self.n_taken + found.text.len();
        let shifted = |span: Span| Span { offset: before + span.offset, ..span };
        found.moved.extend(moved.into_iter().map(shifted));
        found.private_use.extend(private_use.into_iter().map(shifted));
        found.damaged = self.n_replacements > found.malformed.len();
        found.text += piece;
    }
}
