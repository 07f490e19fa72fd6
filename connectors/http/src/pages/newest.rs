//! Newest first, back to where the walk before began.
//!
//! The mark moves when the walk is complete, and not before: whoever moves it at the first page
//! loses everything between when the walk is cut. It ends at a page on which everything is known,
//! not at the first known record: a pinned old one stands in front of new ones.

use std::cmp::Ordering;

use document::Path;

use super::{End, Param, Repeated, Spot, Step, Walk, differs};
use crate::answer::Page;

/// Newest first.
#[derive(Debug)]
pub(crate) struct Newest {
    pub(crate) param: String,
    pub(crate) at: Path,
    pub(crate) first: Option<String>,
}

impl Newest {
    pub(super) fn ask(&self, walk: &Walk) -> Option<Param> {
        let value = walk.value().or(self.first.as_deref())?;
        // Sources that take numbers are given numbers.
        let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
        Some((self.param.clone(), number.map_or_else(|| value.into(), Into::into)))
    }

    pub(super) fn pass(&self, walk: &mut Walk, page: &Page) -> Result<Step, Repeated> {
        let print = differs(walk, page)?;
        let numbers = page.records.iter().filter_map(|record| self.at.text(record));
        let numbers: Vec<String> = numbers.filter(|number| is_number(number)).collect();
        // The last in the order of the source: the least may be pinned in front.
        let last = numbers.last().cloned();
        if last.is_some() && last.as_deref() == walk.value() && page.len() > 1 {
            return Err(Repeated(format!("page {} does not go back", walk.pages + 1)));
        }
        let top = numbers.iter().chain(&walk.top).max_by(|a, b| compare(a, b)).cloned();
        let is_new = |number: &String| {
            walk.mark.as_ref().is_none_or(|mark| compare(number, mark) == Ordering::Greater)
        };
        let has_new = numbers.iter().any(is_new);
        walk.top = top;
        walk.passed(print);
        if has_new && let Some(last) = last {
            walk.at = Some(Spot::Value(last));
            return Ok(Step { end: End::More, is_known: false });
        }
        // Complete: everything up to the top is known now.
        let tops = [walk.mark.take(), walk.top.take()];
        walk.mark = tops.into_iter().flatten().max_by(|a, b| compare(a, b));
        Ok(Step { end: End::Last, is_known: false })
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Numbers of any length.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}
