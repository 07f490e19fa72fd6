//! Pages that are requested by a value of the last record.

use std::cmp::Ordering;

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Param, Position, Size, Step, StopRule, hash_of_new_page};
use crate::answer::Page;

/// Pages that begin after the last record of the previous page.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyset {
    /// The parameter for the value of the last record.
    param: String,
    /// Where the value is in a record.
    at: Path,
    /// The value for the first page; without it, the first page has no parameter.
    first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: StopRule,
}

/// Pages with the newest records first, which are read until the records of the last pass begin.
///
/// The greatest known number changes only when a pass is complete: otherwise an interrupted pass would lose
/// the records that it had not reached. A pass ends at a page whose records are all known, and not at the
/// first known record, because a pinned old record may come before new ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Newest {
    /// The parameter for the number of the last record.
    param: String,
    /// Where the number is in a record.
    at: Path,
    /// The number for the first page; without it, the first page has no parameter.
    first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

impl Keyset {
    pub(super) fn param(&self, at: &Position) -> Option<Param> {
        let value = at.value().or(self.first.as_deref())?;
        Some((self.param.clone(), value.into()))
    }

    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize) -> Result<Step, String> {
        let hash = hash_of_new_page(at, page)?;
        let last = page.last_value(&self.at);
        let is_same = last.is_some() && last.as_deref() == at.value();
        // At the end, a source that repeats the last record returns only that record.
        if is_same && page.len() > 1 {
            return Err(format!(
                "page {} ends with the value after which it begins: `at` is not unique",
                at.n_pages + 1
            ));
        }
        let is_last = is_same || last.is_none() || self.stop.is_met(page, at.offset(), size);
        if let Some(last) = last {
            at.next = Some(NextPage::AfterValue(last));
        }
        at.note_page(hash);
        Ok(Step { is_last, was_read_before: is_same })
    }
}

impl Newest {
    pub(super) fn param(&self, at: &Position) -> Option<Param> {
        let value = at.value().or(self.first.as_deref())?;
        // A value that is a number is sent as a number.
        let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
        Some((self.param.clone(), number.map_or_else(|| value.into(), Into::into)))
    }

    pub(super) fn step(&self, at: &mut Position, page: &Page) -> Result<Step, String> {
        let hash = hash_of_new_page(at, page)?;
        let numbers = page.records.iter().filter_map(|record| self.at.text(record));
        let numbers: Vec<String> = numbers.filter(|number| is_number(number)).collect();
        // The last number on the page, not the smallest, which may be pinned at the top.
        let last = numbers.last().cloned();
        if last.is_some() && last.as_deref() == at.value() && page.len() > 1 {
            return Err(format!(
                "page {} ends at the same number as the page before it",
                at.n_pages + 1
            ));
        }
        let newest = numbers.iter().chain(&at.newest).max_by(|a, b| compare_numbers(a, b)).cloned();
        let has_new = numbers.iter().any(|number| {
            let known_up_to = at.known_up_to.as_ref();
            known_up_to.is_none_or(|known| compare_numbers(number, known) == Ordering::Greater)
        });
        at.newest = newest;
        at.note_page(hash);
        if has_new && let Some(last) = last {
            at.next = Some(NextPage::AfterValue(last));
            return Ok(Step { is_last: false, was_read_before: false });
        }
        // The pass is complete: all records up to the newest are known now.
        let newest = [at.known_up_to.take(), at.newest.take()];
        at.known_up_to = newest.into_iter().flatten().max_by(|a, b| compare_numbers(a, b));
        Ok(Step { is_last: true, was_read_before: false })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Compares numbers of any length.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
