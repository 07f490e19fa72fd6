//! Texts.

use std::borrow::Cow;

use contract::demand::QualityFlag;
use normalizer_text::{Profile, clean};
use serde_json::Value;

use super::{CodeRule, Coded};
use crate::{notes::Notes, source::Source};

/// A text of the source, or what a code table says of it.
#[derive(Debug)]
pub(crate) enum TextRule {
    /// Cleaned.
    Clean(Source, Profile),
    /// Through a table.
    Codes(CodeRule<String>),
}

impl TextRule {
    /// The text; a label that the table does not know stays as it is.
    pub(crate) fn read(&self, tree: &Value, notes: &mut Notes) -> Option<String> {
        let Coded { code, raw } = self.coded(tree, notes);
        code.or(raw)
    }

    /// For fields with a `…_raw` beside them: there an unknown label goes, and only there.
    pub(crate) fn coded(&self, tree: &Value, notes: &mut Notes) -> Coded<String> {
        match self {
            Self::Codes(rule) => rule.read(tree, notes),
            Self::Clean(source, profile) => {
                let text = source.text(tree, notes);
                let code = text.and_then(|text| {
                    cleaned(&text, *profile, source.target, notes).map(Cow::into_owned)
                });
                Coded { code, raw: None }
            }
        }
    }
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
