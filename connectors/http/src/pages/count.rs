//! Pages that are requested by page number, or by offset (the number of records before them).

use contract::EndedBy;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Param, Position, Said, Size, Step, StopRule, position::to_u64};
use crate::answer::Page;

/// Pages that are requested by number.
///
/// When a record is deleted, or moves to the end because it was updated, the records behind it move forward
/// by one. One of them moves from the next page to a page that was already read, and would be missed. So
/// after each page, the page before it is read again: it now contains the records that moved.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Number {
    /// The parameter whose value is the page number.
    pub(super) param: String,
    /// The number of the first page.
    #[serde(default = "contract::default_number::<1>")]
    pub(super) first: u32,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: StopRule,
}

/// Pages that are requested by the number of records before them.
///
/// Each request begins one record early, so that a page starts with the last record of the previous one. If
/// that record is missing, records before it were deleted: then the previous page, which now contains the
/// records that moved, is read again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offset {
    /// The parameter whose value is the offset: the number of records before the page.
    pub(super) param: String,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: StopRule,
}

impl Number {
    pub(super) fn param(&self, at: &Position, size: usize) -> Param {
        let n_records = match at.rereading {
            None => at.offset(),
            // The page before the one that was read last.
            Some(_) => at.offset().saturating_sub(2 * to_u64(size)),
        };
        let number = u64::from(self.first) + n_records / to_u64(size).max(1);
        (self.param.clone(), number.into())
    }

    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize, said: Said) -> Step {
        // A page was read again; `ends` is about the page after it, which was read before.
        if let Some(is_last) = at.rereading.take() {
            let ends = at.ends.take();
            let end = is_last.then(|| ends.unwrap_or(EndedBy::Unstated));
            let is_same = at.hash_before.as_deref() == Some(page.hash().as_str());
            let was_read_before = is_same && page.hashes_all();
            return Step { end, was_read_before, ..Step::default() };
        }
        let is_first = at.offset() == 0;
        let seen = at.note_cycle(page, "");
        if !seen.page {
            at.n_records += to_u64(page.len());
        }
        let n_new = if page.is_remark(at.largest.max(size)) { 0 } else { page.len() };
        at.note_records(n_new, page.n_listed());
        let end = self.stop.end(at, (page, size), n_new, said).or(at.end_of_circle());
        at.next = Some(NextPage::AfterRecords(at.offset().saturating_add(to_u64(size))));
        at.note_page(page.hash());
        if is_first || seen.page {
            return Step { end, ..Step::default() };
        }
        (at.rereading, at.ends) = (Some(end.is_some()), end);
        Step::default()
    }

    /// Moves past a page that cannot be read, and returns how the walk ends there. If the page was being
    /// read again, the position is already behind it.
    pub(super) fn skip(at: &mut Position, size: usize) -> Option<EndedBy> {
        match at.rereading.take() {
            Some(is_last) => is_last.then(|| at.ends.take().unwrap_or(EndedBy::Unstated)),
            None => skip_page(at, size),
        }
    }
}

impl Offset {
    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize, said: Said) -> Step {
        let n_known = match &at.last_record {
            None => 0,
            Some(last) => page.index_of(last).map_or(0, |at| at + 1),
        };
        let has_shifted = at.last_record.is_some() && n_known == 0 && at.offset() > 0;
        if has_shifted && at.rereading.is_none() {
            let n_back = to_u64(size.max(page.len()).max(1));
            at.next = Some(NextPage::AfterRecords(at.offset().saturating_sub(n_back)));
            // Only once, because the missing record itself may have been deleted.
            at.rereading = Some(false);
            return Step::default();
        }
        let was_rereading = at.rereading.take().is_some();
        let n_new = page.len() - n_known;
        let mut n_read = at.offset().saturating_add(to_u64(page.len()));
        let is_remark = page.is_remark(at.largest.max(size));
        // A page that is read again may contain nothing new although pages follow it.
        let n_relevant = if is_remark { 0 } else { n_new }.max(usize::from(was_rereading));
        if was_rereading {
            at.note_records(1, page.n_listed());
        } else {
            at.note_cycle(page, "");
            at.note_records(n_relevant, page.n_listed());
        }
        at.n_records = n_read;
        let end = self.stop.end(at, (page, size), n_relevant, said).or(at.end_of_circle());
        // A page without new records is not the last, by the answer.
        if n_relevant == 0 && end.is_none() {
            n_read = n_read.saturating_add(to_u64(size.max(at.largest)));
        }
        // Pages of one record cannot overlap. After a page that was read again in vain, the next one is not
        // compared, so that the walk does not go back for ever.
        let overlaps = page.len() > 1 && n_new > 0 && !(was_rereading && n_known == 0);
        at.next = Some(NextPage::AfterRecords(n_read.saturating_sub(u64::from(overlaps))));
        at.last_record = page.last_state().filter(|_| overlaps);
        at.note_page(page.hash());
        let is_repeated = end == Some(EndedBy::Empty) && at.n_repeats > 0;
        let end = if is_repeated { Some(EndedBy::Repeated) } else { end };
        Step { end, was_read_before: n_new == 0, ..Step::default() }
    }

    /// Moves past a page that cannot be read. Returns `None`, because more pages may follow.
    pub(super) fn skip(at: &mut Position, size: usize) -> Option<EndedBy> {
        (at.last_record, at.rereading) = (None, None);
        skip_page(at, size)
    }
}

/// Moves past a page that cannot be read. Returns `None`, because more pages may follow.
fn skip_page(at: &mut Position, size: usize) -> Option<EndedBy> {
    at.next = Some(NextPage::AfterRecords(at.offset().saturating_add(to_u64(size))));
    at.note_page(String::new());
    None
}
