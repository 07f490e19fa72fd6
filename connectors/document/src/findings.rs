//! Puts markers in the place of damage in a document, to find later which record has the damage.
//!
//! A page is decoded and parsed as a whole and split into records afterwards, but one damaged
//! record must not affect the others. So a marker replaces the damage: a number between two
//! characters that the document does not contain. A record is damaged if its tree contains a
//! marker. The number in the marker identifies the finding, which keeps what the source wrote.

use std::{
    borrow::Cow,
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
};

use contract::{FieldFlag, Reason, demand::QualityFlag};
use normalizer_text::{Charset, Span, decode_strict};
use serde_json::{Map, Value, map::Entry};

use crate::{
    key,
    path::Path,
    tree::{LineColumn, Malformed},
};

/// Noncharacters of Unicode (chapter 23.7). One that a document lacks becomes its marker character.
const MARKER_CANDIDATES: std::ops::RangeInclusive<char> = '\u{fdd0}'..='\u{fdef}';

/// What was found in one document.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// The character with which every marker begins and ends; `None` until it is chosen.
    marker: Option<char>,
    /// A marker contains the index of its finding in this list.
    list: Vec<Finding>,
    /// Hashes of the JSON numbers with a fraction or an exponent: they are texts in the tree.
    decimals: HashSet<u64>,
}

/// What one marker stands for.
#[derive(Debug, Clone)]
struct Finding {
    problem: Problem,
    /// What the source wrote. It may contain markers of earlier findings.
    source: Vec<u8>,
}

/// What is wrong at a marker.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// A sequence at this offset of the decoded bytes is not valid in the charset.
    MalformedBytes { offset: usize },
    /// The document format forbids it, so the record is rejected. `at` is where it is, if known.
    /// (The flag `damaged` is for irregularities, whose records are accepted.)
    Damage { code: Cow<'static, str>, detail: Cow<'static, str>, at: Option<LineColumn> },
    /// The document format forbids it, but it clearly means the character `meaning`, or nothing.
    Irregularity { flag: QualityFlag, detail: Cow<'static, str>, meaning: Option<char> },
}

impl Problem {
    /// Damage whose place is known only if it is `at`.
    pub(crate) const fn damage(
        code: &'static str,
        detail: &'static str,
        at: Option<LineColumn>,
    ) -> Self {
        Self::Damage { code: Cow::Borrowed(code), detail: Cow::Borrowed(detail), at }
    }

    /// An irregularity for which the value gets the flag `damaged`.
    pub(crate) const fn irregularity(detail: &'static str, meaning: Option<char>) -> Self {
        Self::Irregularity { flag: QualityFlag::Damaged, detail: Cow::Borrowed(detail), meaning }
    }

    /// An irregularity that consists of control characters.
    pub(crate) const fn control_character(detail: &'static str, meaning: Option<char>) -> Self {
        let detail = Cow::Borrowed(detail);
        Self::Irregularity { flag: QualityFlag::ControlCharacters, detail, meaning }
    }
}

/// What is wrong with one record.
#[derive(Debug, Default)]
pub struct Defects {
    /// The quality flags of its fields.
    pub flags: Vec<FieldFlag>,
    /// The damage for which the record is rejected.
    pub damage: Option<Reason>,
}

impl Defects {
    /// Why the record is rejected, if it is. `rule` is the channel's rule for malformed bytes.
    pub fn reason(&self, rule: Malformed) -> Option<Reason> {
        let is_malformed = |flag: &&FieldFlag| flag.flag == QualityFlag::MalformedBytes;
        let first = self.flags.iter().find(is_malformed).filter(|_| rule == Malformed::Reject);
        let reason = |FieldFlag { field, detail, .. }: &FieldFlag| {
            Reason::new("malformed_bytes", with_field(field, detail))
        };
        self.damage.clone().or_else(|| first.map(reason))
    }
}

impl Findings {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of findings.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The marker character; `None` if nothing was found.
    fn marker(&self) -> Option<char> {
        self.marker.filter(|_| !self.list.is_empty())
    }

    /// The defects of a record. `prefix` is put before the names of its fields.
    pub fn defects_in(&self, prefix: &str, tree: &Value, charset: &str) -> Defects {
        let mut defects = Defects::default();
        let Some(marker) = self.marker() else { return defects };
        visit_texts(tree, &mut String::new(), &mut |field, text| {
            let mut malformed = Vec::new();
            let field = format!("{prefix}{}", self.unmark(field, marker));
            for finding in self.findings_in(text, marker) {
                match &finding.problem {
                    Problem::MalformedBytes { offset } => {
                        malformed.push(Span { offset: *offset, len: finding.source.len() });
                    }
                    Problem::Damage { code, detail, at } => {
                        let at = at.map_or(String::new(), |at| format!(" at {at}"));
                        let detail = with_field(&field, &format!("{detail}{at}"));
                        let code = code.clone();
                        defects.damage.get_or_insert(Reason { code, detail });
                    }
                    Problem::Irregularity { flag, detail, .. } => {
                        let (field, flag, detail) = (field.clone(), *flag, detail.to_string());
                        defects.flags.push(FieldFlag { field, flag, detail });
                    }
                }
            }
            if !malformed.is_empty() {
                let detail = malformed_detail(&malformed, charset);
                defects.flags.push(FieldFlag { field, flag: QualityFlag::MalformedBytes, detail });
            }
        });
        defects
    }

    /// The damage in a value, which need not be a record.
    pub fn damage_in(&self, part: &Value) -> Option<String> {
        self.defects_in("", part, "").damage.map(|reason| reason.detail)
    }

    /// The key of a record at `path`; `None` if it is not exact (see [`KeyPath::key`](crate::KeyPath::key)).
    pub fn key(&self, path: &Path, tree: &Value) -> Option<String> {
        let key = key::key_text(path.first(tree)?, self).ok()?;
        (!key::is_ambiguous(path, tree, self)).then_some(key)
    }

    /// Notes a JSON number with a fraction or an exponent, which the tree contains as text.
    pub(crate) fn note_decimal(&mut self, number: &str) {
        self.decimals.insert(hash(number));
    }

    /// Whether the document contains this text as a number with a fraction or an exponent.
    pub(crate) fn is_decimal(&self, text: &str) -> bool {
        self.decimals.contains(&hash(text))
    }

    /// Whether a text contains no marker.
    pub fn is_unmarked(&self, text: &str) -> bool {
        self.marker().is_none_or(|marker| !text.contains(marker))
    }

    /// Whether this value is the marker for a missing value, as after the last comma in `[1,]`.
    pub fn is_missing_value(&self, value: &Value) -> bool {
        let (Value::String(text), Some(marker)) = (value, self.marker()) else { return false };
        let found: Vec<&Finding> = self.findings_in(text, marker).collect();
        matches!(found[..], [Finding { problem: Problem::Damage { .. }, source }] if source.is_empty())
    }

    /// The names in the tree that contain a marker: those that occur twice in one object, with
    /// different values, and those that are damaged.
    pub fn repeated_names(&self, tree: &Value) -> Vec<String> {
        let mut names = Vec::new();
        if let Some(marker) = self.marker() {
            visit_texts(tree, &mut String::new(), &mut |field, _| {
                let name = field.rsplit_once('.').map_or(field, |(_, name)| name);
                if name.contains(marker) {
                    names.push(self.unmark(name, marker));
                }
            });
        }
        names
    }

    /// `text` (a part of the document, or a tree written as JSON) as bytes, each marker replaced
    /// with what the source wrote.
    pub fn source_bytes(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len());
        self.restore(text.as_bytes(), self.list.len(), &mut bytes);
        bytes
    }

    /// Appends `text` to `bytes`, and replaces its markers with what the source wrote. Uses only
    /// the first `n_findings` findings: the source of a finding contains only markers of earlier
    /// ones.
    fn restore(&self, text: &[u8], n_findings: usize, bytes: &mut Vec<u8>) {
        let (Some(marker), Ok(text)) = (self.marker(), std::str::from_utf8(text)) else {
            bytes.extend_from_slice(text);
            return;
        };
        let mut is_quoted = false;
        for piece in split_at_markers(text, marker) {
            match piece {
                Piece::Text(text) => {
                    let text =
                        if is_quoted { text.strip_prefix('"').unwrap_or(text) } else { text };
                    is_quoted = false;
                    bytes.extend_from_slice(text.as_bytes());
                }
                Piece::Marker(number) => {
                    let Some(finding) = self.list[..n_findings].get(number) else { continue };
                    // In the tree, quotes were added around a token that is not a JSON value.
                    if matches!(finding.problem, Problem::Damage { .. }) && bytes.ends_with(b"\"") {
                        bytes.pop();
                        is_quoted = true;
                    }
                    self.restore(&finding.source, number, bytes);
                }
            }
        }
    }

    /// Replaces the markers of irregularities in a tree with the characters that are meant, if any;
    /// other markers become U+FFFD.
    pub fn remove_markers(&self, tree: &mut Value) {
        let Some(marker) = self.marker() else { return };
        match tree {
            Value::String(text) if text.contains(marker) => *text = self.unmark(text, marker),
            Value::Array(list) => list.iter_mut().for_each(|value| self.remove_markers(value)),
            Value::Object(object) => {
                object.values_mut().for_each(|value| self.remove_markers(value));
                if object.keys().any(|name| name.contains(marker)) {
                    let mut cleaned = Map::with_capacity(object.len());
                    for (name, value) in std::mem::take(object) {
                        // If two names are equal without markers, the one that has no marker is
                        // used.
                        if name.contains(marker) {
                            cleaned.entry(self.unmark(&name, marker)).or_insert(value);
                        } else {
                            cleaned.insert(name, value);
                        }
                    }
                    *object = cleaned;
                }
            }
            _ => {}
        }
    }

    /// Replaces the markers of irregularities with the characters that are meant, if any; other
    /// markers stay.
    pub fn without_irregularities(&self, text: &str) -> String {
        let Some(marker) = self.marker() else { return text.to_owned() };
        self.replace(text, marker, |number| format!("{marker}{number}{marker}"))
    }

    /// Replaces the markers of irregularities with the characters that are meant, if any; other
    /// markers become U+FFFD.
    fn unmark(&self, text: &str, marker: char) -> String {
        self.replace(text, marker, |_| char::REPLACEMENT_CHARACTER.to_string())
    }

    /// Replaces the markers of irregularities with the characters that are meant, if any, and other
    /// markers with what `other` returns for their numbers.
    fn replace(&self, text: &str, marker: char, other: impl Fn(usize) -> String) -> String {
        let pieces = split_at_markers(text, marker).map(|piece| match piece {
            Piece::Text(text) => Cow::from(text),
            Piece::Marker(number) => match self.list.get(number).map(|finding| &finding.problem) {
                Some(Problem::Irregularity { meaning, .. }) => {
                    meaning.map(String::from).unwrap_or_default().into()
                }
                _ => other(number).into(),
            },
        });
        pieces.collect()
    }

    /// The findings whose markers are in a text.
    fn findings_in(&self, text: &str, marker: char) -> impl Iterator<Item = &Finding> {
        split_at_markers(text, marker).filter_map(|piece| match piece {
            Piece::Marker(number) => self.list.get(number),
            Piece::Text(_) => None,
        })
    }
}

/// For decoders and parsers.
impl Findings {
    /// Decodes bytes into text that has markers for the malformed sequences at `spans`. `decoded`
    /// is the same text without markers.
    pub fn mark_malformed(
        &mut self,
        bytes: &[u8],
        charset: Charset,
        spans: &[Span],
        decoded: &str,
    ) -> String {
        self.choose_marker(decoded, None);
        let (mut text, mut at) = (String::with_capacity(decoded.len()), 0);
        for span in spans {
            // The bytes between two malformed sequences decode to the same text alone as within the
            // document.
            text.push_str(&decode_strict(&bytes[at..span.offset], charset).text);
            at = span.offset + span.len;
            let problem = Problem::MalformedBytes { offset: span.offset };
            self.add(problem, &bytes[span.offset..at], &mut text);
        }
        text.push_str(&decode_strict(&bytes[at..], charset).text);
        text
    }

    /// The marker character. If there is none yet, chooses one that is not in `text` and is not
    /// `forbidden`.
    pub(crate) fn choose_marker(&mut self, text: &str, forbidden: Option<char>) -> char {
        *self.marker.get_or_insert_with(|| {
            // A document that contains all candidates is garbage: its own noncharacters may then be
            // taken for markers.
            let mut candidates = MARKER_CANDIDATES;
            candidates
                .find(|candidate| Some(*candidate) != forbidden && !text.contains(*candidate))
                .unwrap_or('\u{fdd0}')
        })
    }

    /// Returns a character that a document wrote as a number, like `&#65;`, or U+FFFD if it would
    /// be taken for a marker. `text` is the text of the document.
    pub(crate) fn guard_character(&mut self, character: char, text: &str) -> char {
        let is_candidate = MARKER_CANDIDATES.contains(&character);
        if is_candidate && self.choose_marker(text, Some(character)) == character {
            return char::REPLACEMENT_CHARACTER;
        }
        character
    }

    /// Puts a value into an object. If the object has another value under this name, the new value
    /// replaces it, and the earlier value is kept under the name with a marker for `repeated`.
    /// `text` is the text of the document.
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
                let earlier = entry.insert(value);
                if earlier != *entry.get() {
                    let mut name = entry.key().clone();
                    self.choose_marker(text, None);
                    self.add(repeated, "", &mut name);
                    object.insert(name, earlier);
                }
            }
        }
    }

    /// Adds a finding, and appends its marker to `into`.
    pub(crate) fn add(&mut self, problem: Problem, source: impl AsRef<[u8]>, into: &mut String) {
        let marker = *self.marker.get_or_insert('\u{fdd0}');
        into.push(marker);
        into.push_str(&self.list.len().to_string());
        into.push(marker);
        self.list.push(Finding { problem, source: source.as_ref().to_vec() });
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// Calls `visitor` with the path and the text of each string and each name in a tree. A path
/// consists of names joined with dots, without positions in lists; `field` is the path to the tree
/// itself. The recursion is safe, because the depth of trees is limited (see `tree.rs`).
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

/// A detail, after the field that it is about; an empty `field` stands for the whole record.
fn with_field(field: &str, detail: &str) -> String {
    if field.is_empty() { detail.to_owned() } else { format!("{field}: {detail}") }
}

/// The detail of the quality flag for malformed sequences. The text around them is not shown.
pub fn malformed_detail(spans: &[Span], charset: &str) -> String {
    let Span { offset, len } = spans.first().copied().unwrap_or(Span { offset: 0, len: 0 });
    let n = spans.len();
    format!("the {len}-byte sequence at offset {offset} is not valid {charset} (first of {n})")
}

/// A piece of a text that contains markers.
enum Piece<'a> {
    Text(&'a str),
    /// The number of a finding.
    Marker(usize),
}

/// Splits a text into its markers and the text between them. A marker is the marker character, the
/// number of a finding, and the marker character again.
fn split_at_markers(text: &str, marker: char) -> impl Iterator<Item = Piece<'_>> {
    text.split(marker).enumerate().map(|(index, piece)| match piece.parse() {
        Ok(number) if index % 2 == 1 => Piece::Marker(number),
        _ => Piece::Text(piece),
    })
}

#[cfg(test)]
mod tests;
