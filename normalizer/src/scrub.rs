//! Removes personal values from a page of a source, so that it can be kept as a fixture.
//!
//! Nobody can tell which text of a page is personal. So every text and number becomes filler of the same
//! shape, except what names nobody: codes and labels that the mapping knows, the times that it reads, numbers
//! of up to three digits, and the keys of the records that contain no personal value. Names of fields and
//! elements stay too, and what is personal in them is masked. It works on the text of the page and not on a
//! parsed tree, because a fixture must keep the structure of its source.

mod fill;

use std::collections::BTreeSet;

use contract::{
    RawRecord,
    demand::{
        EvaluationBy, Initiative, Kind, Level, LimitUnit, Side, Status, SupervisionFlag, TaskRole,
        Urgency,
    },
};
use normalizer_text::{Profile, clean};
use serde::de::IgnoredAny;
use serde_json::{Number, Value};

use crate::{
    Mapping,
    codes::{Region, is_digits},
    notes::Work,
    plan::Draft,
    redact::{OwnValues, mask_text},
    rule::{gender, yes_or_no},
};
use fill::fill;

/// Numbers with more digits may say who somebody is.
const MAX_KEPT_DIGITS: usize = 3;
/// Words by which sources report that a request succeeded, or did not.
const REPORT_WORDS: [&str; 8] =
    ["null", "ok", "success", "succeeded", "fail", "failed", "failure", "error"];
/// Longer texts are more than a time.
const MAX_TIME_CHARS: usize = 40;
/// Maximum depth of documents in the texts of others.
const MAX_DEPTH: usize = 3;

impl Mapping {
    /// The page without personal values; `records` are its records. A page without records, such as a refusal,
    /// keeps its texts, and what looks like a number of a person is masked.
    pub fn scrub(&self, page: &str, records: &[RawRecord]) -> String {
        if records.is_empty() {
            let own = OwnValues::default();
            return mask_text(page, &own).unwrap_or_else(|| page.to_owned());
        }
        Scrubber::new(self, records).page(page, 0)
    }

    /// The values in these records that a scrubbed page must not contain.
    pub fn personal(&self, records: &[RawRecord]) -> BTreeSet<String> {
        let scrubber = Scrubber::new(self, records);
        let own = records.iter().filter_map(|record| self.own_values(record));
        let mut values: BTreeSet<String> = own.flat_map(|(own, _)| own.into_texts()).collect();
        for record in records {
            each_text(record.body.tree(), &mut Vec::new(), &mut |_, text| {
                values.insert(text.to_owned());
            });
        }
        // Filler is nobody's value, and the texts in another document are looked at one by one.
        values.retain(|text| !scrubber.is_kept(text) && !is_document(text) && fill(text) != *text);
        values
    }

    /// Whether this is a code or label that the mapping knows, or a word such as `true`.
    fn is_code(&self, text: &str) -> bool {
        let known = [
            Kind::CODES,
            Status::CODES,
            Urgency::CODES,
            Initiative::CODES,
            SupervisionFlag::CODES,
            TaskRole::CODES,
            Side::CODES,
            Level::CODES,
            LimitUnit::CODES,
            EvaluationBy::CODES,
        ];
        let code = clean(text, Profile::Code).text;
        REPORT_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
            || text.bytes().all(|byte| byte == b'0')
            || yes_or_no(text).is_some()
            || gender(text).is_some()
            || known.iter().any(|codes| codes.contains(&text))
            || self
                .tables
                .iter()
                .any(|table| [text, &*code].iter().any(|raw| table.get(raw).is_some()))
            || self.is_region(&code)
    }

    /// Whether this is the code of a division, or its name with nothing after it.
    fn is_region(&self, text: &str) -> bool {
        let Some(table) = &self.regions else { return false };
        if is_digits(text) {
            // Any digits may follow the code of a county: those of an identity number do.
            let is_whole = text.len() == 6 || text.len() == 12 && text.ends_with("000000");
            return is_whole && table.find(text, None) != Region::Unknown;
        }
        // After the last name, the table ignores a rest.
        let is_suffix = |c: char| matches!(c, '省' | '市' | '区' | '县' | '旗' | '州' | '盟');
        let Some(names) = text.strip_suffix(is_suffix) else { return false };
        let larger = names.rfind(is_suffix).map_or("", |at| &text[..at + '市'.len_utf8()]);
        let found = table.find_name(text, None);
        found != Region::Unknown && (larger.is_empty() || found != table.find_name(larger, None))
    }
}

/// Replaces what is personal in a page.
struct Scrubber<'a> {
    mapping: &'a Mapping,
    /// The keys and times of the records.
    kept: BTreeSet<String>,
    /// The values that must not stand in keys and in names of fields.
    own: OwnValues,
}

impl<'a> Scrubber<'a> {
    fn new(mapping: &'a Mapping, records: &[RawRecord]) -> Self {
        let mut drafts: Vec<Draft> = Vec::with_capacity(records.len());
        // Of a record whose mapping is too costly, nobody knows whose key and times they are.
        let mut known = Vec::with_capacity(records.len());
        for record in records {
            let (draft, notes) = mapping.draft(record, Work::default());
            if !notes.work.is_too_costly {
                known.push(record);
            }
            drafts.push(draft);
        }
        let people = drafts.iter().flat_map(|draft| draft.everybody());
        let own = OwnValues::new(people, drafts.iter().filter_map(|draft| draft.address.as_ref()));
        let mut kept = BTreeSet::new();
        let mut keep = |text: &str| {
            let text = text.trim();
            if !text.is_empty() && mask_text(text, &own).is_none() {
                kept.insert(text.to_owned());
            }
        };
        for record in known {
            let key = record.key.as_str();
            match serde_json::from_str::<Vec<String>>(key) {
                Ok(parts) => parts.iter().for_each(|part| keep(part)),
                Err(_) => keep(key),
            }
            each_text(record.body.tree(), &mut Vec::new(), &mut |names, text| {
                if mapping.reads_time(names) && is_like_time(text) {
                    keep(text);
                }
            });
        }
        Self { mapping, kept, own }
    }

    /// Whether a text stays as it is.
    fn is_kept(&self, text: &str) -> bool {
        let text = text.trim();
        let is_short_number = is_digits(text) && text.len() <= MAX_KEPT_DIGITS;
        is_short_number || self.kept.contains(text) || self.mapping.is_code(text)
    }

    /// A document, which is in the texts of `depth` others.
    fn page(&self, text: &str, depth: usize) -> String {
        let begin = text.trim_start_matches('\u{feff}').trim_start();
        if begin.starts_with('<') { self.xml(text, depth) } else { self.json(text, depth) }
    }

    fn json(&self, text: &str, depth: usize) -> String {
        let text = unescaped(text);
        let mut scrubbed = String::with_capacity(text.len());
        let mut rest = text.as_str();
        let is_sign = |c: char| matches!(c, '{' | '}' | '[' | ']' | ',' | ':') || c.is_whitespace();
        while let Some(first) = rest.chars().next() {
            let len = match first {
                '"' => string_len(rest),
                _ if is_sign(first) => first.len_utf8(),
                _ => rest.find(|c: char| is_sign(c) || c == '"').unwrap_or(rest.len()),
            };
            let (token, after) = rest.split_at(len);
            rest = after;
            if is_sign(first) {
                scrubbed.push(first);
            } else if first == '"' && rest.trim_start().starts_with(':') {
                scrubbed.push_str(&self.name(token));
            } else if first == '"' {
                let decoded: String = serde_json::from_str(token).unwrap_or_default();
                let encode = |text: String| Value::String(text).to_string();
                scrubbed.push_str(&self.text(token, &decoded, depth, encode));
            } else if serde_json::from_str::<Number>(token).is_ok() && !self.is_kept(token) {
                // The letter of an exponent is a part of the number.
                let digits = token.split_inclusive(['e', 'E']).map(|part| {
                    let number = part.trim_end_matches(['e', 'E']);
                    fill(number) + &part[number.len()..]
                });
                scrubbed.extend(digits);
            } else {
                scrubbed.push_str(&self.text(token, token, depth, |text| text));
            }
        }
        scrubbed
    }

    fn xml(&self, text: &str, depth: usize) -> String {
        const ENCLOSED: [(&str, &str); 3] = [("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")];
        let mut scrubbed = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            if let Some((begin, end)) = ENCLOSED.iter().find(|(begin, _)| rest.starts_with(begin)) {
                let content = &rest[begin.len()..];
                let (content, after) = content.split_once(end).unwrap_or((content, ""));
                rest = after;
                let content = match *begin {
                    "<?" => self.tag_name(content, depth),
                    "<!--" => fill(content),
                    _ => self.text(content, content, depth, |text| text),
                };
                scrubbed.extend([*begin, &content, *end]);
            } else if let Some(len) = tag_len(rest) {
                let (tag, after) = rest.split_at(len);
                rest = after;
                self.tag(tag, depth, &mut scrubbed);
            } else {
                // The first character may be a lone `<`.
                let first_len = rest.chars().next().map_or(0, char::len_utf8);
                let len = rest[first_len..].find('<').map_or(rest.len(), |at| first_len + at);
                let (content, after) = rest.split_at(len);
                rest = after;
                scrubbed.push_str(&self.text(content, &xml_decoded(content), depth, xml_encoded));
            }
        }
        scrubbed
    }

    /// Appends a tag, with filler for the values of its attributes.
    fn tag(&self, tag: &str, depth: usize, scrubbed: &mut String) {
        let mut rest = tag;
        while let Some(quote) = rest.chars().find(|c| matches!(c, '"' | '\'')) {
            let Some((name, after)) = rest.split_once(quote) else { break };
            let (value, after) = after.split_once(quote).unwrap_or((after, ""));
            let value = self.text(value, &xml_decoded(value), MAX_DEPTH, xml_encoded);
            let quote = quote.to_string();
            scrubbed.extend([self.tag_name(name, depth), quote.clone(), value, quote]);
            rest = after;
        }
        scrubbed.push_str(&self.tag_name(rest, depth));
    }

    /// The names in a tag. In a text, a tag with Chinese in it may be anything that stands in brackets.
    fn tag_name(&self, name: &str, depth: usize) -> String {
        if depth > 0 && !name.is_ascii() { fill(name) } else { self.name(name) }
    }

    /// The name of a field.
    fn name(&self, name: &str) -> String {
        mask_text(name, &self.own).unwrap_or_else(|| name.to_owned())
    }

    /// A text as the page writes it. `decoded` is what it means, and `encode` writes such a text.
    fn text(
        &self,
        written: &str,
        decoded: &str,
        depth: usize,
        encode: impl Fn(String) -> String,
    ) -> String {
        if self.is_kept(decoded) {
            written.to_owned()
        } else if depth < MAX_DEPTH && is_document(decoded) {
            encode(self.page(decoded, depth + 1))
        } else {
            fill(written)
        }
    }
}

/// Visits every text and number of a tree with the names that lead to it.
fn each_text<'a>(
    value: &'a Value,
    names: &mut Vec<&'a str>,
    visit: &mut impl FnMut(&[&str], &str),
) {
    match value {
        Value::String(text) => visit(names, text),
        Value::Number(number) => visit(names, &number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, names, visit)),
        Value::Object(members) => {
            for (name, member) in members {
                names.push(name);
                each_text(member, names, visit);
                names.pop();
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a text has only the characters of a time.
fn is_like_time(text: &str) -> bool {
    let is_part = |c: char| {
        c.is_ascii_digit() || " -/.:,+TZ年月日时分秒点上下午星期周一二三四五六日".contains(c)
    };
    text.chars().count() <= MAX_TIME_CHARS && text.chars().all(is_part)
}

/// Whether a text is a document of its own, such as JSON in a field.
fn is_document(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('<')
        || text.starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The length of the string at the start, with its quotes.
fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// The length of the tag at the start; `None` if there is none.
fn tag_len(text: &str) -> Option<usize> {
    let after = text.strip_prefix('<')?;
    after.starts_with(|c: char| c.is_alphabetic() || matches!(c, '/' | '!' | '_')).then_some(())?;
    let mut quote = None;
    let end = after.char_indices().find(|(_, c)| {
        match quote {
            Some(open) if open == *c => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            _ => {}
        }
        quote.is_none() && *c == '>'
    });
    end.map(|(at, _)| at + 2)
}

/// The escapes of XML that may hide a document, and what they stand for; `&` comes last.
const XML_ESCAPES: [(&str, &str); 5] =
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];

fn xml_decoded(text: &str) -> String {
    XML_ESCAPES.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
}

fn xml_encoded(text: String) -> String {
    XML_ESCAPES.iter().rev().fold(text, |text, (escape, sign)| text.replace(sign, escape))
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
}
