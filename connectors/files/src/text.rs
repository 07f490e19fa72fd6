//! Decodes a file part by part, before its text is searched or split.
//!
//! In GB18030 and Big5 the second byte of a character may be a `|`, a `\` or a brace, so splitting
//! bytes there would split characters. But except in UTF-16, a byte below 0x30 is always a whole
//! character. So a file is split after such a byte, and each part is decoded separately: a
//! malformed sequence does not affect other parts.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use bytes::Bytes;
use document::DecodedPart;
use md5::{Digest as _, Md5};
use normalizer_text::{Charset, Detector, decode_strict};

/// What is learned about a file by reading all its bytes, before it is parsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSummary {
    pub(crate) n_bytes: u64,
    /// Hexadecimal, in lower case.
    pub(crate) md5: String,
    /// Its first bytes.
    pub(crate) first_bytes: Bytes,
    /// What its bytes say about their charset.
    pub(crate) detector: Detector,
}

/// The number of bytes that `first_bytes` contains.
const N_FIRST_BYTES: usize = 64 * 1024;
/// The number of bytes that are read at once while a whole file is checked.
const READ_BYTES: usize = 256 * 1024;

impl FileSummary {
    /// Reads a whole file.
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
            first_bytes.extend(bytes.iter().take(N_FIRST_BYTES.saturating_sub(first_bytes.len())));
            at += n_read as u64;
        }
        let md5 = hex::encode(hash.finalize());
        Ok(Self { n_bytes: at, md5, first_bytes: first_bytes.into(), detector })
    }
}

/// A file that is decoded part by part.
pub(crate) struct DecodedFile {
    file: Arc<File>,
    pub(crate) charset: Charset,
    /// The offset at which the next part begins.
    at: u64,
    /// Bytes that were read from the file. The first `n_used` of them were already returned.
    buffer: Vec<u8>,
    n_used: usize,
    is_at_end: bool,
    /// The character that ends lines: in files of old programs a carriage return alone.
    line_end: u8,
    is_first_line: bool,
    /// Whether a carriage return alone ends a line beside others that end with a line feed.
    has_mixed_ends: bool,
}

/// The number of bytes that are read at once for decoding.
const BLOCK_BYTES: usize = 64 * 1024;
/// After this many bytes in which no offset is safe to split at, a part ends anyway. No real text
/// has so many without a blank, separator or quote.
const MAX_UNBROKEN_BYTES: usize = 16 << 20;

impl DecodedFile {
    /// The text of a file after its first `at` bytes.
    pub(crate) fn new(file: Arc<File>, charset: Charset, at: usize) -> Self {
        let (at, buffer, line_end) = (at as u64, Vec::new(), b'\n');
        Self {
            file,
            charset,
            at,
            buffer,
            n_used: 0,
            is_at_end: false,
            line_end,
            is_first_line: true,
            has_mixed_ends: false,
        }
    }

    /// Ends lines at every carriage return, line feed, or both together.
    pub(crate) fn with_mixed_ends(self) -> Self {
        Self { has_mixed_ends: true, ..self }
    }

    /// Reads the next line with its line end, or a part of it if it has more than about `limit`
    /// bytes. `None` at the end of the file.
    pub(crate) fn next_line(&mut self, limit: usize) -> io::Result<Option<DecodedPart>> {
        let unit_len = if self.is_utf16() { 2 } else { 1 };
        // Up to where the buffer has no line end, and up to where it has no offset for the end of a part.
        let (mut searched, mut n_unsafe) = (0, 0);
        loop {
            let unused = &self.buffer[self.n_used..];
            let end = match self.charset {
                _ if self.has_mixed_ends => self.end_of_line(unused, searched),
                Charset::Utf16Le => end_of_pair(unused, searched, [self.line_end, 0]),
                Charset::Utf16Be => end_of_pair(unused, searched, [0, self.line_end]),
                _ => unused[searched..]
                    .iter()
                    .position(|byte| *byte == self.line_end)
                    .map(|at| searched + at + 1),
            };
            let n_unused = unused.len();
            match end {
                Some(end) => {
                    self.is_first_line = false;
                    return Ok(Some(self.decode(end)));
                }
                None if self.is_first_line
                    && !self.has_mixed_ends
                    && (self.is_at_end || n_unused >= limit)
                    && unused.contains(&b'\r') =>
                {
                    (self.line_end, self.is_first_line, searched) = (b'\r', false, 0);
                    continue;
                }
                None if n_unused >= limit
                    && let Some(end) = self
                        .last_safe_end(n_unsafe, limit)
                        .or_else(|| self.last_safe_end(n_unsafe, n_unused)) =>
                {
                    return Ok(Some(DecodedPart { is_cut: true, ..self.decode(end) }));
                }
                None if self.is_at_end => return Ok((n_unused > 0).then(|| self.decode(n_unused))),
                // A carriage return at the end may belong to a line feed.
                None => {
                    searched = (n_unused / unit_len * unit_len).saturating_sub(unit_len);
                    n_unsafe = if n_unused >= limit { searched } else { 0 };
                }
            }
            self.fill()?;
        }
    }

    /// The offset after the first line end that begins at `from` or later; `None` if there is none, or if
    /// the next bytes decide it.
    fn end_of_line(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let (len, at) = match self.charset {
            Charset::Utf16Le => (2, 0),
            Charset::Utf16Be => (2, 1),
            _ => (1, 0),
        };
        let unit = |start: usize| {
            let unit = bytes.get(start..start + len)?;
            Some(if len == 2 && unit[1 - at] != 0 { 0 } else { unit[at] })
        };
        let is_end = |start: &usize| matches!(unit(*start), Some(b'\n' | b'\r'));
        let start = match len {
            1 => from + line_end(&bytes[from..])?,
            _ => (from..bytes.len()).step_by(len).find(is_end)?,
        };
        match (unit(start), unit(start + len)) {
            (Some(b'\r'), Some(b'\n')) => Some(start + 2 * len),
            (Some(b'\r'), None) if !self.is_at_end => None,
            _ => Some(start + len),
        }
    }

    /// Where to end a part within the next `to` bytes of the buffer, but after `from`: at the last offset that
    /// splits no character, if possible after the end of an object or element, so that few records are in two
    /// parts. Without such an offset, which GB18030 and Big5 may lack, a part ends only after
    /// `MAX_UNBROKEN_BYTES`; until then `None`.
    fn last_safe_end(&self, from: usize, to: usize) -> Option<usize> {
        let unused = self.buffer.get(self.n_used..)?.get(from..to)?;
        let end = if self.is_utf16() {
            // The second unit of a surrogate pair begins with one of these bytes.
            let high = usize::from(self.charset == Charset::Utf16Le);
            let is_start = |unit: &[u8]| !matches!(unit[high], 0xDC..=0xDF);
            unused.chunks_exact(2).rposition(is_start).map(|at| 2 * at)
        } else {
            let is_end = |pair: &[u8]| matches!(pair, [b'}' | b']' | b'>', b',' | b' ' | b'\t']);
            let after = unused.windows(2).rposition(is_end).map(|at| at + 2);
            after.or_else(|| match self.charset {
                // A character begins with a byte below 0x80 or above 0xC1. With 0xED the second half of a pair of
                // surrogates begins too.
                Charset::Utf8 => {
                    unused.iter().rposition(|byte| !matches!(byte, 0x80..=0xC1 | 0xED))
                }
                // A digit or a letter may be a part of a character.
                _ => unused.iter().rposition(|byte| *byte < 0x30).map(|at| at + 1),
            })
        };
        let end = end.map(|end| from + end).filter(|end| *end > 0);
        end.or((to >= MAX_UNBROKEN_BYTES).then_some(to))
    }

    /// Decodes the next `n_bytes` of the buffer.
    fn decode(&mut self, n_bytes: usize) -> DecodedPart {
        let bytes = self.buffer[self.n_used..][..n_bytes].to_vec();
        let at = self.at;
        self.n_used += n_bytes;
        self.at += n_bytes as u64;
        let decoded = decode_strict(&bytes, self.charset);
        let (malformed, repaired) = (decoded.malformed, decoded.moved);
        let text = decoded.text.into_owned();
        DecodedPart { at, bytes, text, malformed, repaired, is_cut: false }
    }

    fn is_utf16(&self) -> bool {
        matches!(self.charset, Charset::Utf16Le | Charset::Utf16Be)
    }

    /// Reads the next block of the file.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.n_used);
        self.n_used = 0;
        let n_kept = self.buffer.len();
        self.buffer.resize(n_kept + BLOCK_BYTES, 0);
        let n_read = self.file.read_at(&mut self.buffer[n_kept..], self.at + n_kept as u64)?;
        self.buffer.truncate(n_kept + n_read);
        self.is_at_end = n_read == 0;
        Ok(())
    }
}

/// The offset of the first carriage return or line feed.
fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))
}

/// The offset after the first `pair` that begins at `from` or an even number of bytes after it.
fn end_of_pair(bytes: &[u8], from: usize, pair: [u8; 2]) -> Option<usize> {
    let units = bytes[from..].chunks_exact(2);
    units.into_iter().position(|unit| unit == pair).map(|at| from + 2 * at + 2)
}

/// The decoded file with these bytes. If they do not show their charset, it is `declared`.
#[cfg(test)]
pub(crate) fn decoded_file(bytes: &[u8], declared: Charset) -> DecodedFile {
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
        let mut file = decoded_file(bytes, expected);
        std::iter::from_fn(|| file.next_line(1 << 20).unwrap()).collect()
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
            assert_eq!(decoded_file(&bytes, Charset::Gb18030).charset.name(), charset);
            let lines = lines(&bytes, Charset::Gb18030);
            let read: String = lines.iter().map(|part| part.text.as_str()).collect();
            assert_eq!(read, text, "{charset}");
            assert_eq!(lines.len(), 3, "{charset}");
            assert!(lines.iter().all(|part| part.malformed.is_empty()));
        }
    }

    #[test]
    fn a_bad_byte_in_the_middle_of_a_large_file_changes_no_other_line() {
        let line = "编号,企业诉求\n".repeat(100_000);
        let bytes = [line.as_bytes(), b"\xE7\xBC,x\n", line.as_bytes()].concat();
        let lines = lines(&bytes, Charset::Gb18030);
        let damaged = lines.iter().filter(|part| !part.malformed.is_empty());
        assert_eq!(damaged.map(|part| part.text.as_str()).collect::<Vec<_>>(), ["\u{FFFD},x\n"]);
        assert_eq!(lines.len(), 200_001);
    }

    #[test]
    fn the_md5_is_that_of_the_whole() {
        let bytes = vec![b'a'; READ_BYTES * 2 + 1];
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let summary = FileSummary::read(&file).unwrap();
        assert_eq!(summary.n_bytes, bytes.len() as u64);
        assert_eq!(summary.first_bytes.len(), N_FIRST_BYTES);
        assert_eq!(summary.md5, hex::encode(Md5::digest(&bytes)));
    }

    #[test]
    fn a_line_without_an_end_is_read_in_one_pass() {
        let n_bytes = 36 << 20;
        for (letters, charset) in
            [("a", Charset::Utf8), ("长", Charset::Utf8), ("长", Charset::Gb18030)]
        {
            let text = letters.repeat(n_bytes / letters.len());
            let bytes = match charset {
                Charset::Utf8 => text.into_bytes(),
                _ => encoding_rs::GB18030.encode(&text).0.into_owned(),
            };
            let mut file = decoded_file(&bytes, charset);
            let (mut n_read, mut n_parts) = (0, 0);
            while let Some(part) = file.next_line(1 << 20).unwrap() {
                (n_read, n_parts) = (n_read + part.bytes.len(), n_parts + 1);
            }
            assert!(n_read == bytes.len() && n_parts > 1, "{letters}: {n_parts}");
        }
    }

    #[test]
    fn a_line_of_chinese_characters_is_cut_at_the_limit_and_between_two_of_them() {
        let text = "长𠮷诉".repeat(20_000);
        let wide = utf16(&text);
        // The second character as a pair of surrogates.
        let pairs = b"\xE9\x95\xBF\xED\xA1\x82\xED\xBE\xB7\xE8\xAF\x89".repeat(20_000);
        for (bytes, charset) in [
            (text.as_bytes(), Charset::Utf8),
            (&pairs[..], Charset::Utf8),
            (&wide[2..], Charset::Utf16Le),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            let mut file = DecodedFile::new(Arc::new(file), charset, 0);
            let (mut read, mut longest) = (String::new(), 0);
            while let Some(part) = file.next_line(4_096).unwrap() {
                assert!(part.malformed.is_empty(), "{}", charset.name());
                longest = longest.max(part.bytes.len());
                read.push_str(&part.text);
            }
            assert!(read == text && longest <= 4_096, "{}: {longest}", charset.name());
        }
    }

    #[test]
    fn a_malformed_sequence_stays_in_its_line() {
        let bytes = b"a\n\xc8\xff\xff\xba\xc5\n\xb1\xe0,\xba\nb";
        let lines = lines(bytes, Charset::Gb18030);
        let found: Vec<usize> = lines.iter().map(|part| part.malformed.len()).collect();
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
        fn the_parts_together_have_the_text_of_the_whole(
            text in "([诉䶮𠮷a|\\\\{ ,\n]|é|4){0,60}", wide: bool, again in 1_usize..2000,
        ) {
            let text = text.repeat(again);
            let (bytes, expected) = if wide {
                (utf16(&text), Charset::Utf8)
            } else {
                (encoding_rs::GB18030.encode(&text).0.into_owned(), Charset::Gb18030)
            };
            let mut in_parts = decoded_file(&bytes, expected);
            if in_parts.charset == Charset::Utf8 {
                return Ok(());
            }
            let mut joined = String::new();
            while let Some(part) = in_parts.next_line(64).unwrap() {
                prop_assert!(part.malformed.is_empty());
                joined.push_str(&part.text);
            }
            prop_assert_eq!(&joined, &text);
            let mut in_lines = decoded_file(&bytes, expected);
            let lines = std::iter::from_fn(|| in_lines.next_line(1 << 30).unwrap());
            prop_assert_eq!(lines.map(|part| part.text).collect::<String>(), text);
        }
    }
}
