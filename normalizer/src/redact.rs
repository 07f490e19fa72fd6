//! Masks personal values in the texts, numbers and links of a record.
//!
//! Telephone, identity and bank card numbers, number plates and email addresses are found by their
//! format. The names, numbers and addresses in the personal fields of the same record are found wherever
//! they occur, also in its numbers and links, and with separators, Chinese digits or escapes within them.
//! Names of other people are not found: no rule can distinguish them from other words.

mod fold;
mod number;
mod own_values;
mod plates_and_mail;

use std::{collections::BTreeMap, fmt::Arguments, ops::Range};

use contract::DemandBody;

use crate::notes::Work;
use fold::Folded;

pub(crate) use fold::first_character;
pub(crate) use own_values::OwnValues;

/// A range of the text, and the mask that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    range: Range<usize>,
    mask: String,
}

/// Masks personal values in all free text of a body. Returns the original of every text that was changed,
/// by its path; `None` if the search would exceed the budget.
pub(crate) fn redact(
    body: &mut DemandBody,
    own: &OwnValues,
    work: &mut Work,
) -> Option<BTreeMap<String, String>> {
    let mut unmasked = BTreeMap::new();
    each_text(body, |path, mask, text| {
        if !work.spend(own.max_steps(text)) {
            return;
        }
        if let Some(masked) = mask(text, own) {
            unmasked.insert(path.to_string(), std::mem::replace(text, masked));
        }
    });
    (!work.is_too_costly).then_some(unmasked)
}

/// The masked prose; `None` if there is nothing to mask.
pub(crate) fn mask_text(text: &str, own: &OwnValues) -> Option<String> {
    let folded = Folded::new(text);
    let mut replacements = own.find(&folded);
    number::find(&folded, own, &mut replacements);
    plates_and_mail::find_plates(text, &mut replacements);
    plates_and_mail::find_mail(text, &mut replacements);
    masked(text, replacements)
}

/// The masked identifier, such as the number of a work order or a link; `None` if there is nothing to mask.
/// Only the record's own values are masked in it: any other number may be a part of it by accident.
pub(crate) fn mask_identifier(text: &str, own: &OwnValues) -> Option<String> {
    masked(text, own.find_in_identifier(&Folded::new(text)))
}

/// The text with these replacements; `None` if there are none.
fn masked(text: &str, mut replacements: Vec<Replacement>) -> Option<String> {
    if replacements.is_empty() {
        return None;
    }
    replacements.sort_by_key(|found| (found.range.start, usize::MAX - found.range.end));
    let mut result = String::with_capacity(text.len());
    let mut copied_to = 0;
    for Replacement { range, mask } in replacements {
        if range.start >= copied_to {
            result.push_str(&text[copied_to..range.start]);
            result.push_str(&mask);
        }
        // If two ranges overlap, both are hidden.
        copied_to = copied_to.max(range.end);
    }
    result.push_str(&text[copied_to..]);
    Some(result)
}

/// How a kind of text is masked: [`mask_text`] or [`mask_identifier`].
type MaskRule = fn(&str, &OwnValues) -> Option<String>;

/// Visits every field that may hold personal values, with its path and the way to mask it.
fn each_text(body: &mut DemandBody, mut visit: impl FnMut(Arguments<'_>, MaskRule, &mut String)) {
    let (first, flag) = match &mut body.repeat {
        Some(repeat) => (repeat.of.as_mut(), repeat.flag.as_mut()),
        None => (None, None),
    };
    let identifiers = [
        ("source_no", body.source_no.as_mut()),
        ("category", body.category.as_mut()),
        ("repeat.of", first),
    ];
    for (name, text) in identifiers {
        text.into_iter().for_each(|text| visit(format_args!("{name}"), mask_identifier, text));
    }
    for (index, related) in body.related.iter_mut().enumerate() {
        visit(format_args!("related.{index}.no"), mask_identifier, &mut related.no);
    }
    for (index, file) in body.attachments.iter_mut().enumerate() {
        let url = file.url.iter_mut();
        url.for_each(|url| visit(format_args!("attachments.{index}.url"), mask_identifier, url));
    }
    let mut visit = |path: Arguments<'_>, text: &mut String| visit(path, mask_text, text);
    let singles = [
        ("title", body.title.as_mut()),
        ("content", body.content.as_mut()),
        ("reply", body.reply.as_mut()),
        ("kind_raw", body.kind_raw.as_mut()),
        ("category_raw", body.category_raw.as_mut()),
        ("region_raw", body.region_raw.as_mut()),
        ("status_raw", body.status_raw.as_mut()),
        ("org", body.org.as_mut()),
        ("org_raw", body.org_raw.as_mut()),
        ("grid", body.grid.as_mut()),
        ("repeat.flag", flag),
    ];
    for (name, text) in singles {
        text.into_iter().for_each(|text| visit(format_args!("{name}"), text));
    }
    for (list, texts) in [("tags", &mut body.tags), ("org_joint", &mut body.org_joint)] {
        for (index, text) in texts.iter_mut().enumerate() {
            visit(format_args!("{list}.{index}"), text);
        }
    }
    for (index, related) in body.related.iter_mut().enumerate() {
        visit(format_args!("related.{index}.relation"), &mut related.relation);
    }
    let kind = body.enterprise.as_mut().and_then(|enterprise| enterprise.type_.as_mut());
    kind.into_iter().for_each(|text| visit(format_args!("enterprise.type"), text));
    let mut item = |list: &str, index: usize, texts: &mut [(&str, &mut Option<String>)]| {
        for (name, text) in texts {
            text.iter_mut().for_each(|text| visit(format_args!("{list}.{index}.{name}"), text));
        }
    };
    for (index, file) in body.attachments.iter_mut().enumerate() {
        item("attachments", index, &mut [("name", &mut file.name), ("mime", &mut file.mime)]);
    }
    for (index, task) in body.tasks.iter_mut().enumerate() {
        let texts = &mut [("org", &mut task.org), ("returned_reason", &mut task.returned_reason)];
        item("tasks", index, texts);
    }
    for (index, evaluation) in body.evaluations.iter_mut().enumerate() {
        let raw = ("satisfaction_raw", &mut evaluation.satisfaction_raw);
        item("evaluations", index, &mut [("satisfaction", &mut evaluation.satisfaction), raw]);
    }
    for (index, step) in body.trail.iter_mut().enumerate() {
        let texts =
            &mut [("step", &mut step.step), ("org", &mut step.org), ("note", &mut step.note)];
        item("trail", index, texts);
    }
}

#[cfg(test)]
mod tests;
