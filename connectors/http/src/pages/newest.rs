//! Pages with the newest records first.

use std::cmp::Ordering;

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Param, Position, Said, Size, Step, position::to_u64};
use crate::answer::Page;

/// Pages with the newest records first, which are read until the records of the last pass begin.
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

    pub(super) fn step(&self, at: &mut Position, page: &Page, said: Said) -> Step {
        at.note_cycle(page, "");
        at.note_records(page.len(), page.len());
        at.n_records += to_u64(page.len());
        let values: Vec<String> =
            page.records.iter().filter_map(|record| self.at.text(record)).collect();
        let gap = self.disorder(&values, page, at);
        // The last value on the page, not the smallest, which may be pinned at the top.
        let last = values.last().cloned();
        let is_repeated = last.is_some() && last.as_deref() == at.value();
        // Values that are not in order do not tell which records are known.
        let has_new = gap.is_some()
            || values.iter().any(|value| {
                let known_up_to = at.known_up_to.as_ref();
                known_up_to.is_none_or(|known| compare(value, known) == Ordering::Greater)
            });
        at.newest = values.iter().chain(&at.newest).max_by(|a, b| compare(a, b)).cloned();
        at.note_page(page.hash());
        let end = match &last {
            _ if said.is_last == Some(true) => Some(EndedBy::NoMore),
            _ if is_repeated => Some(EndedBy::Repeated),
            Some(_) if has_new => at.end_of_circle(),
            Some(_) => Some(EndedBy::Watermark),
            None => Some(EndedBy::Empty),
        };
        if end.is_some() {
            // The pass is complete: all records up to the newest are known now.
            let newest = [at.known_up_to.take(), at.newest.take()];
            at.known_up_to = newest.into_iter().flatten().max_by(|a, b| compare(a, b));
        } else if let Some(last) = last {
            at.next = Some(NextPage::AfterValue(last));
        }
        Step { end, gap, ..Step::default() }
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
        if !is_pinned || !is_descending {
            return Some(format!("the values at {place} do not descend on {name}"));
        }
        let are_last_equal = pairs().next_back().is_some_and(|(a, b)| a == b);
        are_last_equal.then(|| {
            format!("the last records of {name} have the same value at {place}: more may follow")
        })
    }
}

/// Compares values: by the number at their end if they begin with the same text, else as texts.
fn compare(a: &str, b: &str) -> Ordering {
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
