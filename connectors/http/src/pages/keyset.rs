//! Pages that begin after a value of the last record.

use std::cmp::Ordering;

use contract::EndedBy;
use document::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

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
        let disorder = self.disorder(&values, page, at);
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
            let gap = gap.or(disorder);
            let doubt = lost.then(|| vanished(&self.at));
            let end = end.or(page.is_empty().then_some(EndedBy::Empty));
            return Step { end: end.or(Some(EndedBy::Unstated)), gap, doubt, ..Step::default() };
        };
        let can_continue = end.is_none() && !seen.page;
        if can_continue && border.enlarge(at, size, self.size.as_ref()) {
            return Step { gap: disorder, ..Step::default() };
        }
        let gap = border.gap(at.n_pages, &self.at).filter(|_| end != Some(EndedBy::NoMore));
        let gap = disorder.or(gap);
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
    /// for all of them, in one of the ways in which sources order values. Notes whether they descend.
    ///
    /// A list may descend if the parameter asks for what is below a value. If it asks for what is above one,
    /// the page behind one that descends goes up again, or has nothing, not even the last record.
    fn disorder(&self, values: &[String], page: &Page, at: &mut Position) -> Option<String> {
        let own: Vec<&str> = values.iter().map(String::as_str).collect();
        let from_start: Vec<&str> = at.value().into_iter().chain(own.iter().copied()).collect();
        let is_number = |record| self.at.first(record).is_some_and(Value::is_number);
        // Numbers are hardly ever sorted as texts, in which 10 is before 9.
        let orders = match page.records.iter().all(is_number) {
            true => &[Order::Signed][..],
            false => &Order::ALL,
        };
        let is_mixed =
            Order::ALL.iter().all(|order| order.rises(&from_start) && order.falls(&from_start));
        let goes_up = orders.iter().all(|order| order.rises(&from_start));
        let falls_everywhere = Order::ALL.iter().all(|order| order.falls(&own));
        let descends = falls_everywhere
            || orders.len() == 1
                && orders.iter().all(|order| order.falls(&own) && !order.rises(&own));
        let had_descended = std::mem::replace(&mut at.descends, descends);
        let is_wrong = is_mixed || had_descended && (goes_up || page.is_empty());
        is_wrong.then(|| self.unsorted(at))
    }

    /// What to say if the values of the page that was read last are not in order.
    pub(super) fn unsorted(&self, at: &Position) -> String {
        format!("the values at {} are not in order on page {}", self.at.as_str(), at.n_pages)
    }
}

/// A way in which sources order values.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// By the number at their end, without regard to case.
    Number,
    /// As texts, without regard to case.
    Folded,
    /// As texts.
    Text,
    /// As numbers, which may be negative.
    Signed,
}

impl Order {
    const ALL: [Self; 4] = [Self::Number, Self::Folded, Self::Text, Self::Signed];

    /// Whether a value is followed by a greater one.
    fn rises(self, values: &[&str]) -> bool {
        self.has(values, Ordering::Less)
    }

    /// Whether a value is followed by a smaller one.
    fn falls(self, values: &[&str]) -> bool {
        self.has(values, Ordering::Greater)
    }

    fn has(self, values: &[&str], wanted: Ordering) -> bool {
        values.iter().zip(values.iter().skip(1)).any(|(a, b)| self.compare(a, b) == wanted)
    }

    fn compare(self, a: &str, b: &str) -> Ordering {
        match self {
            Self::Number => compare(&folded(a), &folded(b)),
            Self::Folded => folded(a).cmp(&folded(b)),
            Self::Text => a.cmp(b),
            Self::Signed => by_number(a, b),
        }
    }
}

/// A value without regard to case. `10:00:01z` is before `10:00:01.5z`.
fn folded(value: &str) -> String {
    let lower = value.to_lowercase();
    lower.strip_suffix('z').map_or_else(|| lower.clone(), str::to_owned)
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
