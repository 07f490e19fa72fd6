//! Pages by the number of records before them.
//!
//! Each page begins with the last record of the one before. Where that record is missing, records
//! in front of it have gone away: the walk goes back by a page and finds it.

use super::{End, Param, Repeated, Spot, Step, Walk, differs, walk::wide};
use crate::{answer::Page, config::Stop};

/// Pages by the number of records before them.
#[derive(Debug)]
pub(crate) struct Offset {
    pub(crate) param: String,
    pub(crate) stop: Stop,
}

impl Offset {
    pub(super) fn ask(&self, walk: &Walk) -> Param {
        (self.param.clone(), walk.rows().into())
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, Repeated> {
        // A page that is read again on purpose may well be the same.
        let print = if walk.back.is_some() { page.print() } else { differs(walk, page)? };
        let known = match &walk.last {
            None => 0,
            Some(last) => page.names.iter().position(|name| name == last).map_or(0, |at| at + 1),
        };
        let has_shifted = walk.last.is_some() && known == 0 && walk.rows() > 0;
        if has_shifted && walk.back.is_none() {
            let step = wide(size.max(page.len()).max(1));
            walk.at = Some(Spot::Rows(walk.rows().saturating_sub(step)));
            // Only once: the record itself may be what has gone away.
            walk.back = Some(End::More);
            return Ok(Step { end: End::More, is_known: false });
        }
        let was_back = walk.back.take().is_some();
        let read = walk.rows().saturating_add(wide(page.len()));
        let has_new = page.len() > known;
        // A page that was gone back to ends where the walk was: what comes after is not known yet.
        let is_last = !has_new && !was_back || self.stop.is_met(page, read, size);
        // A page of one record has no room for an overlap.
        let overlap = u64::from(page.len() > 1);
        walk.at = Some(Spot::Rows(read.saturating_sub(overlap)));
        walk.last = if overlap == 1 { page.names.last().cloned() } else { None };
        walk.passed(print);
        Ok(Step { end: if is_last { End::Last } else { End::More }, is_known: !has_new })
    }

    pub(super) fn skip(&self, walk: &mut Walk, size: usize) -> End {
        walk.at = Some(Spot::Rows(walk.rows().saturating_add(wide(size))));
        walk.last = None;
        walk.back = None;
        walk.passed(String::new());
        End::More
    }
}
