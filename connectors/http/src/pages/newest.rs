//! Pages with the newest records first.

use std::cmp::Ordering;

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    NextPage, Param, Position, Said, Size, Step, border::Border, keyset::vanished, position::to_u64,
};
use crate::answer::Page;

/// Pages with the newest records first, which are read until the records of the last pass begin. As with
/// `keyset`, a page is requested after the last value but one.
///
/// The greatest known number changes only when a pass is complete: otherwise an interrupted pass would lose
/// the records that it had not reached. A pass ends at a page whose records are all known, and not at the
/// first known record, because a pinned old record may come before new ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Newest {
    /// The parameter for the number of the last record.
    pub(super) param: String,
    /// Where the number is in a record. Times work too, and numbers after the same letters (`T0007`).
    pub(super) at: Path,
    /// The number for the first page; without it, the first page has no parameter.
    pub(super) first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

impl Newest {
    pub(super) fn param(&self, at: &Position) -> Option<Param> {
        let value = at.value().or(self.first.as_deref())?;
        // A value that is a number is sent as a number.
        let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
        Some((self.param.clone(), number.map_or_else(|| value.into(), Into::into)))
    }

    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize, said: Said) -> Step {
        let values: Vec<String> =
            page.records.iter().filter_map(|record| self.at.text(record)).collect();
        let mut border = Border::new(at, &values, page, size);
        if let Some(border) = &mut border {
            // A pinned old record may stand before the last one.
            border.before =
                border.before.filter(|before| compare(before, border.last) == Ordering::Greater);
        }
        let disorder = self.disorder(&values, page, at);
        // The greatest number of the passes before comes first, unless a greater one does.
        let is_lost = at.known_up_to.as_ref().is_some_and(|known| {
            at.n_pages == 0 && values.iter().all(|value| compare(value, known) == Ordering::Less)
        });
        let doubt = is_lost.then(|| vanished(&self.at));
        if is_lost {
            // This pass does not end at the records that were known.
            at.known_up_to = None;
        }
        let seen = at.note_cycle(page, "");
        at.note_records(page.len(), page.n_listed());
        at.n_records += to_u64(page.len());
        at.last_record = page.last_state();
        // The last value on the page, not the smallest, which may be pinned at the top.
        let is_repeated = border.is_some_and(|border| at.value() == Some(border.last));
        // Values that are not in order do not tell which records are known.
        let has_new = disorder.is_some()
            || values.iter().any(|value| {
                let known_up_to = at.known_up_to.as_ref();
                known_up_to.is_none_or(|known| compare(value, known) == Ordering::Greater)
            });
        at.newest = values.iter().chain(&at.newest).max_by(|a, b| compare(a, b)).cloned();
        at.note_page(page.hash());
        let is_last = said.is_last == Some(true);
        let can_continue = !is_last && !seen.page;
        if can_continue && border.is_some_and(|border| border.enlarge(at, size, self.size.as_ref()))
        {
            return Step { gap: disorder, doubt, ..Step::default() };
        }
        let end = match border {
            _ if is_last => Some(EndedBy::NoMore),
            _ if is_repeated => Some(EndedBy::Repeated),
            Some(_) if has_new => at.end_of_circle(),
            Some(_) => Some(EndedBy::Watermark),
            None => Some(EndedBy::Empty),
        };
        if end.is_some() {
            // The pass is complete: all records up to the newest are known now.
            let newest = [at.known_up_to.take(), at.newest.take()];
            at.known_up_to = newest.into_iter().flatten().max_by(|a, b| compare(a, b));
        } else if let Some(border) = border {
            at.next = Some(NextPage::AfterValue(border.next(at).to_owned()));
        }
        let border_gap =
            border.filter(|_| !is_last).and_then(|border| border.gap(at.n_pages, &self.at));
        Step { end, gap: disorder.or(border_gap), doubt, ..Step::default() }
    }

    /// What is wrong with the order of the values of a page, because of which records may be missing.
    fn disorder(&self, values: &[String], page: &Page, at: &Position) -> Option<String> {
        let name = format!("page {}", at.n_pages + 1);
        let place = self.at.as_str();
        if values.is_empty() {
            let what = || format!("no record of {name} has a value at {place}");
            return (!page.is_empty()).then(what);
        }
        let greatest = values.iter().max_by(|a, b| compare(a, b))?;
        let n_before = values.iter().position(|value| value == greatest)?;
        let rest = values.get(n_before..).unwrap_or_default();
        let pairs = || rest.iter().zip(rest.iter().skip(1));
        // A few old records may be pinned at the top, before the newest one.
        let is_pinned = n_before == 0 || n_before * 2 < values.len();
        let is_descending = pairs().all(|(a, b)| compare(a, b) != Ordering::Less)
            && at.value().is_none_or(|value| compare(greatest, value) != Ordering::Greater);
        let is_wrong = !is_pinned || !is_descending;
        is_wrong.then(|| format!("the values at {place} do not descend on {name}"))
    }
}

/// Compares values: by the number at their end if they begin with the same text, else as texts.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((prefix_a, a_number), (prefix_b, b_number)) = (split_number(a), split_number(b));
    if prefix_a != prefix_b || a_number.is_empty() || b_number.is_empty() {
        return a.cmp(b);
    }
    let (a, b) = (a_number.trim_start_matches('0'), b_number.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Splits off the number at the end, which may have any length.
fn split_number(text: &str) -> (&str, &str) {
    let prefix = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (prefix, text.strip_prefix(prefix).unwrap_or_default())
}
