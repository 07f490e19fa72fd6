//! The decoded lines that a table is read from, and why they cannot be read.

use std::io;

use contract::Reason;
use normalizer_text::Span;

/// What the mark of replaced characters says, after their number.
pub const REPLACED_CHARACTERS: &str =
    "private-use characters or pairs of surrogates were replaced with the characters they mean";

/// Returns the next line with its line end, or a part of it if it has more than about as many bytes as the
/// argument says. `None` after the last one.
pub type Lines<'a> = Box<dyn FnMut(usize) -> io::Result<Option<DecodedPart>> + Send + 'a>;

/// A part of a file that was decoded separately.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct DecodedPart {
    /// The offset at which it begins in the file.
    pub at: u64,
    /// Its bytes in the file.
    pub bytes: Vec<u8>,
    /// Its text.
    pub text: String,
    /// Malformed sequences, as positions in `bytes`.
    pub malformed: Vec<Span>,
    /// Characters that replaced private-use characters, as positions in `text`.
    pub repaired: Vec<Span>,
    /// Whether it is the beginning of a line that goes on in the next part.
    pub is_cut: bool,
}

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub enum FileError {
    /// Its content is wrong.
    Content(Reason),
    /// The disk failed, so the file is not the cause.
    Disk(io::Error),
}

impl FileError {
    /// The error for wrong content.
    pub fn content(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Content(Reason::new(code, detail))
    }

    /// The error for a record that exceeds the size limit; `at` says where the record is.
    pub fn too_large(at: &str, max: usize) -> Self {
        Self::content("too_large", format!("a record exceeds `limits.record` ({max} bytes): {at}"))
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// The lines of a text that is decoded already. A line ends at every carriage return, line feed, or both together.
pub(super) fn lines_of(text: &str) -> Lines<'_> {
    let mut rest = text;
    Box::new(move |limit| {
        if rest.is_empty() {
            return Ok(None);
        }
        let end = match rest.find(['\r', '\n']) {
            Some(at) if rest[at..].starts_with("\r\n") => at + 2,
            Some(at) => at + 1,
            None => rest.len(),
        };
        let is_cut = end > limit;
        let end = if is_cut { rest.floor_char_boundary(limit).max(1) } else { end };
        let (line, after) = rest.split_at(end);
        rest = after;
        let (bytes, text) = (line.as_bytes().to_vec(), line.to_owned());
        Ok(Some(DecodedPart { bytes, text, is_cut, ..DecodedPart::default() }))
    })
}
