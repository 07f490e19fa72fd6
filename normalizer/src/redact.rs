//! Masks personal values in free text.
//!
//! Telephone, identity and bank card numbers, number plates and email addresses are found by their
//! format. The names, numbers and addresses in the personal fields of the same record are found wherever
//! they occur. Names of other people are not found: no rule can distinguish them from other words.

mod number;
mod own_values;
mod plates_and_mail;

use std::{collections::BTreeMap, fmt::Arguments, ops::Range};

use contract::DemandBody;

use crate::notes::Work;

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
    each_text(body, |path, text| {
        if !work.spend(own.max_steps(text)) {
            return;
        }
        if let Some(masked) = mask_text(text, own) {
            unmasked.insert(path.to_string(), std::mem::replace(text, masked));
        }
    });
    (!work.is_too_costly).then_some(unmasked)
}

/// The masked text; `None` if there is nothing to mask.
pub(crate) fn mask_text(text: &str, own: &OwnValues) -> Option<String> {
    let mut replacements = own.find(text);
    number::find(text, own, &mut replacements);
    plates_and_mail::find_plates(text, &mut replacements);
    plates_and_mail::find_mail(text, &mut replacements);
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

/// Visits every field that may hold free text, with its path.
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
        text.iter_mut().for_each(|text| visit(format_args!("{name}"), text));
    }
    for (list, texts) in [("tags", &mut body.tags), ("org_joint", &mut body.org_joint)] {
        for (index, text) in texts.iter_mut().enumerate() {
            visit(format_args!("{list}.{index}"), text);
        }
    }
    let mut item = |list: &str, index: usize, texts: &mut [(&str, &mut Option<String>)]| {
        for (name, text) in texts {
            text.iter_mut().for_each(|text| visit(format_args!("{list}.{index}.{name}"), text));
        }
    };
    for (index, file) in body.attachments.iter_mut().enumerate() {
        item("attachments", index, &mut [("name", &mut file.name)]);
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
