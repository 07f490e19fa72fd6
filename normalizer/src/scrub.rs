//! Removes personal values from a page of a source, so that it can be kept as a fixture.
//!
//! It masks the values of personal fields wherever they occur, and everything that looks like a number
//! of a person. It removes the texts of fields that are not mapped, because they may be personal. It
//! works on the text of the page and not on a parsed tree: a fixture must keep all peculiarities of its
//! source.

use std::collections::BTreeSet;

use contract::RawRecord;
use serde_json::Value;

use crate::{
    Mapping,
    notes::Work,
    redact::{OwnValues, mask_text},
};

/// Replaces the text of a field that is not mapped.
const REMOVED_TEXT: &str = "…";

impl Mapping {
    /// The page without personal values; `records` are its records.
    pub fn scrub(&self, page: &str, records: &[RawRecord]) -> String {
        let mut text = unescaped(page);
        let (mapped, unmapped) = self.texts(records);
        for value in unmapped.difference(&mapped) {
            for (start, end) in [("\"", "\""), (">", "<"), ("CDATA[", "]]")] {
                let whole = format!("{start}{value}{end}");
                text = text.replace(&whole, &format!("{start}{REMOVED_TEXT}{end}"));
            }
        }
        // A page without readable records may still hold numbers.
        let own = records.iter().map(|record| self.own_values(record));
        for own in own.chain([OwnValues::default()]) {
            text = mask_text(&text, &own).unwrap_or(text);
        }
        text
    }

    /// The values in these records that a scrubbed page must not contain.
    pub fn personal(&self, records: &[RawRecord]) -> BTreeSet<String> {
        let (mapped, unmapped) = self.texts(records);
        let own = records.iter().flat_map(|record| self.own_values(record).into_texts());
        unmapped.difference(&mapped).cloned().chain(own).collect()
    }

    fn own_values(&self, record: &RawRecord) -> OwnValues {
        let (draft, _) = self.draft(record, Work::unlimited());
        OwnValues::new(draft.everybody(), draft.address.as_ref())
    }

    /// The texts that may be personal: those of mapped fields, and those of other fields.
    fn texts(&self, records: &[RawRecord]) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut mapped, mut unmapped) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            mapped.insert(record.key.to_string());
            each_text(record.body.tree(), &mut Vec::new(), &mut |names, text| {
                // A list has no names: each of its texts may be personal.
                let is_mapped = names.split_first().is_some_and(|(root, parts)| {
                    let is_part = |name: &&str| self.is_mapped(&format!("{root}.{name}"));
                    self.is_mapped(root) || parts.iter().any(is_part)
                });
                let texts = if is_mapped { &mut mapped } else { &mut unmapped };
                if may_be_personal(text) {
                    texts.insert(text.to_owned());
                }
            });
        }
        (mapped, unmapped)
    }
}

/// Visits every text of a tree with the names that lead to it.
fn each_text<'a>(
    value: &'a Value,
    names: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&[&str], &str),
) {
    match value {
        Value::String(text) => visit(names, text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, names, visit)),
        Value::Object(members) => {
            for (name, member) in members {
                names.push(name);
                each_text(member, names, visit);
                names.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text may be personal, unlike codes, flags and dates.
fn may_be_personal(text: &str) -> bool {
    let is_prose = !text.is_ascii() || text.contains(' ') && text.contains(char::is_alphabetic);
    let digits = text.chars().filter(char::is_ascii_digit).count();
    is_prose || text.contains('@') || digits >= 7 && digits == text.len()
}

/// Replaces JSON escapes of characters that are not ASCII, such as `\u5f20`, by the characters, so that
/// values can be searched literally.
fn unescaped(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        // A character outside Unicode's basic plane has two escapes.
        let letter =
            [12, 6].into_iter().find_map(|len| Some((escaped_letter(rest.get(..len)?)?, len)));
        // An escaped backslash does not start an escape.
        let kept_len = if rest.starts_with("\\\\") { 2 } else { 1 };
        let len = match letter {
            Some((letter, len)) => {
                text.push(letter);
                len
            }
            None => {
                text.push_str(&rest[..kept_len]);
                kept_len
            }
        };
        rest = &rest[len..];
    }
    text.push_str(rest);
    text
}

/// The single character that this escape means; `None` if it is ASCII, which stays escaped.
fn escaped_letter(escape: &str) -> Option<char> {
    let decoded: String = serde_json::from_str(&format!("\"{escape}\"")).ok()?;
    let mut letters = decoded.chars();
    let (letter, None) = (letters.next()?, letters.next()) else { return None };
    (escape.starts_with("\\u") && !letter.is_ascii()).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_letters_are_decoded_and_json_escapes_are_kept() {
        for (escaped, plain) in [
            (r#""\u5f20\u4e09""#, r#""张三""#),
            (r#""\ud83d\ude4f a\nb\"c\\u5f20""#, r#""🙏 a\nb\"c\\u5f20""#),
            (r#""\u0041\u0000\ud83d""#, r#""\u0041\u0000\ud83d""#),
            (r"\", r"\"),
        ] {
            assert_eq!(unescaped(escaped), plain);
        }
    }

    #[test]
    fn codes_and_dates_are_not_personal() {
        for text in ["0304", "A-1", "2026-10-09 10:30:00", "", "true", "340202000000X"] {
            assert!(!may_be_personal(text), "{text}");
        }
        for text in ["王某", "Zhang San", "a@b.example", "13800001234"] {
            assert!(may_be_personal(text), "{text}");
        }
    }
}
