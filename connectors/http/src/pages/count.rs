//! Pages that are requested by page number, or by offset (the number of records before them).

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NextPage, Param, Position, Size, Step, StopRule, hash_of_new_page, position::to_u64};
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
    param: String,
    /// The number of the first page.
    #[serde(default = "contract::default_number::<1>")]
    first: u32,
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

    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize) -> Result<Step, String> {
        // A page was read again; `is_last` is about the page after it, which was read before.
        if let Some(is_last) = at.rereading.take() {
            let was_read_before = at.hash_before.as_deref() == Some(page.hash().as_str());
            return Ok(Step { is_last, was_read_before });
        }
        let hash = hash_of_new_page(at, page)?;
        let is_first = at.offset() == 0;
        let n_read = at.offset().saturating_add(to_u64(size));
        let is_last = self.stop.is_met(page, n_read, size);
        at.next = Some(NextPage::AfterRecords(n_read));
        at.note_page(hash);
        if is_first {
            return Ok(Step { is_last, was_read_before: false });
        }
        at.rereading = Some(is_last);
        Ok(Step { is_last: false, was_read_before: false })
    }

    /// Moves past a page that cannot be read, and returns whether it was the last. If it was being read
    /// again, the position is already behind it.
    pub(super) fn skip(at: &mut Position, size: usize) -> bool {
        at.rereading.take().unwrap_or_else(|| skip_page(at, size))
    }
}

impl Offset {
    pub(super) fn step(&self, at: &mut Position, page: &Page, size: usize) -> Result<Step, String> {
        // A page that is read again may equal the last one, so it is not compared with it.
        let hash = if at.rereading.is_some() { page.hash() } else { hash_of_new_page(at, page)? };
        let n_known = match &at.last_record {
            None => 0,
            Some(last) => page.hashes.iter().position(|hash| hash == last).map_or(0, |at| at + 1),
        };
        let has_shifted = at.last_record.is_some() && n_known == 0 && at.offset() > 0;
        if has_shifted && at.rereading.is_none() {
            let n_back = to_u64(size.max(page.len()).max(1));
            at.next = Some(NextPage::AfterRecords(at.offset().saturating_sub(n_back)));
            // Only once, because the missing record itself may have been deleted.
            at.rereading = Some(false);
            return Ok(Step { is_last: false, was_read_before: false });
        }
        let was_rereading = at.rereading.take().is_some();
        let n_read = at.offset().saturating_add(to_u64(page.len()));
        let has_new = page.len() > n_known;
        // A page that is read again may contain nothing new although pages follow it.
        let is_last = !has_new && !was_rereading || self.stop.is_met(page, n_read, size);
        // Pages of one record cannot overlap.
        let overlap = u64::from(page.len() > 1);
        at.next = Some(NextPage::AfterRecords(n_read.saturating_sub(overlap)));
        at.last_record = if overlap == 1 { page.hashes.last().cloned() } else { None };
        at.note_page(hash);
        Ok(Step { is_last, was_read_before: !has_new })
    }

    /// Moves past a page that cannot be read. Returns `false`, because more pages may follow.
    pub(super) fn skip(at: &mut Position, size: usize) -> bool {
        (at.last_record, at.rereading) = (None, None);
        skip_page(at, size)
    }
}

/// Moves past a page that cannot be read. Returns `false`, because more pages may follow.
fn skip_page(at: &mut Position, size: usize) -> bool {
    at.next = Some(NextPage::AfterRecords(at.offset().saturating_add(to_u64(size))));
    at.note_page(String::new());
    false
}
