//! Damage in a document is marked in its text until it is known which record contains it.
//!
//! A page is decoded and parsed as a whole and split afterwards, but one damaged record must not
//! affect the others. So a marker takes the place of the damage, made of characters that the document
//! does not contain elsewhere. The record whose tree contains a marker is damaged, and the marker
//! leads back to what the source wrote.

use std::borrow::Cow;

use contract::{Mark, Reason, demand::QualityFlag};
use normalizer_text::{Charset, Span, decode_strict};
use serde_json::{Map, Value, map::Entry};

use crate::{
    path::Path,
    tree::{Malformed, Spot},
};

/// Noncharacters (Unicode 23.7); the marker character is one that the document does not contain.
const CANDIDATES: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// The findings about one document.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    marker: Option<char>,
    list: Vec<Finding>,
}

#[derive(Debug, Clone)]
struct Finding {
    problem: Problem,
    /// What the source wrote. It may contain markers of earlier findings.
    source: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Problem {
    /// A sequence at this offset of the body is not in the charset.
    MalformedBytes { offset: usize },
    /// The document format forbids it: the record is rejected.
    Damage { code: &'static str, detail: &'static str, at: Option<Spot> },
    /// The document format forbids it, but its meaning is clear: a character or nothing.
    Oddity { flag: QualityFlag, detail: &'static str, meaning: Option<char> },
}

impl Problem {
    /// An oddity that makes the value doubtful.
    pub(crate) const fn oddity(detail: &'static str, meaning: Option<char>) -> Self {
        Self::Oddity { flag: QualityFlag::Damaged, detail, meaning }
    }

    /// An oddity with control characters.
    pub(crate) const fn control(detail: &'static str, meaning: Option<char>) -> Self {
        Self::Oddity { flag: QualityFlag::ControlCharacters, detail, meaning }
    }
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
    /// Why the record is rejected; `malformed` is the channel's rule for malformed bytes.
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
        self.list.is_empty()
    }

    /// The marker character, where there are findings.
    fn marker(&self) -> Option<char> {
        self.marker.filter(|_| !self.list.is_empty())
    }

    /// The findings about a record. `prefix` is put before the names of its fields.
    pub fn judge(&self, prefix: &str, tree: &Value, charset: &str) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(marker) = self.marker() else { return verdict };
        visit_texts(tree, &mut String::new(), &mut |field, text| {
            let mut malformed = Vec::new();
            let field = format!("{prefix}{}", self.settled(field, marker));
            for finding in self.findings_in(text, marker) {
                match finding.problem {
                    Problem::MalformedBytes { offset } => {
                        malformed.push(Span { offset, len: finding.source.len() });
                    }
                    Problem::Damage { code, detail, at } => {
                        let at = at.map_or(String::new(), |at| format!(" at {at}"));
                        let detail = located(&field, &format!("{detail}{at}"));
                        verdict.damage.get_or_insert_with(|| Reason::new(code, detail));
                    }
                    Problem::Oddity { flag, detail, .. } => {
                        let (field, detail) = (field.clone(), detail.to_owned());
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

    /// The damage in a part of a document that is not a record.
    pub fn damage_in(&self, part: &Value) -> Option<String> {
        self.judge("", part, "").damage.map(|reason| reason.detail)
    }

    /// The key of a record. `None` where it is damaged, because the next damaged record could get the
    /// same key, and where its name has two values.
    pub fn key(&self, at: &Path, tree: &Value) -> Option<String> {
        let key = at.text(tree).filter(|key| self.is_whole(key))?;
        let is_doubtful = |name: &String| at.as_str().contains(name.as_str());
        let repeated = self.repeated_names(tree);
        (!repeated.iter().any(is_doubtful)).then_some(key)
    }

    /// Whether a text contains no marker.
    pub fn is_whole(&self, text: &str) -> bool {
        self.marker().is_none_or(|marker| !text.contains(marker))
    }

    /// Whether this value stands for the missing value after the last comma of a list.
    pub fn is_nothing(&self, value: &Value) -> bool {
        let (Value::String(text), Some(marker)) = (value, self.marker()) else { return false };
        let found: Vec<&Finding> = self.findings_in(text, marker).collect();
        matches!(found[..], [Finding { problem: Problem::Damage { .. }, source }] if source.is_empty())
    }

    /// The names that occur twice in one object of the tree, with different values.
    pub fn repeated_names(&self, tree: &Value) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(marker) = self.marker() {
            visit_texts(tree, &mut String::new(), &mut |field, _| {
                let name = field.rsplit_once('.').map_or(field, |(_, name)| name);
                if name.contains(marker) {
                    names.push(self.settled(name, marker));
                }
            });
        }
        names
    }

    /// The tree as JSON, with what the source wrote in the places of the markers, for people.
    pub fn bytes_of(&self, tree: &Value) -> Vec<u8> {
        self.source_of(&tree.to_string())
    }

    /// A part of the text of the document, with what the source wrote in the places of the markers.
    pub fn source_of(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len());
        self.restore(text.as_bytes(), self.list.len(), &mut bytes);
        bytes
    }

    /// Only the first `n_findings` are considered: a source contains markers of earlier findings
    /// only.
    fn restore(&self, text: &[u8], n_findings: usize, bytes: &mut Vec<u8>) {
        let (Some(marker), Ok(text)) = (self.marker(), std::str::from_utf8(text)) else {
            bytes.extend_from_slice(text);
            return;
        };
        let mut is_quoted = false;
        for piece in pieces(text, marker) {
            match piece {
                Piece::Text(text) => {
                    let text =
                        if is_quoted { text.strip_prefix('"').unwrap_or(text) } else { text };
                    is_quoted = false;
                    bytes.extend_from_slice(text.as_bytes());
                }
                Piece::Marker(number) => {
                    let Some(finding) = self.list[..n_findings].get(number) else { continue };
                    // A token that is not a value is in quotes in the tree only.
                    if matches!(finding.problem, Problem::Damage { .. }) && bytes.ends_with(b"\"") {
                        bytes.pop();
                        is_quoted = true;
                    }
                    self.restore(&finding.source, number, bytes);
                }
            }
        }
    }

    /// Replaces every marker by what is meant, or by U+FFFD where bytes are malformed.
    pub fn settle(&self, tree: &mut Value) {
        let Some(marker) = self.marker() else { return };
        match tree {
            Value::String(text) if text.contains(marker) => *text = self.settled(text, marker),
            Value::Array(list) => list.iter_mut().for_each(|value| self.settle(value)),
            Value::Object(object) => {
                object.values_mut().for_each(|value| self.settle(value));
                if object.keys().any(|name| name.contains(marker)) {
                    let mut settled = Map::with_capacity(object.len());
                    for (name, value) in std::mem::take(object) {
                        // Of equal names the one that has no marker counts.
                        if name.contains(marker) {
                            settled.entry(self.settled(&name, marker)).or_insert(value);
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

    /// The text with what is meant in the places of oddities; other markers stay.
    pub fn without_oddities(&self, text: &str) -> String {
        let Some(marker) = self.marker() else { return text.to_owned() };
        self.replace(text, marker, |number| format!("{marker}{number}{marker}"))
    }

    fn settled(&self, text: &str, marker: char) -> String {
        self.replace(text, marker, |_| char::REPLACEMENT_CHARACTER.to_string())
    }

    /// The text with what is meant in the places of oddities, and `other` for other findings.
    fn replace(&self, text: &str, marker: char, other: impl Fn(usize) -> String) -> String {
        let pieces = pieces(text, marker).map(|piece| match piece {
            Piece::Text(text) => Cow::from(text),
            Piece::Marker(number) => match self.list.get(number).map(|finding| finding.problem) {
                Some(Problem::Oddity { meaning, .. }) => {
                    meaning.map(String::from).unwrap_or_default().into()
                }
                _ => other(number).into(),
            },
        });
        pieces.collect()
    }

    fn findings_in(&self, text: &str, marker: char) -> impl Iterator<Item = &Finding> {
        pieces(text, marker).filter_map(|piece| match piece {
            Piece::Marker(number) => self.list.get(number),
            Piece::Text(_) => None,
        })
    }
}

/// What parsers add.
impl Findings {
    /// The text of bytes that begin at `offset` of their body, with markers for malformed sequences.
    /// `whole` is the text with any characters in the places of the markers.
    pub fn mark_malformed(
        &mut self,
        bytes: &[u8],
        offset: usize,
        charset: Charset,
        spans: &[Span],
        whole: &str,
    ) -> String {
        self.choose_marker(whole, None);
        let (mut text, mut at) = (String::with_capacity(whole.len()), 0);
        for span in spans {
            // The bytes between two malformed sequences decode alone as they do with them.
            text.push_str(&decode_strict(&bytes[at..span.offset], charset).text);
            at = span.offset + span.len;
            let problem = Problem::MalformedBytes { offset: offset + span.offset };
            self.add(problem, &bytes[span.offset..at], &mut text);
        }
        text.push_str(&decode_strict(&bytes[at..], charset).text);
        text
    }

    /// Chooses the marker character where there is none yet: one that is not in `text` and is not
    /// `forbidden`.
    pub(crate) fn choose_marker(&mut self, text: &str, forbidden: Option<char>) -> char {
        *self.marker.get_or_insert_with(|| {
            // A document that contains all of them is garbage: then its own ones are taken for
            // markers.
            let mut candidates = CANDIDATES;
            candidates
                .find(|candidate| Some(*candidate) != forbidden && !text.contains(*candidate))
                .unwrap_or('\u{fdd0}')
        })
    }

    /// A character that a document gives by its number. It must not be taken for a marker.
    pub(crate) fn character_by_number(&mut self, character: char, text: &str) -> char {
        let is_candidate = CANDIDATES.contains(&character);
        if is_candidate && self.choose_marker(text, Some(character)) == character {
            return char::REPLACEMENT_CHARACTER;
        }
        character
    }

    /// Puts a value into an object. Of equal names the last value counts; where the earlier value
    /// differs, it is kept under a name with a marker. `text` is the text of the document.
    pub(crate) fn insert(
        &mut self,
        object: &mut Map<String, Value>,
        name: String,
        value: Value,
        repeated: Problem,
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
                    self.choose_marker(text, None);
                    self.add(repeated, "", &mut name);
                    object.insert(name, before);
                }
            }
        }
    }

    /// Adds a finding, and its marker to the text `into`.
    pub(crate) fn add(&mut self, problem: Problem, source: impl AsRef<[u8]>, into: &mut String) {
        let marker = *self.marker.get_or_insert('\u{fdd0}');
        into.push(marker);
        into.push_str(&self.list.len().to_string());
        into.push(marker);
        self.list.push(Finding { problem, source: source.as_ref().to_vec() });
    }
}

/// Calls `visitor` with each text and each name of a tree, and with the path to it: names with dots
/// between, without positions in lists. `field` is the path to the tree itself. Trees have a depth
/// limit, see `tree.rs`.
pub(crate) fn visit_texts(tree: &Value, field: &mut String, visitor: &mut impl FnMut(&str, &str)) {
    match tree {
        Value::String(text) => visitor(field, text),
        Value::Array(list) => list.iter().for_each(|value| visit_texts(value, field, visitor)),
        Value::Object(object) => {
            for (name, value) in object {
                let len = field.len();
                if len > 0 {
                    field.push('.');
                }
                field.push_str(name);
                visitor(field, name);
                visit_texts(value, field, visitor);
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
    Marker(usize),
}

/// A marker is the marker character, the number of a finding, and the character again.
fn pieces(text: &str, marker: char) -> impl Iterator<Item = Piece<'_>> {
    text.split(marker).enumerate().map(|(index, piece)| match piece.parse() {
        Ok(number) if index % 2 == 1 => Piece::Marker(number),
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
    fn a_page_that_contains_the_marker_character_is_read_correctly() {
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
