//! Bytes become text once, before anything is looked for in them.
//!
//! In GB18030 and Big5 the second byte of a character may be a `|`, a `\` or a brace: whoever
//! splits bytes splits characters. Only bytes below 0x30 are never a part of another character, in
//! any charset here but UTF-16. So a file is cut behind such bytes, each piece is decoded on its
//! own, and a malformed sequence never reaches beyond its piece.

use std::{fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use contract::DecidedBy;
use normalizer_text::{Charset, Span, decode_strict};

use crate::survey::Survey;

/// How the text of a file is written, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writing {
    charset: Charset,
    pub(crate) decided_by: DecidedBy,
    /// The channel says otherwise.
    pub(crate) conflict: bool,
    /// Bytes before the text.
    mark: u64,
}

impl Writing {
    /// The channel's word counts most, then a byte order mark, then the bytes, then what the
    /// document says of itself, then what the channel expects.
    pub(crate) fn of(survey: &Survey, force: Option<Charset>, expected: Charset) -> Self {
        let (marked, mark) = match &survey.head[..] {
            [0xEF, 0xBB, 0xBF, ..] => (Some(Charset::Utf8), 3),
            [0xFF, 0xFE, ..] => (Some(Charset::Utf16Le), 2),
            [0xFE, 0xFF, ..] => (Some(Charset::Utf16Be), 2),
            // GB 18030 writes U+FEFF in four bytes.
            [0x84, 0x31, 0x95, 0x33, ..] => (Some(Charset::Gb18030), 4),
            _ => (None, 0),
        };
        let prolog = xml_charset(&survey.head);
        let by_bytes = survey.is_utf8.then_some(Charset::Utf8);
        let (charset, decided_by) = [
            (force, DecidedBy::Forced),
            (marked, DecidedBy::Bom),
            (by_bytes, DecidedBy::Utf8),
            (prolog, DecidedBy::XmlProlog),
        ]
        .into_iter()
        .find_map(|(charset, by)| Some((charset?, by)))
        .unwrap_or((expected, DecidedBy::Declared));
        let conflict = charset != expected || prolog.is_some_and(|claimed| charset != claimed);
        let mark = if marked == Some(charset) { mark } else { 0 };
        Self { charset, decided_by, conflict, mark }
    }

    pub(crate) fn charset(self) -> &'static str {
        self.charset.name()
    }

    fn is_utf16(self) -> bool {
        matches!(self.charset, Charset::Utf16Le | Charset::Utf16Be)
    }

    fn decode(self, at: u64, bytes: Vec<u8>) -> Piece {
        let decoded = decode_strict(&bytes, self.charset);
        let (malformed, moved) = (decoded.malformed, decoded.moved);
        let text = decoded.text.into_owned();
        Piece { at, bytes, text, malformed, moved }
    }
}

/// A stretch of a file that was decoded on its own.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Piece {
    /// Where it begins in the file.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
    /// Places in `bytes`.
    pub(crate) malformed: Vec<Span>,
    /// Private-use characters that were put back, as places in `text`.
    pub(crate) moved: Vec<Span>,
}

/// A file that is decoded piece by piece.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: Arc<File>,
    writing: Writing,
    /// Where the next piece begins.
    at: u64,
    /// Bytes from there on that were read already.
    buffer: Vec<u8>,
    /// Of `buffer` that was given out.
    used: usize,
    ended: bool,
}

const BLOCK: usize = 64 * 1024;
/// Without any blank, separator or quote: that is no text.
const LONGEST: usize = 16 << 20;

impl Pieces {
    pub(crate) fn new(file: Arc<File>, writing: Writing) -> Self {
        let at = writing.mark;
        Self { file, writing, at, buffer: Vec::new(), used: 0, ended: false }
    }

    pub(crate) fn writing(&self) -> Writing {
        self.writing
    }

    /// The next line with its end; a part of it where it is longer than about `limit` bytes.
    pub(crate) fn line(&mut self, limit: usize) -> io::Result<Option<Piece>> {
        let unit = if self.writing.is_utf16() { 2 } else { 1 };
        let mut looked = 0;
        loop {
            let fresh = &self.buffer[self.used..];
            let end = match self.writing.charset {
                Charset::Utf16Le => find_pair(fresh, looked, [b'\n', 0]),
                Charset::Utf16Be => find_pair(fresh, looked, [0, b'\n']),
                _ => line_end(fresh, looked),
            };
            let n_fresh = fresh.len();
            match end {
                Some(end) => return Ok(Some(self.take(end))),
                None if n_fresh >= limit
                    && let Some(end) = self.safe_end(n_fresh) =>
                {
                    return Ok(Some(self.take(end)));
                }
                None if self.ended => return Ok((n_fresh > 0).then(|| self.take(n_fresh))),
                None => looked = n_fresh / unit * unit,
            }
            self.fill()?;
        }
    }

    /// The last place up to which no character is cut; any, where too much lies in front of it.
    fn safe_end(&self, n_fresh: usize) -> Option<usize> {
        let fresh = &self.buffer[self.used..][..n_fresh];
        let end = if self.writing.is_utf16() {
            // A line end or a blank is never half of a surrogate pair.
            let low = usize::from(self.writing.charset == Charset::Utf16Be);
            fresh
                .chunks_exact(2)
                .rposition(|unit| unit[low] < 0x30 && unit[1 - low] == 0)
                .map(|at| 2 * at + 2)
        } else {
            fresh.iter().rposition(|byte| *byte < 0x30).map(|at| at + 1)
        };
        end.or((n_fresh >= LONGEST).then_some(n_fresh))
    }

    fn take(&mut self, n_bytes: usize) -> Piece {
        let bytes = self.buffer[self.used..][..n_bytes].to_vec();
        let at = self.at;
        self.used += n_bytes;
        self.at += n_bytes as u64;
        self.writing.decode(at, bytes)
    }

    /// Reads on.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + BLOCK, 0);
        let n_read = self.file.read_at(&mut self.buffer[before..], self.at + before as u64)?;
        self.buffer.truncate(before + n_read);
        self.ended = n_read == 0;
        Ok(())
    }
}

fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|at| from + at + 1)
}

/// The end of the first `pair` that begins at an even place, from `from` on.
fn find_pair(bytes: &[u8], from: usize, pair: [u8; 2]) -> Option<usize> {
    let units = bytes[from..].chunks_exact(2);
    units.into_iter().position(|unit| unit == pair).map(|at| from + 2 * at + 2)
}

/// The charset in the declaration of an XML document.
fn xml_charset(head: &[u8]) -> Option<Charset> {
    let head = &head[..head.len().min(200)];
    let head = std::str::from_utf8(head.split_inclusive(|byte| *byte == b'>').next()?).ok()?;
    let declared = head.trim_start().strip_prefix("<?xml")?.split_once("encoding")?.1;
    let value = declared.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Charset::from_label(value[1..].split(quote).next()?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::survey::survey;

    fn pieces(bytes: &[u8], expected: Charset) -> Pieces {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let writing = Writing::of(&survey(&file).unwrap(), None, expected);
        Pieces::new(Arc::new(file), writing)
    }

    fn lines(bytes: &[u8], expected: Charset) -> Vec<Piece> {
        let mut pieces = pieces(bytes, expected);
        std::iter::from_fn(|| pieces.line(1 << 20).unwrap()).collect()
    }

    fn utf16(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    }

    #[test]
    fn each_charset_is_recognised_and_marked() {
        let text = "编号,企业\n1,张䶮 ਊ\n2,𠮷";
        let gb = encoding_rs::GB18030.encode(text).0.into_owned();
        let bom = [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat();
        for (bytes, charset, decided_by, conflict) in [
            (gb, "GB18030", DecidedBy::Declared, false),
            (text.as_bytes().to_vec(), "UTF-8", DecidedBy::Utf8, true),
            (bom, "UTF-8", DecidedBy::Bom, true),
            (utf16(text), "UTF-16LE", DecidedBy::Bom, true),
        ] {
            let writing = pieces(&bytes, Charset::Gb18030).writing();
            assert_eq!(writing.charset(), charset);
            assert_eq!((writing.decided_by, writing.conflict), (decided_by, conflict), "{charset}");
            let lines = lines(&bytes, Charset::Gb18030);
            let read: String = lines.iter().map(|piece| piece.text.as_str()).collect();
            assert_eq!(read, text, "{charset}");
            assert_eq!(lines.len(), 3, "{charset}");
            assert!(lines.iter().all(|piece| piece.malformed.is_empty()));
        }
    }

    #[test]
    fn what_a_document_says_of_itself_comes_before_what_the_channel_expects() {
        let document = "<?xml version='1.0' encoding='gb2312'?><a>诉</a>";
        let gb = encoding_rs::GB18030.encode(document).0.into_owned();
        let writing = pieces(&gb, Charset::Utf8).writing();
        assert_eq!((writing.charset(), writing.decided_by), ("GB18030", DecidedBy::XmlProlog));
        // It lies: the bytes are UTF-8.
        let writing = pieces(document.as_bytes(), Charset::Gb18030).writing();
        assert_eq!((writing.charset(), writing.conflict), ("UTF-8", true));
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
            if small.writing().decided_by == DecidedBy::Utf8 {
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
