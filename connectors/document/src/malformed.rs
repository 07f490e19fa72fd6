//! Malformed bytes travel with the text until it is known which record they are in.
//!
//! A page is decoded whole and split afterwards, but one spoilt record must not spoil its
//! neighbours. So each malformed sequence becomes a mark of characters that the page does not
//! contain elsewhere; whatever text of the tree holds a mark is spoilt, and the mark leads back to
//! the bytes.

use serde_json::Value;

use crate::texts::each_text;

/// Characters that mean nothing in any text (Unicode 23.7); one the page does not have is the mark.
const CANDIDATES: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// The malformed sequences of one body.
#[derive(Debug, Clone, Default)]
pub struct Malformed {
    mark: Option<char>,
    found: Vec<Sequence>,
}

#[derive(Debug, Clone)]
struct Sequence {
    /// In the body.
    offset: usize,
    bytes: Vec<u8>,
}

/// A text of a tree with malformed sequences in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoilt {
    /// The names that lead to it, with dots between.
    pub field: String,
    /// Byte offset and length, in the body, of the first of its malformed sequences.
    pub offset: usize,
    /// See `offset`.
    pub len: usize,
    /// How many it has.
    pub count: usize,
}

impl Malformed {
    /// Whether the body was well-formed.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The spoilt texts of a tree.
    pub fn within(&self, tree: &Value) -> Vec<Spoilt> {
        let mut spoilt = Vec::new();
        let Some(mark) = self.mark else { return spoilt };
        each_text(tree, &mut |field, text| {
            let marks = pieces(text, mark).filter_map(|piece| match piece {
                Piece::Mark(index) => self.found.get(index),
                Piece::Text(_) => None,
            });
            let marks: Vec<&Sequence> = marks.collect();
            if let Some(first) = marks.first() {
                let (offset, len) = (first.offset, first.bytes.len());
                spoilt.push(Spoilt { field: field.to_owned(), offset, len, count: marks.len() });
            }
        });
        spoilt
    }

    /// The tree as JSON, with the bytes of the source where they are malformed: what a person
    /// needs to see, and nothing lost.
    pub fn bytes_of(&self, tree: &Value) -> Vec<u8> {
        let text = tree.to_string();
        let Some(mark) = self.mark else { return text.into_bytes() };
        let mut bytes = Vec::with_capacity(text.len());
        for piece in pieces(&text, mark) {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Piece::Mark(index) => {
                    bytes
                        .extend_from_slice(self.found.get(index).map_or(b"", |found| &found.bytes));
                }
            }
        }
        bytes
    }

    /// Puts U+FFFD in the place of every mark.
    pub fn replace(&self, tree: &mut Value) {
        let Some(mark) = self.mark else { return };
        match tree {
            Value::String(text) if text.contains(mark) => *text = self.replaced(text),
            Value::Array(list) => list.iter_mut().for_each(|value| self.replace(value)),
            Value::Object(object) => object.values_mut().for_each(|value| self.replace(value)),
            _ => {}
        }
    }

    /// The text with U+FFFD in the place of every mark.
    pub fn replaced(&self, text: &str) -> String {
        let Some(mark) = self.mark else { return text.to_owned() };
        let pieces = pieces(text, mark).map(|piece| match piece {
            Piece::Text(text) => text,
            Piece::Mark(_) => "\u{fffd}",
        });
        pieces.collect()
    }
}

/// Writes a text and marks in it.
pub(crate) struct Writer {
    text: String,
    mark: char,
    found: Vec<Sequence>,
}

impl Writer {
    /// `whole`: the text that will come, with anything in the places of the marks.
    pub(crate) fn new(whole: &str) -> Self {
        // A text that holds all of them is no text: its own ones are then taken for marks, and
        // lead to no bytes.
        let mark = CANDIDATES.into_iter().find(|mark| !whole.contains(*mark)).unwrap_or('\u{fdd0}');
        Self { text: String::with_capacity(whole.len()), mark, found: Vec::new() }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn malformed(&mut self, offset: usize, bytes: &[u8]) {
        self.text.push(self.mark);
        self.text.push_str(&self.found.len().to_string());
        self.text.push(self.mark);
        self.found.push(Sequence { offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn finish(self) -> (String, Malformed) {
        (self.text, Malformed { mark: Some(self.mark), found: self.found })
    }
}

enum Piece<'a> {
    Text(&'a str),
    /// Which sequence.
    Mark(usize),
}

/// A mark is its character, a number, and its character again.
fn pieces(text: &str, mark: char) -> impl Iterator<Item = Piece<'_>> {
    text.split(mark).enumerate().map(|(index, piece)| match piece.parse() {
        Ok(number) if index % 2 == 1 => Piece::Mark(number),
        _ => Piece::Text(piece),
    })
}

#[cfg(test)]
mod tests {
    use normalizer_text::{Charset, Hints};
    use serde_json::json;

    use crate::{decode, json};

    #[test]
    fn malformed_bytes_belong_to_the_record_they_are_in() {
        let bytes =
            b"[{\"a\":\"\xc8\xba\",\"n\":{\"b\":\"x\xff\x81\"}},{\"a\":\"\xd6\xda\x84\x31\xa4\x37\"}]";
        let hints = Hints { force: Some(Charset::Gb18030), ..Hints::default() };
        let decoded = decode(bytes, &hints);
        let tree = json(&decoded.text).unwrap();
        let spoilt = decoded.malformed.within(&tree[0]);
        assert_eq!(spoilt.len(), 1);
        assert_eq!((spoilt[0].field.as_str(), spoilt[0].offset, spoilt[0].count), ("n.b", 22, 2));
        assert!(decoded.malformed.within(&tree[1]).is_empty());

        let raw = decoded.malformed.bytes_of(&tree[0]);
        assert_eq!(raw, [r#"{"a":"群","n":{"b":"x"#.as_bytes(), b"\xff\x81\"}}"].concat());

        let mut accepted = tree[0].clone();
        decoded.malformed.replace(&mut accepted);
        assert_eq!(accepted, json!({ "a": "群", "n": { "b": "x\u{fffd}\u{fffd}" } }));
    }

    #[test]
    fn a_page_that_uses_the_mark_itself_is_no_page_of_marks() {
        let decoded = decode("[\"\u{fdd0}7\u{fdd0}\", \"x\"]".as_bytes(), &Hints::default());
        let tree = json(&decoded.text).unwrap();
        assert!(decoded.malformed.within(&tree).is_empty());
        let mut bytes = "[\"\u{fdd0}0\u{fdd0}\", \"".as_bytes().to_vec();
        bytes.extend_from_slice(b"\xff\"]");
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let decoded = decode(&bytes, &hints);
        let tree = json(&decoded.text).unwrap();
        assert!(decoded.malformed.within(&tree[0]).is_empty());
        assert_eq!(decoded.malformed.within(&tree[1]).len(), 1);
    }
}
