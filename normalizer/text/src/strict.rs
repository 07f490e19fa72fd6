//! Strict decoding: malformed sequences are reported, never skipped silently.
//!
//! A lenient decoder loses characters silently, and after U+FFFD has been written and read again
//! (锟斤拷) they cannot be restored. So every malformed sequence is reported with its position,
//! and the caller decides about the record. `encoding_rs` does the decoding; its GB18030 is that of
//! 2022, in which 䶮 is U+4DAE.

use std::borrow::Cow;

use crate::{Charset, DecidedBy, Evidence, Stream, private_use};

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub offset: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// The decoded text, and what was found while decoding. Every list is in order of position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text; U+FFFD for each malformed sequence.
    pub text: Cow<'a, str>,
    /// Malformed sequences, as positions in the *bytes*.
    pub malformed: Vec<Span>,
    /// Real characters put in place of private-use characters of cp936, as positions in the *text*.
    pub moved: Vec<Span>,
    /// Other private-use characters, which are kept, as positions in the *text*.
    pub private_use: Vec<Span>,
    /// The input itself has U+FFFD: the text was damaged before.
    pub damaged: bool,
    /// The source cut the text at the width of its column; half a character at its end is
    /// dropped.
    pub truncated: bool,
    /// Which charset it was decoded in, and why.
    pub evidence: Evidence,
}

impl Decoded<'_> {
    pub(crate) fn empty(evidence: Evidence) -> Self {
        Self {
            text: Cow::Borrowed(""),
            malformed: Vec::new(),
            moved: Vec::new(),
            private_use: Vec::new(),
            damaged: false,
            truncated: false,
            evidence,
        }
    }
}

/// Decodes all of `bytes`. Allocates nothing for ASCII and valid UTF-8.
pub fn decode_strict(bytes: &[u8], charset: Charset) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), false)
}

/// Decodes a value from a column that holds at most `width` bytes, where the source declares one.
///
/// A value that fills its column exactly is assumed to be cut by the source: half a character at
/// its end is dropped, because its other half was never stored. Without a width, or if the value is
/// shorter, half a character is malformed.
///
/// The charset of a column is never detected: one in thirty GBK texts of two characters is valid
/// UTF-8.
pub fn decode_column(bytes: &[u8], charset: Charset, width: Option<usize>) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), width == Some(bytes.len()))
}

pub(crate) fn decode(bytes: &[u8], evidence: Evidence, truncated: bool) -> Decoded<'_> {
    let charset = evidence.charset;
    let is_utf8 = charset == Charset::Utf8 || (charset.has_ascii() && bytes.is_ascii());
    match std::str::from_utf8(bytes) {
        Ok(text) if is_utf8 => {
            let damaged = text.contains(char::REPLACEMENT_CHARACTER);
            let (text, moved, private_use) = private_use::resolve(text.into());
            Decoded { text, moved, private_use, damaged, truncated, ..Decoded::empty(evidence) }
        }
        _ => {
            let mut stream = Stream::of(evidence);
            // Without the end of input, the decoder waits for the rest of a half character.
            stream.decode(bytes, !truncated);
            Decoded { truncated, ..stream.decoded }
        }
    }
}
