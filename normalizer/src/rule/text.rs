//! Texts.

use std::borrow::Cow;

use contract::demand::QualityFlag;
use normalizer_text::{Profile, Repair, clean};

use super::{CodeRule, Coded};
use crate::{
    notes::Notes,
    source::{Record, Source},
};

/// A text of the source, or what a code table says of it.
#[derive(Debug)]
pub(crate) enum TextRule {
    /// Cleaned.
    Clean(Source, Profile),
    /// A number.
    Decimal(Source),
    /// Through a table.
    Codes(CodeRule<String>),
}

impl TextRule {
    /// The text; a label that the table does not know stays as it is.
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<String> {
        let Coded { code, raw } = self.coded(record, notes);
        code.or(raw)
    }

    /// For fields with a `…_raw` beside them: there an unknown label goes, and only there.
    pub(crate) fn coded(&self, record: Record<'_>, notes: &mut Notes) -> Coded<String> {
        match self {
            Self::Codes(rule) => rule.read(record, notes),
            Self::Decimal(source) => {
                let text = source.text(record, notes);
                let code = text.and_then(|text| {
                    let number = decimal(&text);
                    if number.is_none() {
                        notes.add(source.target, QualityFlag::OutOfRange, Some("not a number"));
                    }
                    number
                });
                Coded { code, raw: None }
            }
            Self::Clean(source, profile) => {
                let text = source.text(record, notes);
                let code = text.and_then(|text| {
                    let text = repaired(text, source.target, notes);
                    cleaned(&text, *profile, source.target, notes).map(Cow::into_owned)
                });
                Coded { code, raw: None }
            }
        }
    }
}

/// The text with what was decoded wrongly put back, before cleaning takes the control characters of a
/// broken text. Rules and places are noted, never the text.
pub(crate) fn repaired<'a>(text: Cow<'a, str>, target: &str, notes: &mut Notes) -> Cow<'a, str> {
    let found = notes.work.repair(&text);
    for Repair { rules, before, .. } in &found.repairs {
        let names: Vec<_> = rules.iter().map(|rule| rule.name()).collect();
        let (names, from, to) = (names.join(" "), before.offset, before.offset + before.len);
        let detail = format!("{names} at bytes {from} to {to}");
        notes.add(target, QualityFlag::RepairedText, Some(&detail));
    }
    if !found.damaged.is_empty() {
        let detail = format!("characters are lost in {} places", found.damaged.len());
        notes.add(target, QualityFlag::Damaged, Some(&detail));
    }
    if found.is_unfinished {
        let detail = "it may be broken, and to find out would have cost too much";
        notes.add(target, QualityFlag::UnrepairedText, Some(detail));
    }
    match found.text {
        Cow::Owned(text) => Cow::Owned(text),
        Cow::Borrowed(_) => text,
    }
}

/// A number as text: money and keys lose nothing. `１,２３４.５０元` is `1234.50`.
pub(crate) fn decimal(text: &str) -> Option<String> {
    let code = clean(text, Profile::Code).text;
    let number = code.trim_start_matches(['¥', '￥', '+']).trim_end_matches('元').replace(',', "");
    let digits = number.strip_prefix('-').unwrap_or(&number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_number.then_some(number)
}

/// The text without what does not belong to it, or nothing if nothing remains.
pub(crate) fn cleaned<'a>(
    text: &'a str,
    profile: Profile,
    target: &str,
    notes: &mut Notes,
) -> Option<Cow<'a, str>> {
    let cleaned = clean(text, profile);
    let found = cleaned.found;
    if found.controls || found.byte_order_mark || found.escapes {
        notes.add(target, QualityFlag::ControlCharacters, None);
    }
    (!cleaned.text.is_empty()).then_some(cleaned.text)
}
