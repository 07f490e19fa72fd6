//! Pages that begin after a value of the last record.

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Param, Position, Said, Size, Step, StopRule, position::to_u64};
use crate::answer::Page;

/// Maximum number of records to request, if more than a page of them have the same value.
const MAX_SIZE: usize = 10_000;

/// Pages that begin after the last record of the previous page.
///
/// Values should be unique. If the last record of a page shares its value with records that follow, a request
/// after that value would miss them. So a page is requested after the last value but one: it begins
/// with all records that have the last value.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyset {
    /// The parameter for the value of the last record.
    pub(super) param: String,
    /// Where the value is in a record.
    pub(super) at: Path,
    /// The value for the first page; without it, the first page has no parameter.
    pub(super) first: Option<String>,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: StopRule,
}

impl Keyset {
    pub(super) fn param(&self, at: &Position) -> Option<Param> {
        let value = at.value().or(self.first.as_deref())?;
        Some((self.param.clone(), value.into()))
    }

    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize, said: Said) -> Step {
        let seen = at.note_cycle(page, "");
        let values: Vec<String> =
            page.records.iter().filter_map(|record| self.at.text(record)).collect();
        let last_record = at.last_record.as_ref();
        let known = page.hashes.iter().position(|hash| Some(hash) == last_record);
        let n_new = page.len() - known.map_or(0, |at| at + 1);
        let largest_before = at.largest;
        at.note_records(page.len(), page.len());
        at.n_records += to_u64(n_new);
        at.last_record = page.hashes.last().cloned();
        let end = self.stop.end(at, (page, size), page.len(), said).or(at.end_of_circle());
        let n_pages = at.n_pages;
        at.note_page(page.hash());
        let Some(last) = values.last() else {
            let gap = (!page.is_empty()).then(|| {
                format!("no record of page {} has a value at {}", n_pages + 1, self.at.as_str())
            });
            let end = end.or(page.is_empty().then_some(EndedBy::Empty));
            return Step { end: end.or(Some(EndedBy::Unstated)), gap, ..Step::default() };
        };
        let before = values.iter().rev().find(|value| *value != last);
        let begins_after = at.value().map(str::to_owned);
        let is_stuck = begins_after.as_ref() == Some(last);
        // All values are equal, so more records may have this value than the page has room for.
        let fills_page = before.is_none()
            && page.len() > 1
            && (page.len() >= size || n_pages > 0 && page.len() == largest_before);
        if fills_page && end.is_none() && !seen.page && self.can_enlarge(size) {
            at.size = Some(size.saturating_mul(2).min(MAX_SIZE));
            return Step::default();
        }
        let gap = fills_page.then(|| {
            format!(
                "page {} has only records with the same value at {}; more of them may follow, and \
                 cannot be requested: raise `size`, or sort by a unique value",
                n_pages + 1,
                self.at.as_str()
            )
        });
        // A source that returns the record after which the page begins has nothing else.
        let end = end.or((is_stuck && before.is_none()).then_some(EndedBy::Empty));
        let next = match before {
            Some(before) if end.is_none() && Some(before) != begins_after.as_ref() => before,
            _ => last,
        };
        at.next = Some(NextPage::AfterValue(next.clone()));
        if before.is_some() {
            // The number of records is the configured one again.
            at.size = at.size.filter(|size| !self.is_enlarged(*size));
        }
        Step { end, was_read_before: is_stuck && page.len() == 1, gap, ..Step::default() }
    }

    /// Whether more records can be requested than `size`: not if an answer was too large before.
    fn can_enlarge(&self, size: usize) -> bool {
        let is_given = self.size.as_ref().is_some_and(|given| size >= given.records());
        is_given && size < MAX_SIZE
    }

    fn is_enlarged(&self, size: usize) -> bool {
        self.size.as_ref().is_some_and(|given| size > given.records())
    }
}
