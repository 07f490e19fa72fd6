//! What an answer with an empty list says beside it, because of which more records may follow.
//!
//! A source that does not go on, such as one that gives out only so many pages, often says so in plain words,
//! with a success in all else. That is no failure for certain, but no end of the list either.

mod words;

use std::collections::BTreeSet;

use connector_wire::reason;
use document::scalar_text;
use serde_json::Value;

use self::words::{CODES, MORE, TEXTS, UNFINISHED, is_end, shape};
use super::{STATES, envelope, is_success, plain_name};

/// What an answer says about itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remarks {
    texts: Vec<Remark>,
    codes: Vec<Remark>,
    unfinished: Vec<Remark>,
    more: Vec<Remark>,
    /// Whether one of its texts says that all is fine, or that there are no records.
    says_end: bool,
}

/// A member of an answer.
#[derive(Debug, Clone)]
struct Remark {
    /// Like `code=1`.
    sign: String,
    /// How it is shown.
    shown: String,
}

impl Remarks {
    pub(crate) fn of(tree: &Value, is_xml: bool) -> Self {
        let mut remarks = Self::default();
        let answer = envelope(tree, is_xml);
        if answer.is_array() {
            return remarks;
        }
        let is_head = |place: &&Value| is_xml || place.is_object();
        for place in reason::places(answer).into_iter().filter(is_head) {
            reason::members(place).for_each(|(name, value)| remarks.note(name, value));
        }
        // The list may stand in an object, beside what is said about it.
        let objects = reason::members(answer).filter(|(_, value)| value.is_object());
        for (name, value) in objects.flat_map(|(_, object)| reason::members(object)) {
            remarks.note_flag(&plain_name(name), value);
        }
        remarks
    }

    fn note(&mut self, name: &str, value: &Value) {
        let plain = plain_name(name);
        self.note_flag(&plain, value);
        let list = || {
            let texts: Vec<String> = value.as_array()?.iter().filter_map(scalar_text).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        let Some(text) = scalar_text(value).or_else(list) else { return };
        let lower = text.trim().to_lowercase();
        let sign = format!("{plain}={lower}");
        let remark = Remark { sign, shown: format!("{name} {}", reason::quote(&text)) };
        if reason::is_text(name) || TEXTS.contains(&plain.as_str()) {
            if is_end(&lower) {
                self.says_end = true;
            } else if lower != "false" {
                self.texts.push(remark);
            }
        } else if STATES.contains(&plain.as_str()) || CODES.contains(&plain.as_str()) {
            let is_fine = is_success(&plain, &lower) == Some(true)
                || CODES.contains(&plain.as_str()) && lower == "false"
                || lower == "204"
                || is_end(&lower.replace(['_', '-'], " "));
            if !is_fine {
                self.codes.push(remark);
            }
        }
    }

    fn note_flag(&mut self, plain: &str, value: &Value) {
        let is_true = scalar_text(value).is_some_and(|value| {
            ["true", "1", "y", "yes"].contains(&value.to_lowercase().as_str())
        });
        let flags = match plain {
            _ if !is_true => return,
            _ if MORE.contains(&plain) => &mut self.more,
            _ if UNFINISHED.contains(&plain) => &mut self.unfinished,
            _ => return,
        };
        flags.push(Remark { sign: format!("{plain}=true"), shown: format!("{plain} true") });
    }

    /// What came with records, and so is no sign beside an empty list.
    pub(crate) fn signs(self) -> impl Iterator<Item = String> {
        let remarks = self.texts.into_iter().chain(self.codes).chain(self.unfinished);
        remarks.map(|remark| remark.sign)
    }

    /// What speaks against the end of the list, beside an empty one. Answers with records had `known` signs; if
    /// there were none (`is_compared`), codes say nothing. If the channel says which answers are successes
    /// (`is_success`), neither codes nor texts do.
    pub(crate) fn against_end(
        &self,
        known: &BTreeSet<String>,
        is_compared: bool,
        is_success: bool,
    ) -> Option<&str> {
        let is_new = |remark: &&Remark| !known.contains(&remark.sign);
        let shapes: BTreeSet<String> = known.iter().map(|sign| shape(sign)).collect();
        let has_new_shape = |remark: &&Remark| !shapes.contains(&shape(&remark.sign));
        let text = self.texts.iter().find(has_new_shape).filter(|_| !is_success);
        let code = self.codes.iter().find(is_new);
        let code = code.filter(|_| !is_success && is_compared && !self.says_end);
        // More records follow those of any other page too.
        let flag = self.more.first().or_else(|| self.unfinished.iter().find(is_new));
        text.or(code).or(flag).map(|remark| remark.shown.as_str())
    }
}

#[cfg(test)]
mod tests;
