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
mod unmasked;

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
pub use unmasked::open_unmasked;
use unmasked::{Replaced, masked};

/// A range of the text, and the mask that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replacement {
    range: Range<usize>,
    mask: String,
}

/// Masks personal values in all free text of a body. Returns what was replaced in every text that was changed, by its
/// path; `None` if the search would exceed the budget.
pub(crate) fn redact(
    body: &mut DemandBody,
    own: &OwnValues,
    work: &mut Work,
) -> Option<BTreeMap<String, Replaced>> {
    let mut divided = BTreeMap::new();
    for (name, items) in [("tags", &body.tags), ("org_joint", &body.org_joint)] {
        find_divided(name, items, own, work, &mut divided);
    }
    let mut unmasked = BTreeMap::new();
    each_text(body, |path, search, text| {
        if !work.spend(own.max_steps(text)) {
            return;
        }
        let mut found = search(text, own);
        if !divided.is_empty() {
            found.extend(divided.remove(&path.to_string()).unwrap_or_default());
        }
        if let Some((masked, spans)) = masked(text, found) {
            let original = std::mem::replace(text, masked);
            if !spans.is_empty() {
                unmasked.insert(path.to_string(), Replaced::new(&original, spans));
            }
        }
    });
    (!work.is_too_costly).then_some(unmasked)
}

/// The masked prose; `None` if there is nothing to mask.
pub(crate) fn mask_text(text: &str, own: &OwnValues) -> Option<String> {
    Some(masked(text, prose(text, own))?.0)
}

/// The masked identifier, such as the number of a work order or a link; `None` if there is nothing to mask.
pub(crate) fn mask_identifier(text: &str, own: &OwnValues) -> Option<String> {
    Some(masked(text, identifier(text, own))?.0)
}

/// How a kind of text is searched for what to mask, such as [`prose`] or [`identifier`].
type Search = fn(&str, &OwnValues) -> Vec<Replacement>;

fn prose(text: &str, own: &OwnValues) -> Vec<Replacement> {
    let folded = Folded::new(text);
    let mut replacements = own.find(&folded);
    number::find(&folded, own, &mut replacements);
    plates_and_mail::find_plates(text, &mut replacements);
    plates_and_mail::find_mail(text, &mut replacements);
    replacements
}

/// Only the record's own values are masked: any other number may be a part of an identifier by accident.
fn identifier(text: &str, own: &OwnValues) -> Vec<Replacement> {
    own.find_in_identifier(&Folded::new(text))
}

/// The credit code of a business. What is no code may be the number of a person, except for fifteen digits:
/// registration numbers had as many before 2015.
fn credit_code(text: &str, own: &OwnValues) -> Vec<Replacement> {
    let is_code = text.len() == 15 || identify::uscc(text).problem.is_none();
    if is_code { identifier(text, own) } else { prose(text, own) }
}

/// What stands between the items of a list when they are searched together.
const BETWEEN_ITEMS: &str = "、";

/// Adds the parts of the record's own values that the items of a list have, by the path of the item: a list
/// `139、0000、1111` arrives as three items.
fn find_divided(
    list: &str,
    items: &[String],
    own: &OwnValues,
    work: &mut Work,
    parts: &mut BTreeMap<String, Vec<Replacement>>,
) {
    if items.len() < 2 {
        return;
    }
    let joined = items.join(BETWEEN_ITEMS);
    if !work.spend(own.max_steps(&joined)) {
        return;
    }
    let places = items.iter().scan(0, |start, item| {
        let range = *start..*start + item.len();
        *start = range.end + BETWEEN_ITEMS.len();
        Some(range)
    });
    let places: Vec<Range<usize>> = places.collect();
    for Replacement { range, .. } in own.find(&Folded::new(&joined)) {
        let first = places.partition_point(|place| place.end <= range.start);
        let after = places.partition_point(|place| place.start < range.end);
        // A value within one item is found there.
        let places = places.get(first..after).filter(|places| places.len() > 1).unwrap_or_default();
        for (index, place) in (first..).zip(places).filter(|(_, place)| !place.is_empty()) {
            let (start, end) = (range.start.max(place.start), range.end.min(place.end));
            let range = start - place.start..end - place.start;
            let mask = HIDDEN_PART.to_owned();
            parts.entry(format!("{list}.{index}")).or_default().push(Replacement { range, mask });
        }
    }
}

/// A field that may hold personal values: its name, and how it is searched.
type Text<'a> = (&'a str, Search, &'a mut Option<String>);

/// Visits every field that may hold personal values, with its path and the way to search it. All fields are named, so
/// that nobody forgets a new one.
fn each_text(body: &mut DemandBody, mut visit: impl FnMut(Arguments<'_>, Search, &mut String)) {
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
            ("source_no", identifier, source_no),
            ("category", identifier, category),
            ("title", prose, title),
            ("content", prose, content),
            ("reply", prose, reply),
            ("kind_raw", prose, kind_raw),
            ("category_raw", prose, category_raw),
            ("region_raw", prose, region_raw),
            ("status_raw", prose, status_raw),
            ("org", prose, org),
            ("org_raw", prose, org_raw),
            ("grid", prose, grid),
        ],
        &mut visit,
    );
    if let Some(Enterprise { name, uscc, type_ }) = enterprise {
        let texts: &mut [Text<'_>] =
            &mut [("name", prose, name), ("uscc", credit_code, uscc), ("type", prose, type_)];
        each_of(format_args!("enterprise."), texts, &mut visit);
    }
    if let Some(Repeat { flag, of }) = repeat {
        let texts: &mut [Text<'_>] = &mut [("flag", prose, flag), ("of", identifier, of)];
        each_of(format_args!("repeat."), texts, &mut visit);
    }
    for (index, Attachment { name, url, mime, bytes: _ }) in attachments.iter_mut().enumerate() {
        let texts: &mut [Text<'_>] =
            &mut [("name", prose, name), ("url", identifier, url), ("mime", prose, mime)];
        each_of(format_args!("attachments.{index}."), texts, &mut visit);
    }
    for (index, task) in tasks.iter_mut().enumerate() {
        #[rustfmt::skip]
        let Task {
            org, role: _, side: _, level: _, status: _, dispatched_at: _, signed_at: _, due_at: _,
            limit_unit: _, responded_at: _, returned_reason,
        } = task;
        let texts: &mut [Text<'_>] =
            &mut [("org", prose, org), ("returned_reason", prose, returned_reason)];
        each_of(format_args!("tasks.{index}."), texts, &mut visit);
    }
    for (index, evaluation) in evaluations.iter_mut().enumerate() {
        #[rustfmt::skip]
        let Evaluation {
            by: _, at: _, contacted: _, resolved: _, satisfaction, satisfaction_raw, valid: _,
        } = evaluation;
        let texts: &mut [Text<'_>] = &mut [
            ("satisfaction", prose, satisfaction),
            ("satisfaction_raw", prose, satisfaction_raw),
        ];
        each_of(format_args!("evaluations.{index}."), texts, &mut visit);
    }
    for (index, Step { at: _, step, org, note }) in trail.iter_mut().enumerate() {
        let texts: &mut [Text<'_>] =
            &mut [("step", prose, step), ("org", prose, org), ("note", prose, note)];
        each_of(format_args!("trail.{index}."), texts, &mut visit);
    }
    for (index, Related { no, relation }) in related.iter_mut().enumerate() {
        visit(format_args!("related.{index}.no"), identifier, no);
        visit(format_args!("related.{index}.relation"), prose, relation);
    }
    for (list, texts) in [("tags", tags), ("org_joint", org_joint)] {
        for (index, text) in texts.iter_mut().enumerate() {
            visit(format_args!("{list}.{index}"), prose, text);
        }
    }
}

/// Visits these fields, whose paths begin with `place`.
fn each_of(
    place: Arguments<'_>,
    texts: &mut [Text<'_>],
    visit: &mut impl FnMut(Arguments<'_>, Search, &mut String),
) {
    for (name, search, text) in texts {
        text.iter_mut().for_each(|text| visit(format_args!("{place}{name}"), *search, text));
    }
}

#[cfg(test)]
mod tests;
