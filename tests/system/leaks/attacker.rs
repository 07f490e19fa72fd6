//! Looks for values in what the program shows, as somebody who wants to find them would. It shares no code with the
//! program, and knows more than it: it ignores whatever stands between the letters of a value.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    Person,
    spellings::{DIGITS, KINDS, Kind, Way, parts, ways},
};

/// The digits of all rows, in ASCII.
static VALUES: LazyLock<HashMap<char, char>> =
    LazyLock::new(|| DIGITS.iter().flat_map(|row| row.chars().zip('0'..='9')).collect());

/// Knows the values of people.
pub(super) struct Attacker(Vec<String>);

impl Attacker {
    /// Who looks for the values of a person, as they are and in these ways to write them.
    pub(super) fn new(person: &Person, ways: impl Fn(Kind) -> Vec<Way>) -> Self {
        let mut marks = Vec::new();
        for kind in KINDS {
            let parts = parts(person, kind);
            let plain = bare(&parts.concat());
            let written = ways(kind).into_iter().map(|way| bare(&way.write(&parts)));
            // What is found in another spelling is found in this one.
            marks.extend(written.filter(|mark| !mark.contains(&plain)));
            // The last character of an identity number follows from the others.
            marks.push(if kind == Kind::Id { plain[..17].to_owned() } else { plain });
        }
        marks.sort();
        marks.dedup();
        Self(marks)
    }

    /// A value that a text contains.
    pub(super) fn find(&self, text: &str) -> Option<&str> {
        let bare = bare(text);
        self.0.iter().map(String::as_str).find(|mark| bare.contains(mark))
    }

    pub(super) fn look(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Some(mark) = self.find(&text) {
            let lines = text.lines().filter(|line| self.find(line).is_some());
            panic!("{place} holds {mark}: {:?}", lines.take(3).collect::<Vec<_>>());
        }
    }
}

/// The letters and digits of a text. Two asterisks in a row are a mask, which stays.
fn bare(text: &str) -> String {
    let text = unescaped(&unescaped(text));
    let mut bare = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        let digit = if c.is_ascii() { None } else { VALUES.get(&c) };
        match digit {
            Some(digit) => bare.push(*digit),
            None if c == '*' && before == '*' => bare.push('*'),
            None if c.is_alphanumeric() => bare.extend(c.to_lowercase()),
            None => {}
        }
        before = c;
    }
    bare
}

/// The text without the escapes of JSON.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        result.push_str(before);
        let code = after.strip_prefix('u').and_then(|after| after.get(..4));
        let code =
            code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let len = match (code, after.chars().next()) {
            (Some(c), _) => {
                result.push(c);
                5
            }
            (None, Some('n' | 'r' | 't')) => 1,
            (None, Some(c @ ('\\' | '"' | '/'))) => {
                result.push(c);
                1
            }
            (None, _) => 0,
        };
        rest = &after[len..];
    }
    result + rest
}

#[test]
fn where_values_are_they_are_found_in_every_spelling() {
    for person in [Person::new(1), Person::new(47)] {
        let attacker = Attacker::new(&person, ways);
        for kind in KINDS {
            let parts = parts(&person, kind);
            for way in ways(kind) {
                let text = format!("联系{}。", way.write(&parts));
                let written = serde_json::json!({ "content": text }).to_string();
                assert!(attacker.find(&text).is_some(), "{kind:?}, {way:?}: {text}");
                assert!(attacker.find(&written).is_some(), "{kind:?}, {way:?}: {written}");
            }
        }
        for text in
            ["", "沈**, 139****7919, 340202****0015, ****3012, 镜湖区****", "2026-11-30 02:00:00"]
        {
            assert_eq!(attacker.find(text), None);
        }
    }
}
