//! Pages by number.
//!
//! A record that goes away, or moves to the end because it was updated, moves the first record of
//! every later page to the page before, which was read already. Nothing in the next page shows it.
//! So after each page the one before it is read once more: what has moved stands there now.

use super::{End, Param, Repeated, Spot, Step, Walk, differs, walk::wide};
use crate::{answer::Page, config::Stop};

/// Pages by number.
#[derive(Debug)]
pub(crate) struct Number {
    pub(crate) param: String,
    pub(crate) first: u32,
    pub(crate) stop: Stop,
}

impl Number {
    pub(super) fn ask(&self, walk: &Walk, size: usize) -> Param {
        let rows = match walk.back {
            None => walk.rows(),
            // The page before the one that was passed last.
            Some(_) => walk.rows().saturating_sub(2 * wide(size)),
        };
        let number = u64::from(self.first) + rows / wide(size).max(1);
        (self.param.clone(), number.into())
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, Repeated> {
        if let Some(end) = walk.back.take() {
            let is_known = walk.print_before.as_deref() == Some(page.print().as_str());
            return Ok(Step { end, is_known });
        }
        let print = differs(walk, page)?;
        let is_first = walk.rows() == 0;
        let read = walk.rows().saturating_add(wide(size));
        let is_last = self.stop.is_met(page, read, size);
        walk.at = Some(Spot::Rows(read));
        walk.passed(print);
        let end = if is_last { End::Last } else { End::More };
        if is_first {
            return Ok(Step { end, is_known: false });
        }
        walk.back = Some(end);
        Ok(Step { end: End::More, is_known: false })
    }

    pub(super) fn skip(&self, walk: &mut Walk, size: usize) -> End {
        if let Some(end) = walk.back.take() {
            return end;
        }
        walk.at = Some(Spot::Rows(walk.rows().saturating_add(wide(size))));
        walk.passed(String::new());
        End::More
    }
}
