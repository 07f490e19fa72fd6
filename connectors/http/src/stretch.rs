//! Which stretch of the records a walk reads, and where the next one begins. Pure.
//!
//! The start moves only when a walk is complete. It always stays behind the source's clock by the
//! overlap: a record with a time in the future, or a clock that was put back, must not move it past
//! records that are still to come.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use contract::{Fault, TimeRange, Timestamp};
use document::{TimeFormat, before, delta};
use serde_json::Value;

use crate::{
    config::{Day, Since, Until},
    cursor::Place,
    pages::Param,
    time::{Dated, day_param, param, start_param},
};

/// How records are requested.
#[derive(Debug)]
pub(crate) enum Stretch {
    /// All of them, each time; or by position alone.
    Whole,
    /// From a time on, or between two times.
    Since(Box<SinceRule>),
    /// By the day.
    Day(Box<DayRule>),
}

/// From a time on.
#[derive(Debug)]
pub(crate) struct SinceRule {
    pub(crate) settings: Since,
    pub(crate) format: TimeFormat,
    /// The time of a record.
    pub(crate) at: Option<Dated>,
    /// The only time to read, where somebody asked for one.
    pub(crate) range: Option<TimeRange>,
}

/// By the day.
#[derive(Debug)]
pub(crate) struct DayRule {
    pub(crate) settings: Day,
    pub(crate) format: TimeFormat,
    /// The only time to read, where somebody asked for one.
    pub(crate) range: Option<TimeRange>,
}

impl Stretch {
    /// From now on, reads only what lies in `range`.
    pub(crate) fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        match self {
            Self::Whole => {
                return Err(Fault::stopped("the source cannot be asked for a period of time")
                    .remedy("add `since` or `day` where it takes a time in its request"));
            }
            Self::Since(rule) if rule.settings.until.is_none() && range.to().is_some() => {
                return Err(Fault::stopped("the source cannot be asked up to a time")
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
                    let start = rule.settings.start.map(|day| rule.format.midnight(day));
                    // A clock that was put back moves the start back too.
                    let bound = before(now, rule.settings.overlap.0);
                    place.since = place.since.or(start).map(|since| since.min(bound));
                }
                let end = |until: &Until| {
                    place.since.map_or(latest, |since| window_end(until, since, latest))
                };
                place.until = rule.settings.until.as_ref().map(end);
            }
            Self::Day(rule) => match rule.range {
                Some(range) => {
                    place.day.get_or_insert(rule.day_of(range.from()));
                }
                None => {
                    let start = rule.settings.start;
                    let next = place.day.or_else(|| rule.open(place)).unwrap_or(start);
                    place.day = Some(next.min(rule.day_of(now)).max(start));
                }
            },
        }
    }

    /// The parameters of the current walk.
    pub(crate) fn params(&self, place: &Place) -> Vec<Param> {
        match self {
            Self::Whole => Vec::new(),
            Self::Since(rule) => {
                let Since { param: name, until, .. } = &rule.settings;
                let since = place.since.map(|since| (name, start_param(&rule.format, since)));
                let until = until.as_ref().zip(place.until);
                let until = until.map(|(to, until)| (&to.param, param(&rule.format, until)));
                since.into_iter().chain(until).map(|(name, value)| (name.clone(), value)).collect()
            }
            Self::Day(rule) => {
                let day = place.day.unwrap_or(rule.settings.start);
                vec![(rule.settings.param.clone(), day_param(&rule.format, day))]
            }
        }
    }

    /// Notes the times of the records of a page.
    pub(crate) fn look(&self, place: &mut Place, records: &[Value]) {
        let Self::Since(rule) = self else { return };
        let Some(at) = &rule.at else { return };
        place.seen = place.seen.max(at.latest(records));
    }

    /// Ends the current walk. Whether another one follows at once.
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
                let closed = rule.day_of(since).pred_opt();
                Some(Place { closed, ..Place::default() })
            }
        }
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
        let overlap = self.settings.overlap.0;
        let latest = before(began, overlap);
        if reached < latest {
            // A window in the past. Both its ends belong to it: the next one begins at its end.
            place.since = Some(reached);
            return true;
        }
        let newest = match &self.at {
            None => Some(reached),
            // The source's clock and the times of its records may be two clocks.
            Some(_) => place.seen.map(|seen| seen.min(reached)),
        };
        let bound = newest.map(|newest| before(newest, overlap));
        // After months without records the start must not go back to the last record.
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
    fn day_of(&self, time: Timestamp) -> NaiveDate {
        self.format.to_local(time).date()
    }

    /// The last day to read.
    fn last(&self, began: Timestamp) -> NaiveDate {
        let today = self.day_of(began);
        let end = self.range.and_then(|range| range.to());
        end.map_or(today, |end| self.day_of(before(end, Duration::from_nanos(1))).min(today))
    }

    /// The first day that is not closed.
    fn open(&self, place: &Place) -> Option<NaiveDate> {
        place.closed?.succ_opt()
    }

    fn complete(&self, place: &mut Place, began: Timestamp) -> bool {
        let Some(day) = place.day.take() else { return false };
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let over = self.format.midnight(next).checked_add_signed(delta(self.settings.closes.0));
        let is_closed = over.is_some_and(|over| began >= over);
        let is_first_open = self.open(place).unwrap_or(self.settings.start) == day;
        if is_closed && is_first_open {
            place.closed = Some(day);
        }
        let has_more = next <= self.last(began);
        place.day = has_more.then_some(next);
        has_more
    }
}

/// The end of a time window that begins at `since`.
fn window_end(until: &Until, since: Timestamp, latest: Timestamp) -> Timestamp {
    let longest = since.checked_add_signed(delta(until.span.0));
    longest.map_or(latest, |longest| longest.min(latest))
}

#[cfg(test)]
mod tests;
