//! Pages after the last record of the page before.

use document::Path;

use super::{End, Param, Repeated, Spot, Step, Walk, differs};
use crate::{answer::Page, config::Stop};

/// Pages after the last record.
#[derive(Debug)]
pub(crate) struct Keyset {
    pub(crate) param: String,
    pub(crate) at: Path,
    pub(crate) first: Option<String>,
    pub(crate) stop: Stop,
}

impl Keyset {
    pub(super) fn ask(&self, walk: &Walk) -> Option<Param> {
        let value = walk.value().or(self.first.as_deref())?;
        Some((self.param.clone(), value.into()))
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page, size: usize) -> Result<Step, Repeated> {
        let print = differs(walk, page)?;
        let last = page.last(&self.at);
        let stands_still = last.is_some() && last.as_deref() == walk.value();
        // A source that counts the last record in answers with it alone at the end.
        if stands_still && page.len() > 1 {
            return Err(Repeated(format!(
                "page {} ends at the value it began after: `at` of the page is not unique",
                walk.pages + 1
            )));
        }
        let read = walk.rows();
        let is_last = stands_still || last.is_none() || self.stop.is_met(page, read, size);
        if let Some(last) = last {
            walk.at = Some(Spot::Value(last));
        }
        walk.passed(print);
        Ok(Step { end: if is_last { End::Last } else { End::More }, is_known: stands_still })
    }
}
