//! Strict decoding: every malformed sequence becomes U+FFFD and is reported with its position.
//!
//! The caller decides what that means for the record: lost characters cannot be restored later.
//! `encoding_rs` decodes; its GB18030 is the version of 2022, in which 䶮 is U+4DAE.

use std::borrow::Cow;

use crate::{Charset, DecidedBy, Evidence, Stream, private_use};

/// A range of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The index of its first byte.
    pub offset: usize,
    /// The number of bytes.
    pub len: usize,
}

/// The decoded text, and what was found while decoding. Every list is in order of position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text, with U+FFFD for each malformed sequence.
    pub text: Cow<'a, str>,
    /// Malformed sequences, as positions in the *bytes*.
    pub malformed: Vec<Span>,
    /// Real characters that replaced private-use characters of cp936 or pairs of surrogates in UTF-8
    /// (CESU-8), as positions in the *text*.
    pub moved: Vec<Span>,
    /// Other private-use characters, which are kept, as positions in the *text*.
    pub private_use: Vec<Span>,
    /// Whether the input itself contains U+FFFD: the text was damaged before.
    pub damaged: bool,
    /// Whether the text fills its column, so that the source may have cut it. Half a character at its
    /// end is dropped.
    pub truncated: bool,
    /// The charset in which it was decoded, and why.
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

/// Decodes all of `bytes`. ASCII and valid UTF-8 are not copied.
pub fn decode_strict(bytes: &[u8], charset: Charset) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), false)
}

/// Decodes a value from a column that holds at most `width` bytes; `None` if the limit is unknown.
///
/// If a value has exactly that length, the source probably cut it: half a character at its end is
/// dropped. Otherwise half a character is malformed.
///
/// The charset of a column is never detected: one in thirty GBK texts of two characters is valid
/// UTF-8.
pub fn decode_column(bytes: &[u8], charset: Charset, width: Option<usize>) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), width == Some(bytes.len()))
}

pub(crate) fn decode(bytes: &[u8], evidence: Evidence, truncated: bool) -> Decoded<'_> {
    decode_checked(bytes, std::str::from_utf8(bytes).ok(), evidence, truncated)
}

/// Like [`decode`]; `text` is the bytes as text, if they are valid UTF-8.
pub(crate) fn decode_checked<'a>(
    bytes: &'a [u8],
    text: Option<&'a str>,
    evidence: Evidence,
    truncated: bool,
) -> Decoded<'a> {
    let charset = evidence.charset;
    let is_utf8 = charset == Charset::Utf8 || (charset.has_ascii() && bytes.is_ascii());
    match text {
        Some(text) if is_utf8 => {
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
