//! Bytes to text, strictly: what is not in the charset is located, never passed over.
//!
//! A lenient decoder loses characters without a word, and once U+FFFD has been written and read
//! again (锟斤拷) nothing can bring them back. So every malformed sequence is reported with its
//! place, and the caller decides about the record. `encoding_rs` does the decoding; its GB18030 is
//! that of 2022, in which 䶮 is U+4DAE.

use std::borrow::Cow;

use encoding_rs::{Decoder, DecoderResult};

use crate::{Charset, DecidedBy, Evidence, private_use};

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
    /// Which charset it was decoded in, and why.
    pub evidence: Evidence,
}

/// Decodes all of `bytes`. Allocates nothing for ASCII and valid UTF-8.
pub fn decode_strict(bytes: &[u8], charset: Charset) -> Decoded<'_> {
    decode(bytes, Evidence::of(charset, DecidedBy::Declared), false)
}

/// Decodes a value from a column that holds at most `width` bytes, where the source declares one.
///
/// A value that fills its column exactly was cut there by the source, as far as anybody can know:
/// half a character at its end is dropped, because the rest of it never existed here. Without a
/// width, or with room left, half a character is malformed.
///
/// Columns are never sniffed: of two-character texts in GBK one in thirty is valid UTF-8.
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
            // Two bytes of GBK are three of UTF-8; more is asked for where that is not enough.
            let mut text = String::with_capacity(bytes.len() + bytes.len() / 2 + 16);
            // A decoder that is not told of the end waits for the rest of a half character.
            transcoder.transcode(bytes, &mut text, !truncated);
            (Cow::Owned(text), transcoder.malformed)
        }
    };
    let damaged = text.matches(char::REPLACEMENT_CHARACTER).count() > malformed.len();
    let (text, moved, private_use) = private_use::resolve(text);
    Decoded { text, malformed, moved, private_use, damaged, truncated, evidence }
}

/// A decoder that knows where it is.
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
