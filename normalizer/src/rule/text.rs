//! Rules for texts and whole numbers.

use std::borrow::Cow;

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean, clean_unescaped};

use super::{CodeRule, Coded, Rule};
use crate::{
    codes::is_digits,
    notes::Notes,
    source::{FieldSource, Record},
};

/// Reads a text.
pub(crate) enum TextRule {
    /// A text that is cleaned.
    Clean(FieldSource, Profile),
    /// A decimal number, kept as text.
    Decimal(FieldSource),
    /// A label that is translated by a code table.
    Codes(CodeRule<String>),
}

impl Rule<String> for TextRule {
    /// The text or code. A label that is not in the table is kept as it is.
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<String> {
        let Coded { code, raw } = self.coded(record, notes)?;
        code.or(raw)
    }
}

impl TextRule {
    /// Like `read`, for a field that has a field `…_raw` for its label: returns the code and the label. A label
    /// that is not in the table has no code. A text without a code table has no label.
    pub(crate) fn coded(&self, record: Record<'_>, notes: &mut Notes) -> Option<Coded<String>> {
        let code = match self {
            Self::Codes(rule) => return rule.coded(record, notes),
            Self::Decimal(source) => {
                let number = decimal(&source.text(record, notes)?);
                if number.is_none() {
                    notes.add(source.target, QualityFlag::OutOfRange, Some("not a number"));
                }
                number
            }
            Self::Clean(source, profile) => {
                let text = source.text(record, notes)?;
                cleaned(&text, *profile, source.target, notes).map(Cow::into_owned)
            }
        };
        Some(Coded { code, raw: None })
    }
}

/// Normalises a number that stays text, so that amounts and keys lose no digits: `１,２３４.５０元` becomes
/// `1234.50`. `None` if it is not a number.
fn decimal(text: &str) -> Option<String> {
    let code = number_text(text)?;
    let number = code.trim_start_matches(['¥', '￥', '+']).trim_end_matches('元').replace(',', "");
    let digits = number.strip_prefix('-').unwrap_or(&number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    (is_digits(whole) && is_digits(fraction)).then_some(number)
}

/// The cleaned text; `None` if it is empty. Characters that nobody could see in it are flagged.
pub(crate) fn cleaned<'a>(
    text: &'a str,
    profile: Profile,
    target: &str,
    notes: &mut Notes,
) -> Option<Cow<'a, str>> {
    let clean = if notes.is_unescaped { clean_unescaped } else { clean };
    let cleaned = clean(text, profile);
    let found = cleaned.found;
    if found.controls || found.byte_order_mark || found.escapes || found.invisible {
        notes.add(target, QualityFlag::ControlCharacters, None);
    }
    if found.compatibility {
        let detail = "radicals or duplicates of Han characters became ordinary ones";
        notes.add(target, QualityFlag::RepairedText, Some(detail));
    }
    (!cleaned.text.is_empty()).then_some(cleaned.text)
}

/// Reads a whole number, or counts the nodes that the path finds.
pub(crate) struct IntRule {
    pub(crate) source: FieldSource,
    pub(crate) counts_nodes: bool,
}

impl<N: TryFrom<u64>> Rule<N> for IntRule {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<N> {
        let number = if self.counts_nodes {
            Some(self.source.count(record, notes)? as u64)
        } else {
            number_text(&self.source.text(record, notes)?).and_then(|text| parse_whole(&text))
        };
        let number = number.and_then(|number| N::try_from(number).ok());
        if number.is_none() {
            let detail = "not a whole number of the expected size";
            notes.add(self.source.target, QualityFlag::OutOfRange, Some(detail));
        }
        number
    }
}

/// The text of a number in half-width characters and without blanks. `None` if a blank between its digits
/// divides more than groups of thousands: `3 0` may be two numbers.
pub(super) fn number_text(text: &str) -> Option<String> {
    let is_digit = |c: &char| c.is_ascii_digit() || ('０'..='９').contains(c);
    let (mut before, mut is_one) = (0, true);
    for part in text.split_whitespace() {
        let after = part.chars().take_while(is_digit).count();
        is_one &= before == 0 || after == 0 || before <= 3 && after == 3;
        before = part.chars().rev().take_while(is_digit).count();
    }
    is_one.then(|| clean(text, Profile::Code).text.into_owned())
}

/// Parses a whole number: `12`, or `12.0` as spreadsheets write it.
fn parse_whole(text: &str) -> Option<u64> {
    let (number, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|byte| byte == b'0').then(|| number.parse().ok()).flatten()
}
