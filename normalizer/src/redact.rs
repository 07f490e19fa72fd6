//! Masks personal values in the texts, numbers and links of a record.
//!
//! Telephone, identity and bank card numbers, number plates and email addresses are found by their
//! format. The names, numbers and addresses in the personal fields of the same record are found wherever
//! they occur, also in its numbers and links, and with separators, Chinese digits or escapes within them.
//! Names of other people are not found: no rule can distinguish them from other words.

mod addresses;
mod digit;
mod escape;
mod fold;
mod number;
mod own_numbers;
mod own_values;
mod plates_and_mail;
mod simplified;

use std::{collections::BTreeMap, fmt::Arguments, ops::Range};

use contract::{
    DemandBody,
    demand::{Attachment, Enterprise, Evaluation, Related, Repeat, Step, Task},
};
use normalizer_text::identify;

use crate::{notes::Work, seal::HIDDEN_PART};
use fold::Folded;

pub(crate) use escape::first_character;
pub use own_numbers::OwnNumbers;
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
    for (name, items) in [("tags", &mut body.tags), ("org_joint", &mut body.org_joint)] {
        for (index, masked) in mask_divided(items, own, work) {
            let path = format!("{name}.{index}");
            unmasked.insert(path, std::mem::replace(&mut items[index], masked));
        }
    }
    each_text(body, |path, mask, text| {
        if !work.spend(own.max_steps(text)) {
            return;
        }
        if let Some(masked) = mask(text, own) {
            let before = std::mem::replace(text, masked);
            // An item of a list may have been masked already.
            unmasked.entry(path.to_string()).or_insert(before);
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

/// The masked credit code of a business; `None` if there is nothing to mask. What is no code may be the number of a
/// person, except for fifteen digits: registration numbers had as many before 2015.
fn mask_credit_code(text: &str, own: &OwnValues) -> Option<String> {
    let is_code = text.len() == 15 || identify::uscc(text).problem.is_none();
    if is_code { mask_identifier(text, own) } else { mask_text(text, own) }
}

/// What stands between the items of a list when they are searched together.
const BETWEEN_ITEMS: &str = "、";

/// The items of a list that have a part of one of the record's own values, and their masked texts: a list
/// `139、0000、1111` arrives as three items.
fn mask_divided(items: &[String], own: &OwnValues, work: &mut Work) -> BTreeMap<usize, String> {
    if items.len() < 2 {
        return BTreeMap::new();
    }
    let joined = items.join(BETWEEN_ITEMS);
    if !work.spend(own.max_steps(&joined)) {
        return BTreeMap::new();
    }
    let places = items.iter().scan(0, |start, item| {
        let range = *start..*start + item.len();
        *start = range.end + BETWEEN_ITEMS.len();
        Some(range)
    });
    let places: Vec<Range<usize>> = places.collect();
    let mut parts: BTreeMap<usize, Vec<Replacement>> = BTreeMap::new();
    for Replacement { range, .. } in own.find(&Folded::new(&joined)) {
        let first = places.partition_point(|place| place.end <= range.start);
        let after = places.partition_point(|place| place.start < range.end);
        // A value within one item is found there.
        let places = places.get(first..after).filter(|places| places.len() > 1).unwrap_or_default();
        for (index, place) in (first..).zip(places).filter(|(_, place)| !place.is_empty()) {
            let (start, end) = (range.start.max(place.start), range.end.min(place.end));
            let range = start - place.start..end - place.start;
            parts
                .entry(index)
                .or_default()
                .push(Replacement { range, mask: HIDDEN_PART.to_owned() });
        }
    }
    let parts = parts.into_iter();
    parts.filter_map(|(index, parts)| Some((index, masked(&items[index], parts)?))).collect()
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

/// How a kind of text is masked, such as [`mask_text`] or [`mask_identifier`].
type MaskRule = fn(&str, &OwnValues) -> Option<String>;

/// A field that may hold personal values: its name, and how it is masked.
type Text<'a> = (&'a str, MaskRule, &'a mut Option<String>);

/// Visits every field that may hold personal values, with its path and the way to mask it. All fields are named, so
/// that nobody forgets a new one.
fn each_text(body: &mut DemandBody, mut visit: impl FnMut(Arguments<'_>, MaskRule, &mut String)) {
    #[rustfmt::skip]
    let DemandBody {
        source_no, kind: _, kind_raw, title, content, category, category_raw, tags, received_at: _,
        occurred_at: _, updated_at: _, urgency: _, region: _, region_raw, address: _, address_area: _,
        location: _, people: _, people_count: _, enterprise, initiative: _, grid, anonymous: _,
        confidential: _, attachments, repeat, status: _, status_raw, org, org_raw, org_joint,
        accepted_at: _, dispatched_at: _, signed_at: _, responded_at: _, resolved_at: _, closed_at: _,
        due_at: _, wish_at: _, reply, flags: _, counts: _, tasks, evaluations, trail, related, quality: _,
        unmasked: _,
    } = body;
    each_of(
        format_args!(""),
        &mut [
            ("source_no", mask_identifier, source_no),
            ("category", mask_identifier, category),
            ("title", mask_text, title),
            ("content", mask_text, content),
            ("reply", mask_text, reply),
            ("kind_raw", mask_text, kind_raw),
            ("category_raw", mask_text, category_raw),
            ("region_raw", mask_text, region_raw),
            ("status_raw", mask_text, status_raw),
            ("org", mask_text, org),
            ("org_raw", mask_text, org_raw),
            ("grid", mask_text, grid),
        ],
        &mut visit,
    );
    if let Some(Enterprise { name, uscc, type_ }) = enterprise {
        let texts: &mut [Text<'_>] = &mut [
            ("name", mask_text, name),
            ("uscc", mask_credit_code, uscc),
            ("type", mask_text, type_),
        ];
        each_of(format_args!("enterprise."), texts, &mut visit);
    }
    if let Some(Repeat { flag, of }) = repeat {
        let texts: &mut [Text<'_>] = &mut [("flag", mask_text, flag), ("of", mask_identifier, of)];
        each_of(format_args!("repeat."), texts, &mut visit);
    }
    for (index, Attachment { name, url, mime, bytes: _ }) in attachments.iter_mut().enumerate() {
        let texts: &mut [Text<'_>] = &mut [
            ("name", mask_text, name),
            ("url", mask_identifier, url),
            ("mime", mask_text, mime),
        ];
        each_of(format_args!("attachments.{index}."), texts, &mut visit);
    }
    for (index, task) in tasks.iter_mut().enumerate() {
        #[rustfmt::skip]
        let Task {
            org, role: _, side: _, level: _, status: _, dispatched_at: _, signed_at: _, due_at: _,
            limit_unit: _, responded_at: _, returned_reason,
        } = task;
        let texts: &mut [Text<'_>] =
            &mut [("org", mask_text, org), ("returned_reason", mask_text, returned_reason)];
        each_of(format_args!("tasks.{index}."), texts, &mut visit);
    }
    for (index, evaluation) in evaluations.iter_mut().enumerate() {
        #[rustfmt::skip]
        let Evaluation {
            by: _, at: _, contacted: _, resolved: _, satisfaction, satisfaction_raw, valid: _,
        } = evaluation;
        let texts: &mut [Text<'_>] = &mut [
            ("satisfaction", mask_text, satisfaction),
            ("satisfaction_raw", mask_text, satisfaction_raw),
        ];
        each_of(format_args!("evaluations.{index}."), texts, &mut visit);
    }
    for (index, Step { at: _, step, org, note }) in trail.iter_mut().enumerate() {
        let texts: &mut [Text<'_>] =
            &mut [("step", mask_text, step), ("org", mask_text, org), ("note", mask_text, note)];
        each_of(format_args!("trail.{index}."), texts, &mut visit);
    }
    for (index, Related { no, relation }) in related.iter_mut().enumerate() {
        visit(format_args!("related.{index}.no"), mask_identifier, no);
        visit(format_args!("related.{index}.relation"), mask_text, relation);
    }
    for (list, texts) in [("tags", tags), ("org_joint", org_joint)] {
        for (index, text) in texts.iter_mut().enumerate() {
            visit(format_args!("{list}.{index}"), mask_text, text);
        }
    }
}

/// Visits these fields, whose paths begin with `place`.
fn each_of(
    place: Arguments<'_>,
    texts: &mut [Text<'_>],
    visit: &mut impl FnMut(Arguments<'_>, MaskRule, &mut String),
) {
    for (name, mask, text) in texts {
        text.iter_mut().for_each(|text| visit(format_args!("{place}{name}"), *mask, text));
    }
}

#[cfg(test)]
mod tests;
