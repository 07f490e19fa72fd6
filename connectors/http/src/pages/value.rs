//! Pages by a value of the last record.

use std::cmp::Ordering;

use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{End, Param, Size, Spot, Step, Stop, Walk, new_hash};
use crate::answer::Page;

/// After the last record.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyset {
    /// The parameter that takes the value.
    param: String,
    /// The value, within a record.
    at: Path,
    /// The value for the first page; without it, the first page has no parameter.
    first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: Stop,
}

/// Newest first, back to where the walk before began.
///
/// The mark moves only when the walk is complete: moved at the first page, everything between would
/// be lost when the walk is cut. The walk ends at a page on which everything is known, not at the
/// first known record: a pinned old record comes before new ones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Newest {
    /// The parameter that takes the number of the last record.
    param: String,
    /// The number, within a record.
    at: Path,
    /// The number for the first page; without it, the first page has no parameter.
    first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
}

impl Keyset {
    pub(super) fn param(&self, walk: &Walk) -> Option<Param> {
        let value = walk.value().or(self.first.as_deref())?;
        Some((self.param.clone(), value.into()))
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, String> {
        let hash = new_hash(walk, page)?;
        let last = page.last(&self.at);
        let is_same = last.is_some() && last.as_deref() == walk.value();
        // A source that includes the last record answers with it alone at the end.
        if is_same && page.len() > 1 {
            return Err(format!(
                "page {} ends at the value it began after: `at` of the page is not unique",
                walk.pages + 1
            ));
        }
        let is_last = is_same || last.is_none() || self.stop.is_met(page, walk.rows(), size);
        if let Some(last) = last {
            walk.at = Some(Spot::Value(last));
        }
        walk.passed(hash);
        Ok(Step { end: End::last_if(is_last), is_known: is_same })
    }
}

impl Newest {
    pub(super) fn param(&self, walk: &Walk) -> Option<Param> {
        let value = walk.value().or(self.first.as_deref())?;
        // Sources that take numbers are given numbers.
        let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
        Some((self.param.clone(), number.map_or_else(|| value.into(), Into::into)))
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page) -> Result<Step, String> {
        let hash = new_hash(walk, page)?;
        let numbers = page.records.iter().filter_map(|record| self.at.text(record));
        let numbers: Vec<String> = numbers.filter(|number| is_number(number)).collect();
        // The last in the order of the source: the least may be pinned at the top.
        let last = numbers.last().cloned();
        if last.is_some() && last.as_deref() == walk.value() && page.len() > 1 {
            return Err(format!("page {} does not go back", walk.pages + 1));
        }
        let top = numbers.iter().chain(&walk.top).max_by(|a, b| compare(a, b)).cloned();
        let has_new = numbers.iter().any(|number| {
            walk.mark.as_ref().is_none_or(|mark| compare(number, mark) == Ordering::Greater)
        });
        walk.top = top;
        walk.passed(hash);
        if has_new && let Some(last) = last {
            walk.at = Some(Spot::Value(last));
            return Ok(Step { end: End::More, is_known: false });
        }
        // The walk is complete: everything up to the top is known now.
        let tops = [walk.mark.take(), walk.top.take()];
        walk.mark = tops.into_iter().flatten().max_by(|a, b| compare(a, b));
        Ok(Step { end: End::Last, is_known: false })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Compares numbers of any length.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
