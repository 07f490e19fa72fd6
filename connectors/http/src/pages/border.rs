//! Where the next page begins if records at the border of two pages have the same value.
//!
//! A request after the last value of a page would miss records that follow and have the same value. So a
//! page is requested after the last value but one: it begins with all records that have the last value.

use document::Path;

use super::{Position, Size};
use crate::answer::Page;

/// Maximum number of records to request, if more than a page of them have the same value.
const MAX_SIZE: usize = 10_000;

/// The values at the end of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Border<'a> {
    pub(super) last: &'a str,
    /// The last value that differs from it; `None` if all are equal.
    pub(super) before: Option<&'a str>,
    /// All records have the same value, and more of them may follow than the page has room for.
    fills_page: bool,
}

impl<'a> Border<'a> {
    /// The border of a page with these values, which was requested at `at`; `None` if it has none.
    pub(super) fn new(
        at: &Position,
        values: &'a [String],
        page: &Page,
        size: usize,
    ) -> Option<Self> {
        let last = values.last()?;
        let before = values.iter().rev().find(|value| *value != last);
        let is_full = page.n_listed() >= size || at.n_pages > 0 && page.n_listed() == at.largest;
        let fills_page = before.is_none() && page.len() > 1 && is_full;
        Some(Self { last, before: before.map(String::as_str), fills_page })
    }

    /// The value after which the next page begins, if this one was requested at `at`.
    pub(super) fn next(&self, at: &Position) -> &'a str {
        // Some sources include the value after which a page begins.
        self.before.filter(|before| Some(*before) != at.value()).unwrap_or(self.last)
    }

    /// Requests the same page with more records if that helps, else as many as `given` in the settings.
    /// Returns whether it helps.
    pub(super) fn enlarge(&self, at: &mut Position, size: usize, given: Option<&Size>) -> bool {
        let Some(given) = given.map(Size::records) else { return false };
        // After an answer that was too large, fewer records than in the settings are requested.
        let can_enlarge = size >= given && size < MAX_SIZE;
        if self.fills_page && can_enlarge {
            at.size = Some(size.saturating_mul(2).min(MAX_SIZE));
            return true;
        }
        if self.before.is_some() {
            at.size = at.size.filter(|size| *size <= given);
        }
        false
    }

    /// What to say if more records with the same value may follow page `page_no`.
    pub(super) fn gap(&self, page_no: u64, at: &Path) -> Option<String> {
        self.fills_page.then(|| {
            format!(
                "page {page_no} has only records with the same value at {}; more of them may follow, and \
                 cannot be requested: raise `size`, or sort by a unique value",
                at.as_str()
            )
        })
    }
}
