//! Pages that begin after a value of the last record.

use std::cmp::Ordering;

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    NextPage, Param, Position, Said, Size, Step, StopRule, border::Border, newest::compare,
    position::to_u64,
};
use crate::answer::Page;

/// Pages that begin after the last record of the previous page.
///
/// Values should be unique. A page is requested after the last value but one, so that it begins with all
/// records that have the last value.
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
        let values: Vec<String> =
            page.records.iter().filter_map(|record| self.at.text(record)).collect();
        let border = Border::new(at, &values, page, size);
        // This pass begins before the last record of the pass before, so at least that one should come again.
        let lost = at.n_pages == 0 && at.resume.is_some() && page.is_empty();
        let seen = at.note_cycle(page, "");
        let known = at.last_record.as_ref().and_then(|last| page.index_of(last));
        let n_new = page.len() - known.map_or(0, |at| at + 1);
        at.note_records(page.len(), page.n_listed());
        at.n_records += to_u64(n_new);
        at.last_record = page.last_state();
        let end = self.stop.end(at, (page, size), page.len(), said).or(at.end_of_circle());
        at.note_page(page.hash());
        let Some(border) = border else {
            // Nothing came after the position: the next pass begins there again, or reads everything.
            if lost {
                at.resume = None;
            } else if at.resume.is_none() && at.n_pages == 1 {
                at.resume = at.value().map(str::to_owned);
            }
            let gap = (!page.is_empty()).then(|| {
                format!("no record of page {} has a value at {}", at.n_pages, self.at.as_str())
            });
            let doubt = lost.then(|| vanished(&self.at));
            let end = end.or(page.is_empty().then_some(EndedBy::Empty));
            return Step { end: end.or(Some(EndedBy::Unstated)), gap, doubt, ..Step::default() };
        };
        let can_continue = end.is_none() && !seen.page;
        if can_continue && border.enlarge(at, size, self.size.as_ref()) {
            return Step::default();
        }
        let gap = border.gap(at.n_pages, &self.at).filter(|_| end != Some(EndedBy::NoMore));
        let gap = self.disorder(&values, at).or(gap);
        let is_stuck = at.value() == Some(border.last);
        // A source that returns the record after which the page begins has nothing else.
        let end = end.or((is_stuck && border.before.is_none()).then_some(EndedBy::Empty));
        let begins_after = at.value().filter(|value| *value != border.last);
        let resume = border.before.or(begins_after).map(str::to_owned);
        at.resume = resume.or(at.resume.take());
        at.next = Some(NextPage::AfterValue(border.next(at).to_owned()));
        Step { end, was_read_before: is_stuck && page.len() == 1, gap, ..Step::default() }
    }

    /// What is wrong with the order of the values of a page that was requested at `at`: it must be the same
    /// for all of them, in one of the ways in which sources order values.
    fn disorder(&self, values: &[String], at: &Position) -> Option<String> {
        let own: Vec<&str> =
            at.value().into_iter().chain(values.iter().map(String::as_str)).collect();
        let lower: Vec<String> = own
            .iter()
            .map(|value| value.to_lowercase())
            // `10:00:01z` is before `10:00:01.5z`.
            .map(|value| value.strip_suffix('z').map_or(value.clone(), str::to_owned))
            .collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let has_both = |values: &[&str], compare: fn(&str, &str) -> Ordering| {
            let pairs = || values.iter().zip(values.iter().skip(1)).map(|(a, b)| compare(a, b));
            pairs().any(Ordering::is_lt) && pairs().any(Ordering::is_gt)
        };
        let by_text: fn(&str, &str) -> Ordering = |a, b| a.cmp(b);
        let is_wrong = has_both(&lower, compare)
            && has_both(&lower, by_text)
            && has_both(&own, by_text)
            && has_both(&own, by_number);
        is_wrong.then(|| {
            format!("the values at {} are not in order on page {}", self.at.as_str(), at.n_pages)
        })
    }
}

/// Compares values as numbers, which may be negative; what is none is compared as text.
fn by_number(a: &str, b: &str) -> Ordering {
    let numbers = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
    numbers.map_or_else(|| a.cmp(b), |(a, b)| a.total_cmp(&b))
}

/// What to say if the last record of the pass before is no longer there. This is no gap: a list of open
/// demands loses those that are settled.
pub(super) fn vanished(at: &Path) -> String {
    format!(
        "the source no longer has the last record of the passes before: the values at {} may have begun anew, \
         so everything is read again",
        at.as_str()
    )
}
