//! Bytes to text, strictly: what is not in the charset is located, never passed over.
//!
//! A lenient decoder loses characters without a word, and once U+FFFD has been written and read
//! again (锟斤拷) nothing can bring them back. So every malformed sequence is reported with its
//! place, and the caller decides about the record. `encoding_rs` does the decoding; its GB18030 is
//! that of 2022, in which 䶮 is U+4DAE.

use std::borrow::Cow;

use encoding_rs::DecoderResult;

use crate::{Charset, private_use};

/// A stretch of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub offset: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// The text that bytes held, and what was found on the way. Every list is in order of place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text; U+FFFD for each malformed sequence.
    pub text: Cow<'a, str>,
    /// Sequences that the charset does not have, as places in the *bytes*.
    pub malformed: Vec<Span>,
    /// Private-use characters that cp936 used for a real character and that were put in its
    /// place, as places in the *text*.
    pub moved: Vec<Span>,
    /// Other private-use characters, kept, as places in the *text*.
    pub private_use: Vec<Span>,
    /// The source itself wrote U+FFFD: the text was damaged before it came here.
    pub damaged: bool,
    /// The source cut the text at the width of its column; half a character at the end is gone.
    pub truncated: bool,
}

/// Decodes all of `bytes`. Allocates nothing for ASCII and valid UTF-8.
pub fn decode_strict(bytes: &[u8], charset: Charset) -> Decoded<'_> {
    decode(bytes, charset, false)
}

/// Decodes a value from a column that holds at most `width` bytes, where the source declares one.
///
/// A value that fills its column exactly was cut there by the source, as far as anybody can know:
/// half a character at its end is dropped, because the rest of it never existed here. Without a
/// width, or with room left, half a character is malformed.
pub fn decode_column(bytes: &[u8], charset: Charset, width: Option<usize>) -> Decoded<'_> {
    decode(bytes, charset, width == Some(bytes.len()))
}

fn decode(bytes: &[u8], charset: Charset, truncated: bool) -> Decoded<'_> {
    let is_utf8 = charset == Charset::Utf8 || bytes.is_ascii();
    let (text, malformed) = match std::str::from_utf8(bytes) {
        Ok(text) if is_utf8 => (Cow::Borrowed(text), Vec::new()),
        _ => {
            let (text, malformed) = transcode(bytes, charset, truncated);
            (Cow::Owned(text), malformed)
        }
    };
    let damaged = text.matches(char::REPLACEMENT_CHARACTER).count() > malformed.len();
    let (text, moved, private_use) = private_use::resolve(text);
    Decoded { text, malformed, moved, private_use, damaged, truncated }
}

fn transcode(bytes: &[u8], charset: Charset, truncated: bool) -> (String, Vec<Span>) {
    let mut decoder = charset.encoding().new_decoder_without_bom_handling();
    // Two bytes of GBK are three of UTF-8; more is asked for below where that is not enough.
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
    let mut malformed = Vec::new();
    let mut read = 0;
    loop {
        // A decoder that is not told of the end waits for the rest of a half character.
        let (result, n_bytes) =
            decoder.decode_to_string_without_replacement(&bytes[read..], &mut text, !truncated);
        read += n_bytes;
        match result {
            DecoderResult::InputEmpty => return (text, malformed),
            DecoderResult::OutputFull => text.reserve(3 * (bytes.len() - read) + 16),
            DecoderResult::Malformed(len, read_beyond) => {
                let len = usize::from(len);
                let offset = read - usize::from(read_beyond) - len;
                malformed.push(Span { offset, len });
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}
