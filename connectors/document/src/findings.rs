//! Damage in a document is marked in its text until it is known which record contains it.
//!
//! A page is decoded and parsed as a whole and split afterwards, but one damaged record must not
//! affect the others. So damage becomes a mark of characters that the document does not contain
//! elsewhere. The record whose tree contains a mark is damaged, and the mark leads back to what the
//! source wrote.

use std::borrow::Cow;

use contract::{Mark, Reason, demand::QualityFlag};
use normalizer_text::{Charset, Span, decode_strict};
use serde_json::{Map, Value, map::Entry};

use crate::{
    path::Path,
    tree::{Malformed, Spot},
};

/// Noncharacters (Unicode 23.7); the mark is one that the document does not contain.
const CANDIDATES: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// The findings about one document.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    mark: Option<char>,
    found: Vec<Finding>,
}

#[derive(Debug, Clone)]
struct Finding {
    what: What,
    /// What the source wrote. It may contain marks of earlier findings.
    source: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// A sequence at this offset of the body is not in the charset.
    Bytes { offset: usize },
    /// The document format forbids it: the record is rejected.
    Damage { code: &'static str, what: &'static str, at: Option<Spot> },
    /// The document format forbids it, but its meaning is clear: a character or nothing.
    Oddity { flag: QualityFlag, what: &'static str, instead: Option<char> },
}

/// What is wrong with one record.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Findings about its fields.
    pub marks: Vec<Mark>,
    /// Why it is rejected, if it is.
    pub damage: Option<Reason>,
}

impl Verdict {
    /// Why the record is rejected, by the channel's rule for malformed bytes.
    pub fn reason(&self, malformed: Malformed) -> Option<Reason> {
        let is_malformed = |mark: &&Mark| mark.flag == QualityFlag::MalformedBytes;
        let first = self.marks.iter().find(is_malformed).filter(|_| malformed == Malformed::Reject);
        let malformed =
            first.map(|mark| Reason::new("malformed_bytes", located(&mark.field, &mark.detail)));
        self.damage.clone().or(malformed)
    }
}

impl Findings {
    /// Whether there are no findings.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The findings about a record. `prefix` is put before the names of its fields.
    pub fn judge(&self, prefix: &str, tree: &Value, charset: &str) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(mark) = self.mark.filter(|_| !self.is_empty()) else { return verdict };
        each_text(tree, &mut |field, text| {
            let mut malformed = Vec::new();
            let field = format!("{prefix}{}", self.settled(field, mark));
            for (what, source) in self.marked(text, mark) {
                match what {
                    What::Bytes { offset } => {
                        malformed.push(Span { offset, len: source.len() });
                    }
                    What::Damage { code, what, at } => {
                        let at = at.map_or(String::new(), |at| format!(" at {at}"));
                        let detail = located(&field, &format!("{what}{at}"));
                        verdict.damage.get_or_insert_with(|| Reason::new(code, detail));
                    }
                    What::Oddity { flag, what, .. } => {
                        let (field, detail) = (field.clone(), what.to_owned());
                        verdict.marks.push(Mark { field, flag, detail });
                    }
                }
            }
            if !malformed.is_empty() {
                let detail = malformed_detail(&malformed, charset);
                verdict.marks.push(Mark { field, flag: QualityFlag::MalformedBytes, detail });
            }
        });
        verdict
    }

    /// The damage in the rest of a document, outside its records.
    pub fn damage_in(&self, rest: &Value) -> Option<String> {
        self.judge("", rest, "").damage.map(|reason| reason.detail)
    }

    /// The key of a record. `None` where it is damaged, because the next damaged record could get the
    /// same key, and where its name has two values.
    pub fn key(&self, at: &Path, tree: &Value) -> Option<String> {
        let key = at.text(tree).filter(|key| self.is_whole(key))?;
        let is_doubtful = |name: &String| at.as_str().contains(name.as_str());
        let repeated = self.repeated_names(tree);
        (!repeated.iter().any(is_doubtful)).then_some(key)
    }

    /// Whether a text contains no mark.
    pub fn is_whole(&self, text: &str) -> bool {
        self.is_empty() || self.mark.is_none_or(|mark| !text.contains(mark))
    }

    /// Whether this is the empty place after the last comma of a list.
    pub fn is_nothing(&self, value: &Value) -> bool {
        let (Value::String(text), Some(mark)) = (value, self.mark) else { return false };
        let mut marked = self.marked(text, mark);
        matches!(marked.next(), Some((What::Damage { .. }, source)) if source.is_empty())
            && marked.next().is_none()
    }

    /// The names that are twice in one object of the tree, with different values.
    pub fn repeated_names(&self, tree: &Value) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(mark) = self.mark.filter(|_| !self.is_empty()) {
            each_text(tree, &mut |field, _| {
                let name = field.rsplit_once('.').map_or(field, |(_, name)| name);
                if name.contains(mark) {
                    names.push(self.settled(name, mark));
                }
            });
        }
        names
    }

    /// The tree as JSON, with what the source wrote in the places of the marks, for people.
    pub fn bytes_of(&self, tree: &Value) -> Vec<u8> {
        self.source_of(&tree.to_string())
    }

    /// A part of the text of the document, with what the source wrote in the places of the marks.
    pub fn source_of(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len());
        self.restore(text.as_bytes(), self.found.len(), &mut bytes);
        bytes
    }

    /// `limit`: a source contains marks of earlier findings only.
    fn restore(&self, text: &[u8], limit: usize, bytes: &mut Vec<u8>) {
        let (Some(mark), Ok(text)) = (self.mark, std::str::from_utf8(text)) else {
            bytes.extend_from_slice(text);
            return;
        };
        let mut quoted = false;
        for piece in pieces(text, mark) {
            match piece {
                Piece::Text(text) => {
                    let text = if quoted { text.strip_prefix('"').unwrap_or(text) } else { text };
                    quoted = false;
                    bytes.extend_from_slice(text.as_bytes());
                }
                Piece::Mark(index) => {
                    let Some(found) = self.found.get(index).filter(|_| index < limit) else {
                        continue;
                    };
                    // A token that is not a value is in quotes in the tree only.
                    if matches!(found.what, What::Damage { .. }) && bytes.ends_with(b"\"") {
                        bytes.pop();
                        quoted = true;
                    }
                    self.restore(&found.source, index, bytes);
                }
            }
        }
    }

    /// Replaces every mark by what is meant, or by U+FFFD where bytes are malformed.
    pub fn settle(&self, tree: &mut Value) {
        let Some(mark) = self.mark.filter(|_| !self.is_empty()) else { return };
        match tree {
            Value::String(text) if text.contains(mark) => *text = self.settled(text, mark),
            Value::Array(list) => list.iter_mut().for_each(|value| self.settle(value)),
            Value::Object(object) => {
                object.values_mut().for_each(|value| self.settle(value));
                if object.keys().any(|name| name.contains(mark)) {
                    let mut settled = Map::with_capacity(object.len());
                    for (name, value) in std::mem::take(object) {
                        // Of equal names the one that has no mark counts.
                        if name.contains(mark) {
                            settled.entry(self.settled(&name, mark)).or_insert(value);
                        } else {
                            settled.insert(name, value);
                        }
                    }
                    *object = settled;
                }
            }
            _ => {}
        }
    }

    /// The text with what is meant in the places of oddities; other marks stay.
    pub fn without_oddities(&self, text: &str) -> String {
        let Some(mark) = self.mark else { return text.to_owned() };
        self.replaced(text, mark, |index| format!("{mark}{index}{mark}"))
    }

    fn settled(&self, text: &str, mark: char) -> String {
        self.replaced(text, mark, |_| char::REPLACEMENT_CHARACTER.to_string())
    }

    /// The text with what is meant in the places of oddities, and `other` for other findings.
    fn replaced(&self, text: &str, mark: char, other: impl Fn(usize) -> String) -> String {
        let pieces = pieces(text, mark).map(|piece| match piece {
            Piece::Text(text) => Cow::from(text),
            Piece::Mark(index) => match self.found.get(index).map(|found| found.what) {
                Some(What::Oddity { instead, .. }) => {
                    instead.map(String::from).unwrap_or_default().into()
                }
                _ => other(index).into(),
            },
        });
        pieces.collect()
    }

    fn marked<'a>(
        &'a self,
        text: &'a str,
        mark: char,
    ) -> impl Iterator<Item = (What, &'a [u8])> + 'a {
        pieces(text, mark).filter_map(|piece| match piece {
            Piece::Mark(index) => {
                self.found.get(index).map(|found| (found.what, &found.source[..]))
            }
            Piece::Text(_) => None,
        })
    }
}

/// What parsers add.
impl Findings {
    /// The text of bytes that begin at `offset` of their body, with marks for malformed sequences.
    /// `whole` is the text with any characters in the places of the marks.
    pub fn mark_malformed(
        &mut self,
        bytes: &[u8],
        offset: usize,
        charset: Charset,
        spans: &[Span],
        whole: &str,
    ) -> String {
        self.choose_mark(whole, None);
        let (mut text, mut at) = (String::with_capacity(whole.len()), 0);
        for span in spans {
            // The bytes between two malformed sequences decode alone as they do with them.
            text.push_str(&decode_strict(&bytes[at..span.offset], charset).text);
            at = span.offset + span.len;
            let what = What::Bytes { offset: offset + span.offset };
            self.add(what, &bytes[span.offset..at], &mut text);
        }
        text.push_str(&decode_strict(&bytes[at..], charset).text);
        text
    }

    /// Chooses the mark where there is none yet: a character that is not in `text` and is not `not`.
    pub(crate) fn choose_mark(&mut self, text: &str, not: Option<char>) -> char {
        *self.mark.get_or_insert_with(|| {
            // A document that contains all of them is garbage: then its own ones are taken for marks.
            let mut candidates = CANDIDATES;
            candidates
                .find(|mark| Some(*mark) != not && !text.contains(*mark))
                .unwrap_or('\u{fdd0}')
        })
    }

    /// A character that a document names by its number. It must not be taken for the mark.
    pub(crate) fn named(&mut self, character: char, text: &str) -> char {
        let is_candidate = CANDIDATES.contains(&character);
        if is_candidate && self.choose_mark(text, Some(character)) == character {
            return char::REPLACEMENT_CHARACTER;
        }
        character
    }

    /// Marks damage in the text `into`.
    pub(crate) fn damage(
        &mut self,
        (code, what): (&'static str, &'static str),
        at: Option<Spot>,
        source: &str,
        into: &mut String,
    ) {
        self.add(What::Damage { code, what, at }, source.as_bytes(), into);
    }

    /// Marks an oddity in the text `into`.
    pub(crate) fn oddity(
        &mut self,
        (flag, what): (QualityFlag, &'static str),
        instead: Option<char>,
        source: &str,
        into: &mut String,
    ) {
        self.add(What::Oddity { flag, what, instead }, source.as_bytes(), into);
    }

    /// Puts a value into an object. Of equal names the last value counts; where the one before is
    /// another one, it is kept under a marked name. `text` is the text of the document.
    pub(crate) fn insert(
        &mut self,
        object: &mut Map<String, Value>,
        name: String,
        value: Value,
        repeated: (QualityFlag, &'static str),
        text: &str,
    ) {
        match object.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(value);
            }
            Entry::Occupied(mut entry) => {
                let before = entry.insert(value);
                if before != *entry.get() {
                    let mut name = entry.key().clone();
                    self.choose_mark(text, None);
                    self.oddity(repeated, None, "", &mut name);
                    object.insert(name, before);
                }
            }
        }
    }

    fn add(&mut self, what: What, source: &[u8], into: &mut String) {
        let mark = *self.mark.get_or_insert('\u{fdd0}');
        into.push(mark);
        into.push_str(&self.found.len().to_string());
        into.push(mark);
        self.found.push(Finding { what, source: source.to_vec() });
    }
}

/// Calls `look` with each text and each name of a tree, and with the path to it: names with dots
/// between, without positions in lists.
pub(crate) fn each_text(tree: &Value, look: &mut impl FnMut(&str, &str)) {
    visit(tree, &mut String::new(), look);
}

/// Trees have a depth limit, see `tree.rs`.
fn visit(tree: &Value, field: &mut String, look: &mut impl FnMut(&str, &str)) {
    match tree {
        Value::String(text) => look(field, text),
        Value::Array(list) => list.iter().for_each(|value| visit(value, field, look)),
        Value::Object(object) => {
            for (name, value) in object {
                let len = field.len();
                if len > 0 {
                    field.push('.');
                }
                field.push_str(name);
                look(field, name);
                visit(value, field, look);
                field.truncate(len);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn located(field: &str, what: &str) -> String {
    if field.is_empty() { what.to_owned() } else { format!("{field}: {what}") }
}

/// The detail of a mark for malformed sequences. It never quotes the text around them.
pub fn malformed_detail(spans: &[Span], charset: &str) -> String {
    let Span { offset, len } = spans.first().copied().unwrap_or(Span { offset: 0, len: 0 });
    format!("{len} bytes at offset {offset} are not {charset}, {} such places", spans.len())
}

enum Piece<'a> {
    Text(&'a str),
    /// The number of a finding.
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
    use contract::Mark;
    use normalizer_text::{Charset, Hints};
    use serde_json::json;

    use crate::{Shape, Text, decode};

    fn malformed(text: &Text, tree: &serde_json::Value) -> Vec<Mark> {
        text.facts.findings.judge("", tree, &text.facts.report.charset).marks
    }

    #[test]
    fn malformed_bytes_belong_to_the_record_they_are_in() {
        let bytes =
            b"[{\"a\":\"\xc8\xba\",\"n\":{\"b\":\"x\xff\x81\"}},{\"a\":\"\xd6\xda\x84\x31\xa4\x37\"}]";
        let hints = Hints { force: Some(Charset::Gb18030), ..Hints::default() };
        let mut text = decode(bytes, &hints);
        let tree = text.parse(Shape::Json).unwrap();
        let found = malformed(&text, &tree[0]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "n.b");
        assert_eq!(found[0].detail, "1 bytes at offset 22 are not GB18030, 2 such places");
        assert!(malformed(&text, &tree[1]).is_empty());

        let raw = text.facts.findings.bytes_of(&tree[0]);
        assert_eq!(raw, [r#"{"a":"群","n":{"b":"x"#.as_bytes(), b"\xff\x81\"}}"].concat());

        let mut accepted = tree[0].clone();
        text.facts.findings.settle(&mut accepted);
        assert_eq!(accepted, json!({ "a": "群", "n": { "b": "x\u{fffd}\u{fffd}" } }));
    }

    #[test]
    fn malformed_bytes_in_a_name_are_found_too() {
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(b"{\"a\xff\":1}", &hints);
        let mut tree = text.parse(Shape::Json).unwrap();
        assert_eq!(malformed(&text, &tree).len(), 1);
        text.facts.findings.settle(&mut tree);
        assert_eq!(tree, json!({ "a\u{fffd}": 1 }));
    }

    #[test]
    fn a_page_that_contains_the_mark_character_is_read_correctly() {
        let mut text = decode("[\"\u{fdd0}7\u{fdd0}\", \"x\"]".as_bytes(), &Hints::default());
        let tree = text.parse(Shape::Json).unwrap();
        assert!(malformed(&text, &tree).is_empty());
        let mut bytes = "[\"\u{fdd0}0\u{fdd0}\", \"\\ufdd10\\ufdd1\", \"".as_bytes().to_vec();
        bytes.extend_from_slice(b"\xff\"]");
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(&bytes, &hints);
        let tree = text.parse(Shape::Json).unwrap();
        assert!(malformed(&text, &tree[0]).is_empty());
        assert!(malformed(&text, &tree[1]).is_empty());
        assert_eq!(malformed(&text, &tree[2]).len(), 1);
    }

    #[test]
    fn a_damaged_record_is_shown_as_it_was_written() {
        let source = r#"{"id":"7","v":NaN,"w":[0.1.2,"x"],a:1}"#;
        let mut text = decode(source.as_bytes(), &Hints::default());
        let tree = text.parse(Shape::Json).unwrap();
        let raw = String::from_utf8(text.facts.findings.bytes_of(&tree)).unwrap();
        assert_eq!(raw, r#"{"id":"7","v":NaN,"w":[0.1.2,"x"],"":a:1}"#);
    }
}
