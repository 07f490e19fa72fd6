//! Decoding of bytes that come in pieces.

use std::borrow::Cow;

use contract::DecidedBy;

use crate::{Charset, Decoded, Evidence, Span, private_use, strict::Transcoder};

/// Decodes a body piece by piece. However it is split, the result is that of the whole body. It
/// holds only the text that was not taken yet.
pub struct Stream {
    transcoder: Transcoder,
    text: String,
    /// Bytes of text that were taken already.
    taken: usize,
    moved: Vec<Span>,
    private_use: Vec<Span>,
    n_replacements: usize,
    charset: Charset,
}

impl Stream {
    /// Begins a body in this charset.
    pub fn new(charset: Charset) -> Self {
        Self {
            transcoder: Transcoder::new(charset),
            text: String::new(),
            taken: 0,
            moved: Vec::new(),
            private_use: Vec::new(),
            n_replacements: 0,
            charset,
        }
    }

    /// Adds the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.transcode(bytes, false);
    }

    /// The text of all complete characters since the last call.
    pub fn take(&mut self) -> String {
        self.taken += self.text.len();
        std::mem::take(&mut self.text)
    }

    /// Ends the body. Returns the text that was not taken, and what was found in the whole body,
    /// with positions in the whole.
    pub fn finish(mut self) -> Decoded<'static> {
        self.transcode(&[], true);
        Decoded {
            damaged: self.n_replacements > self.transcoder.malformed.len(),
            text: Cow::Owned(self.text),
            malformed: self.transcoder.malformed,
            moved: self.moved,
            private_use: self.private_use,
            truncated: false,
            evidence: Evidence::of(self.charset, DecidedBy::Declared),
        }
    }

    fn transcode(&mut self, bytes: &[u8], is_last: bool) {
        let mut piece = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
        self.transcoder.transcode(bytes, &mut piece, is_last);
        self.n_replacements += piece.matches(char::REPLACEMENT_CHARACTER).count();
        let (piece, moved, private_use) = private_use::resolve(Cow::Owned(piece));
        let before = self.taken + self.text.len();
        let shifted = |span: Span| Span { offset: before + span.offset, ..span };
        self.moved.extend(moved.into_iter().map(shifted));
        self.private_use.extend(private_use.into_iter().map(shifted));
        self.text.push_str(&piece);
    }
}
