//! Removes personal values from a page of a source, so that it may be kept as a fixture.
//!
//! Two kinds of values are removed: values that the mapping knows to be personal, wherever they
//! occur, together with everything that looks like a number of a person; and the texts of fields
//! that are not mapped, because they may belong to anybody. This works on the text of the page and
//! not on its tree: a fixture must keep all peculiarities of its source.

use std::collections::BTreeSet;

use contract::RawRecord;
use serde_json::Value;

use crate::{
    Mapping,
    notes::Work,
    redact::{Own, masked},
};

/// Replaces the text of a field that is not mapped.
const HIDDEN: &str = "…";

impl Mapping {
    /// The page without personal values; `records` are its records.
    pub fn scrub(&self, page: &str, records: &[RawRecord]) -> String {
        let mut text = unescaped(page);
        let (read, unread) = self.texts(records);
        for value in unread.difference(&read) {
            for (before, behind) in [("\"", "\""), (">", "<"), ("CDATA[", "]]")] {
                let whole = format!("{before}{value}{behind}");
                text = text.replace(&whole, &format!("{before}{HIDDEN}{behind}"));
            }
        }
        for record in records {
            let masked = masked(&text, &self.own(record));
            text = masked.unwrap_or(text);
        }
        text
    }

    /// The values that a scrubbed page must not contain.
    pub fn personal(&self, records: &[RawRecord]) -> BTreeSet<String> {
        let (read, unread) = self.texts(records);
        let owned = records.iter().flat_map(|record| self.own(record).into_values());
        unread.difference(&read).cloned().chain(owned).collect()
    }

    fn own(&self, record: &RawRecord) -> Own {
        let (draft, _) = self.draft(record.body.tree(), Work::unlimited());
        Own::new(&draft.people, draft.address.as_ref())
    }

    /// The texts of mapped fields, and of fields that are not mapped.
    fn texts(&self, records: &[RawRecord]) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut read, mut unread) = (BTreeSet::new(), BTreeSet::new());
        for record in records {
            read.insert(record.key.to_string());
            for (root, value) in record.body.tree().as_object().into_iter().flatten() {
                each_text(value, &mut Vec::new(), &mut |names, text| {
                    let is_within = |name: &&str| self.is_read_from(&format!("{root}.{name}"));
                    let is_read = self.is_read_from(root) || names.iter().any(is_within);
                    let texts = if is_read { &mut read } else { &mut unread };
                    if is_telling(text) {
                        texts.insert(text.to_owned());
                    }
                });
            }
        }
        (read, unread)
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

/// Whether a text may be personal. Codes, flags and dates are not.
fn is_telling(text: &str) -> bool {
    let is_written = !text.is_ascii() || text.contains(' ') && text.contains(char::is_alphabetic);
    let digits = text.chars().filter(char::is_ascii_digit).count();
    is_written || text.contains('@') || digits >= 7 && digits == text.len()
}

/// Replaces JSON escapes of letters, such as `\u5f20`, by the letters: values are searched
/// literally.
fn unescaped(page: &str) -> String {
    let mut text = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let units = || {
            let unit = |at: usize| u16::from_str_radix(rest.get(at + 2..at + 6)?, 16).ok();
            let is_escape = |at: usize| rest.get(at..at + 2) == Some("\\u");
            let first = unit(0).filter(|_| is_escape(0))?;
            let second = unit(6).filter(|_| is_escape(6));
            let pair = [first, second.unwrap_or_default()];
            let (letter, units) = match char::decode_utf16(pair).next()? {
                Ok(letter) => (letter, letter.len_utf16()),
                Err(_) => return None,
            };
            (!letter.is_ascii()).then_some((letter, 6 * units))
        };
        let (letter, length) = match units() {
            Some((letter, length)) => (Some(letter), length),
            // An escaped backslash does not start an escape.
            None => (None, rest.len().min(if rest.starts_with("\\\\") { 2 } else { 1 })),
        };
        match letter {
            Some(letter) => text.push(letter),
            None => text.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    text.push_str(rest);
    text
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
            assert!(!is_telling(text), "{text}");
        }
        for text in ["王某", "Zhang San", "a@b.example", "13800001234"] {
            assert!(is_telling(text), "{text}");
        }
    }
}
