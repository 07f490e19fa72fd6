//! Shows people what each field of a record was mapped to: its text, the repaired and cleaned text,
//! and the fields of the demand that are read from it. Personal values are masked here, because
//! only here it is known which they are.

use std::borrow::Cow;

use normalizer_text::{Profile, clean, repair};
use serde_json::Value;

use crate::{
    redact::{Own, masked},
    seal::Personal,
};

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its name.
    pub column: String,
    /// The fields of the demand that are read from it.
    pub fields: Vec<&'static str>,
    /// Its text, with visible control characters.
    pub raw: String,
    /// The same, repaired and cleaned.
    pub decoded: String,
}

/// Shows a record, with personal values masked unless `reveal` is set.
pub(crate) struct Tracer<'a> {
    pub(crate) own: &'a Own,
    pub(crate) reveal: bool,
}

impl Tracer<'_> {
    /// One field of the record, from which `fields` are read.
    pub(crate) fn field(&self, column: &str, fields: Vec<&'static str>, value: &Value) -> Traced {
        let text = match value {
            Value::Null => Cow::Borrowed(""),
            Value::String(text) => Cow::Borrowed(text.as_str()),
            other => Cow::Owned(other.to_string()),
        };
        let is_single = !value.is_object() && !value.is_array();
        let repaired = repair(&text).text;
        let cleaned = clean(&repaired, Profile::Html).text;
        let show = |text: &str| visible(&self.shown(text, &fields, is_single));
        let (raw, decoded) = (show(&text), show(&cleaned));
        Traced { column: column.to_owned(), fields, raw, decoded }
    }

    fn shown(&self, text: &str, fields: &[&'static str], is_single: bool) -> String {
        if self.reveal || text.is_empty() {
            return text.to_owned();
        }
        let personal = fields.iter().find_map(|field| Personal::parser(field));
        match personal {
            Some(make) if is_single => make(text).mask().to_owned(),
            // A field that is not mapped may hold personal values of anybody.
            _ if personal.is_some() || fields.is_empty() => {
                format!("‹{} characters›", text.chars().count())
            }
            _ => masked(text, self.own).unwrap_or_else(|| text.to_owned()),
        }
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
