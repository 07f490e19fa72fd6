//! Shows people what each field of a record was mapped to: its text, the repaired and cleaned text,
//! and the fields of the demand that are read from it. Personal values are masked, unless the caller
//! asks to reveal them.

use std::borrow::Cow;

use normalizer_text::{Profile, clean, clean_unescaped};
use serde_json::Value;

use crate::{
    redact::{OwnValues, mask_text},
    seal::Personal,
};

/// One field of a record, as shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTrace {
    /// Its name.
    pub column: String,
    /// The fields of the demand that are read from it.
    pub fields: Vec<&'static str>,
    /// Its text, with visible control characters.
    pub raw: String,
    /// Its text, repaired and cleaned: the column `decoded` of `tonghui explain`.
    pub decoded: String,
}

/// Describes a field of a record, from which `fields` of the demand are read; `repaired` is its value in
/// the repaired record. `own` has the personal values to mask; `None` reveals everything. For `is_unescaped`,
/// see [`TextReport`](contract::TextReport).
pub(crate) fn trace_field(
    column: &str,
    value: &Value,
    repaired: &Value,
    fields: Vec<&'static str>,
    own: Option<&OwnValues>,
    is_unescaped: bool,
) -> FieldTrace {
    let is_single = !value.is_object() && !value.is_array();
    let (text, repaired) = (text_of(value), text_of(repaired));
    let clean = if is_unescaped { clean_unescaped } else { clean };
    let cleaned = clean(&repaired, Profile::Html).text;
    let show = |text: &str| {
        let own = own.filter(|_| !text.is_empty());
        visible(&own.map_or_else(|| text.to_owned(), |own| hide(text, &fields, is_single, own)))
    };
    let (raw, decoded) = (show(&text), show(&cleaned));
    FieldTrace { column: column.to_owned(), fields, raw, decoded }
}

fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    }
}

/// The text with personal values masked.
fn hide(text: &str, fields: &[&'static str], is_single: bool, own: &OwnValues) -> String {
    let personal = fields.iter().find_map(|field| Personal::parser(field));
    match personal {
        Some(parse) if is_single => parse(text).mask,
        // A field that is not mapped may hold personal values of anybody.
        _ if personal.is_some() || fields.is_empty() => {
            format!("‹{} characters›", text.chars().count())
        }
        _ => mask_text(text, own).unwrap_or_else(|| text.to_owned()),
    }
}

/// Replaces control characters by visible symbols.
fn visible(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '↵',
            '\t' => '⇥',
            '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('␀'),
            '\u{FEFF}' | '\u{200B}' => '∅',
            '\u{A0}' | '\u{3000}' => '␣',
            other => other,
        })
        .collect()
}
