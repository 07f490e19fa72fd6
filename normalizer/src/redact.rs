//! Masks what is personal in prose.
//!
//! Two searches, both linear: what is a telephone, an identity number, a bank card, a plate or a mail
//! address by its form, and the record's own names, numbers and addresses wherever they stand. Other people's names
//! in prose are not found by rule, and nothing here pretends to.

mod form;
mod number;
mod own;

use std::{collections::BTreeMap, fmt::Arguments, ops::Range};

use contract::DemandBody;

use crate::notes::Work;

pub(crate) use own::Own;

/// A stretch of text and what is shown in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hidden {
    at: Range<usize>,
    mask: String,
}

/// Masks all prose of a body. Returns the texts that were changed as they were, by their paths, or
/// nothing where to look through all of them would be too costly.
pub(crate) fn redact(
    body: &mut DemandBody,
    own: &Own,
    work: &mut Work,
) -> Option<BTreeMap<String, String>> {
    let mut unmasked = BTreeMap::new();
    each_text(body, |path, text| {
        if !work.may_spend(own.steps(text)) {
            return;
        }
        if let Some(masked) = masked(text, own) {
            unmasked.insert(path.to_string(), std::mem::replace(text, masked));
        }
    });
    (!work.is_too_costly()).then_some(unmasked)
}

/// The text with everything hidden, or nothing where there is nothing to hide.
pub(crate) fn masked(text: &str, own: &Own) -> Option<String> {
    let mut hidden = own.find(text);
    number::find(text, own, &mut hidden);
    form::find_plates(text, &mut hidden);
    form::find_mail(text, &mut hidden);
    if hidden.is_empty() {
        return None;
    }
    hidden.sort_by_key(|hidden| (hidden.at.start, usize::MAX - hidden.at.end));
    let mut result = String::with_capacity(text.len());
    let mut upto = 0;
    for Hidden { at, mask } in hidden {
        if at.start >= upto {
            result.push_str(&text[upto..at.start]);
            result.push_str(&mask);
        }
        // Of two that overlap both are gone.
        upto = upto.max(at.end);
    }
    result.push_str(&text[upto..]);
    Some(result)
}

/// Every field in which somebody may have written freely.
fn each_text(body: &mut DemandBody, mut visit: impl FnMut(Arguments<'_>, &mut String)) {
    let singles = [
        ("title", &mut body.title),
        ("content", &mut body.content),
        ("reply", &mut body.reply),
        ("kind_raw", &mut body.kind_raw),
        ("category_raw", &mut body.category_raw),
        ("status_raw", &mut body.status_raw),
        ("org", &mut body.org),
        ("org_raw", &mut body.org_raw),
        ("grid", &mut body.grid),
    ];
    for (name, text) in singles {
        if let Some(text) = text {
            visit(format_args!("{name}"), text);
        }
    }
    for (index, text) in body.tags.iter_mut().enumerate() {
        visit(format_args!("tags.{index}"), text);
    }
    for (index, text) in body.org_joint.iter_mut().enumerate() {
        visit(format_args!("org_joint.{index}"), text);
    }
    for (index, attachment) in body.attachments.iter_mut().enumerate() {
        if let Some(name) = &mut attachment.name {
            visit(format_args!("attachments.{index}.name"), name);
        }
    }
    for (index, task) in body.tasks.iter_mut().enumerate() {
        for (name, text) in [("org", &mut task.org), ("returned_reason", &mut task.returned_reason)]
        {
            if let Some(text) = text {
                visit(format_args!("tasks.{index}.{name}"), text);
            }
        }
    }
    for (index, evaluation) in body.evaluations.iter_mut().enumerate() {
        let texts = [
            ("satisfaction", &mut evaluation.satisfaction),
            ("satisfaction_raw", &mut evaluation.satisfaction_raw),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                visit(format_args!("evaluations.{index}.{name}"), text);
            }
        }
    }
    for (index, step) in body.trail.iter_mut().enumerate() {
        let texts = [("step", &mut step.step), ("org", &mut step.org), ("note", &mut step.note)];
        for (name, text) in texts {
            if let Some(text) = text {
                visit(format_args!("trail.{index}.{name}"), text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
