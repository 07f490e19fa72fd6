//! Pages by a count: their number, or the number of records before them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{End, Param, Size, Spot, Step, Stop, Walk, new_hash, walk::wide};
use crate::answer::Page;

/// By its number.
///
/// A record that is deleted, or moves to the end because it was updated, moves the first record of
/// every later page to the page before, which was read already. The next page does not show it. So
/// after each page the one before it is read once more: moved records are there now.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Number {
    /// The parameter that takes the number.
    param: String,
    /// Number of the first page.
    #[serde(default = "one")]
    first: u32,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: Stop,
}

/// By the number of records before it.
///
/// Each page begins with the last record of the one before. Where that record is missing, records
/// before it were deleted: the walk goes back by a page and finds it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Offset {
    /// The parameter that takes the number.
    pub(super) param: String,
    /// How many records a page has.
    pub(super) size: Option<Size>,
    /// Which page is the last.
    #[serde(default)]
    pub(super) stop: Stop,
}

impl Number {
    pub(super) fn param(&self, walk: &Walk, size: usize) -> Param {
        let rows = match walk.back {
            None => walk.rows(),
            // The page before the one that was passed last.
            Some(_) => walk.rows().saturating_sub(2 * wide(size)),
        };
        let number = u64::from(self.first) + rows / wide(size).max(1);
        (self.param.clone(), number.into())
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, String> {
        if let Some(end) = walk.back.take() {
            let is_known = walk.print_before.as_deref() == Some(page.hash().as_str());
            return Ok(Step { end, is_known });
        }
        let hash = new_hash(walk, page)?;
        let is_first = walk.rows() == 0;
        let read = walk.rows().saturating_add(wide(size));
        let end = End::last_if(self.stop.is_met(page, read, size));
        walk.at = Some(Spot::Rows(read));
        walk.passed(hash);
        if is_first {
            return Ok(Step { end, is_known: false });
        }
        walk.back = Some(end);
        Ok(Step { end: End::More, is_known: false })
    }

    pub(super) fn skip(walk: &mut Walk, size: usize) -> End {
        walk.back.take().unwrap_or_else(|| skip(walk, size))
    }
}

impl Offset {
    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, String> {
        // A page that is read again on purpose may be the same.
        let hash = if walk.back.is_some() { page.hash() } else { new_hash(walk, page)? };
        let known = match &walk.last {
            None => 0,
            Some(last) => page.names.iter().position(|name| name == last).map_or(0, |at| at + 1),
        };
        let has_shifted = walk.last.is_some() && known == 0 && walk.rows() > 0;
        if has_shifted && walk.back.is_none() {
            let step = wide(size.max(page.len()).max(1));
            walk.at = Some(Spot::Rows(walk.rows().saturating_sub(step)));
            // Only once: that record may be the one that was deleted.
            walk.back = Some(End::More);
            return Ok(Step { end: End::More, is_known: false });
        }
        let was_back = walk.back.take().is_some();
        let read = walk.rows().saturating_add(wide(page.len()));
        let has_new = page.len() > known;
        // After going back, the page ends where the walk was before: more may follow.
        let is_last = !has_new && !was_back || self.stop.is_met(page, read, size);
        // A page of one record has no room for an overlap.
        let overlap = u64::from(page.len() > 1);
        walk.at = Some(Spot::Rows(read.saturating_sub(overlap)));
        walk.last = if overlap == 1 { page.names.last().cloned() } else { None };
        walk.passed(hash);
        Ok(Step { end: End::last_if(is_last), is_known: !has_new })
    }

    pub(super) fn skip(walk: &mut Walk, size: usize) -> End {
        (walk.last, walk.back) = (None, None);
        skip(walk, size)
    }
}

/// Moves past a page that cannot be read.
fn skip(walk: &mut Walk, size: usize) -> End {
    walk.at = Some(Spot::Rows(walk.rows().saturating_add(wide(size))));
    walk.passed(String::new());
    End::More
}

fn one() -> u32 {
    1
}
