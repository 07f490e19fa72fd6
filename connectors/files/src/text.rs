//! Bytes are decoded before anything is searched in them.
//!
//! In GB18030 and Big5 the second byte of a character may be a `|`, a `\` or a brace: splitting bytes
//! would split characters. A byte below 0x30 is never a part of another character, except in UTF-16.
//! So a file is split after such bytes, each piece is decoded alone, and a malformed sequence never
//! affects another piece.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use normalizer_text::{Charset, Detector, Span, decode_strict};

/// Facts about a file, from reading all its bytes before it is parsed.
#[derive(Debug, Clone)]
pub(crate) struct FileSummary {
    pub(crate) n_bytes: u64,
    /// Hexadecimal, in lower case.
    pub(crate) md5: String,
    /// Its first bytes.
    pub(crate) first_bytes: Bytes,
    /// What its bytes say about their charset.
    pub(crate) detector: Detector,
}

/// Bytes of the first_bytes of a file.
const MAX_FIRST_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 256 * 1024;

impl FileSummary {
    /// Reads all of a file.
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        let (mut hash, mut first_bytes, mut at) = (Md5::new(), Vec::new(), 0);
        let mut detector = Detector::default();
        let mut block = vec![0; READ_BYTES];
        loop {
            let n_read = file.read_at(&mut block, at)?;
            let bytes = &block[..n_read];
            if bytes.is_empty() {
                break;
            }
            hash.update(bytes);
            detector.push(bytes);
            first_bytes.extend(bytes.iter().take(MAX_FIRST_BYTES.saturating_sub(first_bytes.len())));
            at += n_read as u64;
        }
        let md5 = hex::encode(hash.finalize());
        Ok(Self { n_bytes: at, md5, first_bytes: first_bytes.into(), detector })
    }
}

/// A part of a file that was decoded alone.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct DecodedPart {
    /// Where it begins in the file.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// Positions in `bytes`.
    pub(crate) malformed: Vec<Span>,
    /// Characters that replaced private-use characters, as positions in `text`.
    pub(crate) repaired: Vec<Span>,
}

/// A file that is decoded piece by piece.
pub(crate) struct DecodedFile {
    file: Arc<File>,
    pub(crate) charset: Charset,
    /// Where the next piece begins.
    at: u64,
    /// Bytes from there on that were read.
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were returned already.
    n_used: usize,
    is_at_end: bool,
}

const BLOCK: usize = 64 * 1024;
/// Bytes without a blank, separator or quote: text never has so many.
const MAX_UNBROKEN_BYTES: usize = 16 << 20;

impl DecodedFile {
    /// The text after the first `at` bytes.
    pub(crate) fn new(file: Arc<File>, charset: Charset, at: usize) -> Self {
        Self { file, charset, at: at as u64, buffer: Vec::new(), n_used: 0, is_at_end: false }
    }

    /// The next line with its end; a part of it where it is longer than about `limit` bytes.
    pub(crate) fn line(&mut self, limit: usize) -> io::Result<Option<DecodedPart>> {
        let unit = if self.is_utf16() { 2 } else { 1 };
        let mut searched = 0;
        loop {
            let unused = &self.buffer[self.n_used..];
            let end = match self.charset {
                Charset::Utf16Le => find_pair(unused, searched, [b'\n', 0]),
                Charset::Utf16Be => find_pair(unused, searched, [0, b'\n']),
                _ => unused[searched..]
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map(|at| searched + at + 1),
            };
            let n_unused = unused.len();
            match end {
                Some(end) => return Ok(Some(self.take(end))),
                None if n_unused >= limit
                    && let Some(end) = self.last_safe_end(n_unused) =>
                {
                    return Ok(Some(self.take(end)));
                }
                None if self.is_at_end => return Ok((n_unused > 0).then(|| self.take(n_unused))),
                None => searched = n_unused / unit * unit,
            }
            self.fill()?;
        }
    }

    /// The last position that splits no character; the end where there is none in very many bytes.
    fn last_safe_end(&self, n_unused: usize) -> Option<usize> {
        let unused = &self.buffer[self.n_used..][..n_unused];
        let end = if self.is_utf16() {
            // A line end or a blank is never a part of a surrogate pair.
            let low = usize::from(self.charset == Charset::Utf16Be);
            unused
                .chunks_exact(2)
                .rposition(|unit| unit[low] < 0x30 && unit[1 - low] == 0)
                .map(|at| 2 * at + 2)
        } else {
            unused.iter().rposition(|byte| *byte < 0x30).map(|at| at + 1)
        };
        end.or((n_unused >= MAX_UNBROKEN_BYTES).then_some(n_unused))
    }

    fn take(&mut self, n_bytes: usize) -> DecodedPart {
        let bytes = self.buffer[self.n_used..][..n_bytes].to_vec();
        let at = self.at;
        self.n_used += n_bytes;
        self.at += n_bytes as u64;
        let decoded = decode_strict(&bytes, self.charset);
        let (malformed, repaired) = (decoded.malformed, decoded.moved);
        let text = decoded.text.into_owned();
        DecodedPart { at, bytes, text, malformed, repaired }
    }

    fn is_utf16(&self) -> bool {
        matches!(self.charset, Charset::Utf16Le | Charset::Utf16Be)
    }

    /// Reads more of the file.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.n_used);
        self.n_used = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + BLOCK, 0);
        let n_read = self.file.read_at(&mut self.buffer[before..], self.at + before as u64)?;
        self.buffer.truncate(before + n_read);
        self.is_at_end = n_read == 0;
        Ok(())
    }
}

/// The end of the first `pair` at an even offset, from `from` on.
fn find_pair(bytes: &[u8], from: usize, pair: [u8; 2]) -> Option<usize> {
    let units = bytes[from..].chunks_exact(2);
    units.into_iter().position(|unit| unit == pair).map(|at| from + 2 * at + 2)
}

/// The text of bytes as a file; where they say nothing, they are in the charset `declared`.
#[cfg(test)]
pub(crate) fn pieces(bytes: &[u8], declared: Charset) -> DecodedFile {
    use std::io::Write as _;
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let hints = normalizer_text::Hints { declared: Some(declared), ..Default::default() };
    let (evidence, bom) = FileSummary::read(&file).unwrap().detector.evidence(&hints);
    DecodedFile::new(Arc::new(file), evidence.charset, bom)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8], expected: Charset) -> Vec<DecodedPart> {
        let mut pieces = pieces(bytes, expected);
        std::iter::from_fn(|| pieces.line(1 << 20).unwrap()).collect()
    }

    fn utf16(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    }

    #[test]
    fn each_charset_is_recognised_and_cut_into_lines() {
        let text = "编号,企业\n1,张䶮 ਊ\n2,𠮷";
        let gb = encoding_rs::GB18030.encode(text).0.into_owned();
        let bom = [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat();
        for (bytes, charset) in [
            (gb, "GB18030"),
            (text.as_bytes().to_vec(), "UTF-8"),
            (bom, "UTF-8"),
            (utf16(text), "UTF-16LE"),
            (utf16(text)[2..].to_vec(), "UTF-16LE"),
        ] {
            assert_eq!(pieces(&bytes, Charset::Gb18030).charset.name(), charset);
            let lines = lines(&bytes, Charset::Gb18030);
            let read: String = lines.iter().map(|piece| piece.text.as_str()).collect();
            assert_eq!(read, text, "{charset}");
            assert_eq!(lines.len(), 3, "{charset}");
            assert!(lines.iter().all(|piece| piece.malformed.is_empty()));
        }
    }

    #[test]
    fn a_bad_byte_in_the_middle_of_a_large_file_changes_no_other_line() {
        let line = "编号,企业诉求\n".repeat(100_000);
        let bytes = [line.as_bytes(), b"\xE7\xBC,x\n", line.as_bytes()].concat();
        let lines = lines(&bytes, Charset::Gb18030);
        let damaged = lines.iter().filter(|piece| !piece.malformed.is_empty());
        assert_eq!(damaged.map(|piece| piece.text.as_str()).collect::<Vec<_>>(), ["\u{FFFD},x\n"]);
        assert_eq!(lines.len(), 200_001);
    }

    #[test]
    fn the_md5_is_that_of_the_whole() {
        let bytes = vec![b'a'; READ_BYTES * 2 + 1];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let summary = FileSummary::read(&file).unwrap();
        assert_eq!(summary.n_bytes, bytes.len() as u64);
        assert_eq!(summary.first_bytes.len(), MAX_FIRST_BYTES);
        assert_eq!(summary.md5, hex::encode(Md5::digest(&bytes)));
    }

    #[test]
    fn a_malformed_sequence_stays_in_its_line() {
        let bytes = b"a\n\xc8\xff\xff\xba\xc5\n\xb1\xe0,\xba\nb";
        let lines = lines(bytes, Charset::Gb18030);
        let found: Vec<usize> = lines.iter().map(|piece| piece.malformed.len()).collect();
        assert_eq!(found, [0, 2, 1, 0]);
        assert_eq!(lines[2].text, "编,\u{FFFD}\n");
        assert_eq!((lines[3].at, lines[3].text.as_str()), (13, "b"));
    }

    #[test]
    fn half_a_unit_and_half_a_pair_are_malformed() {
        let bytes = [utf16("a\n"), vec![0x42, 0xD8, b'b', 0, 0x20]].concat();
        let lines = lines(&bytes, Charset::Utf8);
        assert_eq!(lines[1].text, "\u{FFFD}b\u{FFFD}");
        let places: Vec<usize> = lines[1].malformed.iter().map(|span| span.offset).collect();
        assert_eq!(places, [0, 4]);
    }

    proptest! {
        #[test]
        fn pieces_give_the_text_of_the_whole(
            text in "([诉䶮𠮷a|\\\\{ ,\n]|é|4){0,60}", wide: bool, again in 1_usize..2000,
        ) {
            let text = text.repeat(again);
            let (bytes, expected) = if wide {
                (utf16(&text), Charset::Utf8)
            } else {
                (encoding_rs::GB18030.encode(&text).0.into_owned(), Charset::Gb18030)
            };
            let mut small = pieces(&bytes, expected);
            if small.charset == Charset::Utf8 {
                return Ok(());
            }
            let mut joined = String::new();
            while let Some(piece) = small.line(64).unwrap() {
                prop_assert!(piece.malformed.is_empty());
                joined.push_str(&piece.text);
            }
            prop_assert_eq!(&joined, &text);
            let mut pieces = pieces(&bytes, expected);
            let lines = std::iter::from_fn(|| pieces.line(1 << 30).unwrap());
            prop_assert_eq!(lines.map(|piece| piece.text).collect::<String>(), text);
        }
    }
}
