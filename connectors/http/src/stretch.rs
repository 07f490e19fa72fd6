//! Which stretch of the records a walk goes through, and where the next one begins. Pure.
//!
//! A bound moves when a walk is complete, and not before. It never comes nearer to the source's own
//! now than the overlap: a record whose time is in the future, or a clock of the source that was
//! put back, must not carry it past records that are still to come.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use contract::{Fault, TimeRange, Timestamp};
use document::Path;
use serde_json::Value;

use crate::{
    cursor::Place,
    pages::Param,
    time::{TimeForm, before, delta},
};

/// How records are asked for.
#[derive(Debug)]
pub(crate) enum Stretch {
    /// All of them, each time; or by position alone.
    Whole,
    /// From a time on, or between two times.
    Since(Box<SinceRule>),
    /// By the day.
    Day(DayRule),
}

/// From a time on.
#[derive(Debug)]
pub(crate) struct SinceRule {
    pub(crate) param: String,
    pub(crate) form: TimeForm,
    pub(crate) overlap: Duration,
    /// The time of a record, and how it is written.
    pub(crate) at: Option<(Path, TimeForm)>,
    pub(crate) start: Option<NaiveDate>,
    pub(crate) until: Option<UntilRule>,
    /// All that is to be read, where somebody asked for a stretch of time.
    pub(crate) range: Option<TimeRange>,
}

/// The other end of a window.
#[derive(Debug)]
pub(crate) struct UntilRule {
    pub(crate) param: String,
    pub(crate) span: Duration,
}

/// By the day.
#[derive(Debug)]
pub(crate) struct DayRule {
    pub(crate) param: String,
    pub(crate) form: TimeForm,
    pub(crate) start: NaiveDate,
    pub(crate) closes: Duration,
    /// All that is to be read, where somebody asked for a stretch of time.
    pub(crate) range: Option<TimeRange>,
}

impl Stretch {
    /// Reads what lies in `range` from now on, and nothing else.
    pub(crate) fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        match self {
            Self::Whole => {
                return Err(Fault::stopped("the source cannot be asked for a stretch of time")
                    .remedy("add `since` or `day` where it takes a time in its request"));
            }
            Self::Since(rule) if rule.until.is_none() && range.to().is_some() => {
                return Err(Fault::stopped("the source cannot be asked until when")
                    .remedy("leave out --to, or add `until` to `since` where it takes an end"));
            }
            Self::Since(rule) => rule.range = Some(range),
            Self::Day(rule) => rule.range = Some(range),
        }
        Ok(())
    }

    /// Begins a walk.
    pub(crate) fn begin(&self, place: &mut Place, now: Timestamp) {
        place.began = Some(now);
        match self {
            Self::Whole => {}
            Self::Since(rule) => {
                let mut latest = now;
                if let Some(range) = rule.range {
                    place.since.get_or_insert(range.from());
                    latest = range.to().unwrap_or(now);
                } else {
                    let start = rule.start.map(|day| rule.form.midnight(day));
                    // A clock that was put back takes the bound with it.
                    let bound = before(now, rule.overlap);
                    place.since = place.since.or(start).map(|since| since.min(bound));
                }
                let end = |until: &UntilRule| {
                    place.since.map_or(latest, |since| until.end(since, latest))
                };
                place.until = rule.until.as_ref().map(end);
            }
            Self::Day(DayRule { range: Some(range), form, .. }) => {
                place.day.get_or_insert(form.day(range.from()));
            }
            Self::Day(rule) => {
                let today = rule.form.day(now);
                let next = place.day.or_else(|| rule.open(place)).unwrap_or(rule.start);
                place.day = Some(next.min(today).max(rule.start));
            }
        }
    }

    /// The parameters of the walk under way.
    pub(crate) fn params(&self, place: &Place) -> Vec<Param> {
        match self {
            Self::Whole => Vec::new(),
            Self::Since(rule) => {
                let since = place.since.map(|since| (&rule.param, rule.form.write_bound(since)));
                let until = rule.until.as_ref().zip(place.until);
                let until = until.map(|(to, until)| (&to.param, rule.form.write(until)));
                since.into_iter().chain(until).map(|(name, value)| (name.clone(), value)).collect()
            }
            Self::Day(rule) => {
                let day = place.day.unwrap_or(rule.start);
                vec![(rule.param.clone(), rule.form.write_day(day))]
            }
        }
    }

    /// Looks at the records of a page.
    pub(crate) fn look(&self, place: &mut Place, records: &[Value]) {
        let Self::Since(rule) = self else { return };
        let Some((at, form)) = &rule.at else { return };
        let times = records.iter().filter_map(|record| form.read(at.first(record)?));
        place.seen = times.chain(place.seen).max();
    }

    /// Ends the walk under way. Whether another one follows at once.
    pub(crate) fn complete(&self, place: &mut Place) -> bool {
        let Some(began) = place.began.take() else { return false };
        match self {
            Self::Whole => false,
            Self::Since(rule) => rule.complete(place, began),
            Self::Day(rule) => rule.complete(place, began),
        }
    }

    /// Where a walk over the last `days` begins; `None` where the stretch has no times.
    pub(crate) fn back(&self, days: u32, now: Timestamp) -> Option<Place> {
        let since = before(now, Duration::from_secs(u64::from(days) * 86_400));
        match self {
            Self::Whole => None,
            Self::Since(_) => Some(Place { since: Some(since), ..Place::default() }),
            Self::Day(rule) => {
                let closed = rule.form.day(since).pred_opt();
                Some(Place { closed, ..Place::default() })
            }
        }
    }
}

impl UntilRule {
    /// The end of a window that begins at `since`.
    fn end(&self, since: Timestamp, latest: Timestamp) -> Timestamp {
        let longest = since.checked_add_signed(delta(self.span));
        longest.map_or(latest, |longest| longest.min(latest))
    }
}

impl SinceRule {
    fn complete(&self, place: &mut Place, began: Timestamp) -> bool {
        let until = place.until.take();
        if let Some(range) = self.range {
            place.since = until.or(place.since);
            return until.is_some_and(|reached| reached < range.to().unwrap_or(began));
        }
        let reached = until.unwrap_or(began).min(began);
        let latest = before(began, self.overlap);
        if reached < latest {
            // A window in the past. Both ends belong to it, so the next one begins at this end.
            place.since = Some(reached);
            return true;
        }
        let newest = match self.at {
            None => Some(reached),
            // The source's clock and the times of its records may not be the same clock.
            Some(_) => place.seen.map(|seen| seen.min(reached)),
        };
        let bound = newest.map(|newest| before(newest, self.overlap));
        // A window that has passed quiet months must not go back to the last record before them.
        place.since = match (until, place.since, bound) {
            (Some(_), Some(since), bound) => {
                Some(bound.map_or(since, |b| b.max(since)).min(latest))
            }
            (_, since, bound) => bound.or(since),
        };
        false
    }
}

impl DayRule {
    /// The last day there is to read.
    fn last(&self, began: Timestamp) -> NaiveDate {
        let today = self.form.day(began);
        let end = self.range.and_then(|range| range.to());
        end.map_or(today, |end| self.form.day(before(end, Duration::from_nanos(1))).min(today))
    }

    /// The first day that is not closed.
    fn open(&self, place: &Place) -> Option<NaiveDate> {
        place.closed?.succ_opt()
    }

    fn complete(&self, place: &mut Place, began: Timestamp) -> bool {
        let Some(day) = place.day.take() else { return false };
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let over = self.form.midnight(next).checked_add_signed(delta(self.closes));
        let is_closed = over.is_some_and(|over| began >= over);
        let is_first_open = self.open(place).unwrap_or(self.start) == day;
        if is_closed && is_first_open {
            place.closed = Some(day);
        }
        let has_more = next <= self.last(began);
        place.day = has_more.then_some(next);
        has_more
    }
}

#[cfg(test)]
mod tests;
