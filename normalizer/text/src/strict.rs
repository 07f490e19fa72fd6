//! Strict decoding: malformed sequences are reported, never skipped silently.
//!
//! A lenient decoder loses characters silently, and after U+FFFD has been written and read again
//! (锟斤拷) they cannot be restored. So every malformed sequence is reported with its place, and
//! the caller decides about the record. `encoding_rs` does the decoding; its GB18030 is that of
//! 2022, in which 䶮 is U+4DAE.

use std::borrow::Cow;

use encoding_rs::{Decoder, DecoderResult};

use crate::{Charset, DecidedBy, Evidence, private_use};

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
    /// The source cut the text at the width of its column; half a character at the end is dropped.
    pub truncated: bool,
    /// Which charset it was decoded in, and why.
    pub evidence: Evidence,
}

/// Decodes all of `bytes`. Allocates nothing for ASCII and valid UTF-8.
pub fn decode_strict(bytes: &[u8], charset: Charset) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), false)
}

/// Decodes a value from a column that holds at most `width` bytes, where the source declares one.
///
/// A value that fills its column exactly is assumed to be cut by the source: half a character at
/// its end is dropped, because the rest was never stored. Without a width, or if the value is
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
    let (text, malformed) = match std::str::from_utf8(bytes) {
        Ok(text) if is_utf8 => (Cow::Borrowed(text), Vec::new()),
        _ => {
            let mut transcoder = Transcoder::new(charset);
            // Two bytes of GBK are three of UTF-8; more is reserved if that is not enough.
            let mut text = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
            // Without the end of input, the decoder waits for the rest of a half character.
            transcoder.transcode(bytes, &mut text, !truncated);
            (Cow::Owned(text), transcoder.malformed)
        }
    };
    let damaged = text.matches(char::REPLACEMENT_CHARACTER).count() > malformed.len();
    let (text, moved, private_use) = private_use::resolve(text);
    Decoded { text, malformed, moved, private_use, damaged, truncated, evidence }
}

/// A decoder that tracks its position.
pub(crate) struct Transcoder {
    decoder: Decoder,
    /// Bytes read before this call.
    read: usize,
    pub(crate) malformed: Vec<Span>,
}

impl Transcoder {
    pub(crate) fn new(charset: Charset) -> Self {
        let decoder = charset.encoding().new_decoder_without_bom_handling();
        Self { decoder, read: 0, malformed: Vec::new() }
    }

    /// Appends the text of the next bytes, U+FFFD for each malformed sequence.
    pub(crate) fn transcode(&mut self, bytes: &[u8], text: &mut String, is_last: bool) {
        let mut read = 0;
        loop {
            let (result, n_bytes) =
                self.decoder.decode_to_string_without_replacement(&bytes[read..], text, is_last);
            read += n_bytes;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => text.reserve(3 * (bytes.len() - read) + 16),
                DecoderResult::Malformed(len, read_beyond) => {
                    let len = usize::from(len);
                    let offset = self.read + read - usize::from(read_beyond) - len;
                    self.malformed.push(Span { offset, len });
                    text.push(char::REPLACEMENT_CHARACTER);
                }
            }
        }
        self.read += bytes.len();
    }
}
