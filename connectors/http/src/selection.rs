//! Which records a pass requests, and where the next pass begins. The functions are pure.
//!
//! The start of the next pass moves only when a pass is complete. It stays behind the source's clock by
//! `overlap`, so neither a time in the future nor a clock that is set back moves it past records that are
//! still to come.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use contract::{Fault, TimeRange, Timestamp};
use document::{TimeFormat, before, delta};
use serde_json::Value;

use crate::{
    config::{Day, Since, Until},
    cursor::Progress,
    pages::Param,
    time::{TimeField, day_param, start_param, time_param},
};

/// How records are requested.
#[derive(Debug)]
pub(crate) enum Selection {
    /// All records; with pages of kind `keyset` or `newest`, those after the last pass.
    All,
    /// Records from a time on, or between two times.
    Since(Box<SinceRule>),
    /// Records of one day after another.
    Day(Box<DayRule>),
}

/// Requests records from a time on.
#[derive(Debug)]
pub(crate) struct SinceRule {
    pub(crate) settings: Since,
    pub(crate) format: TimeFormat,
    /// Where a record has its time; `None` if the settings do not say it.
    pub(crate) at: Option<TimeField>,
    /// The time range to read, in a backfill.
    pub(crate) range: Option<TimeRange>,
}

/// Requests records day by day.
#[derive(Debug)]
pub(crate) struct DayRule {
    pub(crate) settings: Day,
    pub(crate) format: TimeFormat,
    /// The time range to read, in a backfill.
    pub(crate) range: Option<TimeRange>,
}

impl Selection {
    /// Limits all later passes to `range`.
    pub(crate) fn limit_to(&mut self, range: TimeRange) -> Result<(), Fault> {
        match self {
            Self::All => {
                return Err(Fault::stopped("this channel cannot request a time range")
                    .remedy("add `since` or `day` if the source accepts a time"));
            }
            Self::Since(rule) if rule.settings.until.is_none() && range.to().is_some() => {
                return Err(Fault::stopped("this channel cannot request records up to a time")
                    .remedy("leave out --to, or set `since.until` if the source accepts one"));
            }
            Self::Since(rule) => rule.range = Some(range),
            Self::Day(rule) => rule.range = Some(range),
        }
        Ok(())
    }

    /// Begins a pass: sets the time or day that it requests.
    pub(crate) fn begin(&self, progress: &mut Progress, now: Timestamp) {
        progress.started = Some(now);
        match self {
            Self::All => {}
            Self::Since(rule) => {
                let mut latest = now;
                if let Some(range) = rule.range {
                    progress.since.get_or_insert(range.from());
                    latest = range.to().unwrap_or(now);
                } else {
                    let start = rule.settings.start.map(|day| rule.format.midnight(day));
                    // When the source's clock is set back, the start moves back too.
                    let bound = before(now, rule.overlap());
                    progress.since = progress.since.or(start).map(|since| since.min(bound));
                }
                let end = |until: &Until| {
                    progress.since.map_or(latest, |since| window_end(until, since, latest))
                };
                progress.until = rule.settings.until.as_ref().map(end);
            }
            Self::Day(rule) => match rule.range {
                Some(range) => {
                    progress.day.get_or_insert(rule.local_day(range.from()));
                }
                None => {
                    let start = rule.settings.start;
                    let next =
                        progress.day.or_else(|| rule.first_open_day(progress)).unwrap_or(start);
                    progress.day = Some(next.min(rule.local_day(now)).max(start));
                }
            },
        }
    }

    /// The parameters of the current pass.
    pub(crate) fn params(&self, progress: &Progress) -> Vec<Param> {
        match self {
            Self::All => Vec::new(),
            Self::Since(rule) => {
                let Since { param: name, until, .. } = &rule.settings;
                let since = progress.since.map(|since| (name, start_param(&rule.format, since)));
                let until = until.as_ref().zip(progress.until);
                let until = until.map(|(to, until)| (&to.param, time_param(&rule.format, until)));
                since.into_iter().chain(until).map(|(name, value)| (name.clone(), value)).collect()
            }
            Self::Day(rule) => {
                let day = progress.day.unwrap_or(rule.settings.start);
                vec![(rule.settings.param.clone(), day_param(&rule.format, day))]
            }
        }
    }

    /// Notes the times of the records of a page. Returns whether any could be read; `None` if none is
    /// needed.
    pub(crate) fn note_times(&self, progress: &mut Progress, records: &[Value]) -> Option<bool> {
        let latest = self.time_field()?.latest(records);
        progress.newest = progress.newest.max(latest);
        Some(latest.is_some())
    }

    /// The time of each record, by which the source selects them, if the settings say where it is.
    pub(crate) fn times(&self, records: &[Value]) -> Vec<Option<Timestamp>> {
        let field = self.time_field();
        records.iter().map(|record| field?.latest(std::slice::from_ref(record))).collect()
    }

    /// Where a record has its time, if the next pass begins there.
    pub(crate) fn time_field(&self) -> Option<&TimeField> {
        match self {
            Self::Since(rule) => rule.at.as_ref(),
            _ => None,
        }
    }

    /// What the stored start of the next pass depends on, as a text that stays the same in later
    /// versions.
    pub(crate) fn fingerprint(&self) -> String {
        let text = |format: &TimeFormat| format.as_str().to_owned();
        match self {
            Self::All => "all".to_owned(),
            Self::Since(rule) => {
                let Since { param, start, .. } = &rule.settings;
                let at = rule.at.as_ref().map(|field| (field.at.as_str(), text(&field.format)));
                format!("since {param:?} {:?} {start:?} {at:?}", text(&rule.format))
            }
            Self::Day(rule) => {
                let Day { param, start, .. } = &rule.settings;
                format!("day {param:?} {:?} {start:?}", text(&rule.format))
            }
        }
    }

    /// Ends the walk through the current period. Returns whether another one follows in the same pass.
    pub(crate) fn complete(&self, progress: &mut Progress) -> bool {
        let Some(started) = progress.started.take() else { return false };
        match self {
            Self::All => false,
            Self::Since(rule) => rule.complete(progress, started),
            Self::Day(rule) => rule.complete(progress, started),
        }
    }

    /// Whether passes are limited to a range.
    pub(crate) fn is_limited(&self) -> bool {
        match self {
            Self::All => false,
            Self::Since(rule) => rule.range.is_some(),
            Self::Day(rule) => rule.range.is_some(),
        }
    }

    /// Where a pass over the last `days` begins; `None` if records are not requested by time.
    pub(crate) fn reread_start(&self, days: u32, now: Timestamp) -> Option<Progress> {
        let since = before(now, Duration::from_secs(u64::from(days) * 86_400));
        match self {
            Self::All => None,
            Self::Since(_) => Some(Progress { since: Some(since), ..Progress::default() }),
            Self::Day(rule) => {
                let closed_day = rule.local_day(since).pred_opt();
                Some(Progress { closed_day, ..Progress::default() })
            }
        }
    }
}

/// Minimum of `overlap`: a source may exclude the time from which records are requested, and a later record may
/// have the same second.
const MIN_OVERLAP: Duration = Duration::from_secs(1);

impl SinceRule {
    fn overlap(&self) -> Duration {
        self.settings.overlap.0.max(MIN_OVERLAP)
    }

    fn complete(&self, progress: &mut Progress, started: Timestamp) -> bool {
        let until = progress.until.take();
        if let Some(range) = self.range {
            progress.since = until.or(progress.since);
            return until.is_some_and(|reached| reached < range.to().unwrap_or(started));
        }
        let reached = until.unwrap_or(started).min(started);
        let overlap = self.overlap();
        let latest = before(started, overlap);
        if reached < latest {
            // The window lies in the past. It includes its end, where the next one begins.
            progress.since = Some(reached);
            return true;
        }
        let newest = match &self.at {
            None => Some(reached),
            // The times of records may come from another clock than the header `Date`.
            Some(_) => progress.newest.map(|newest| newest.min(reached)),
        };
        let bound = newest.map(|newest| before(newest, overlap));
        // After months without records the start must not go back to the last record.
        progress.since = match (until, progress.since, bound) {
            (Some(_), Some(since), bound) => {
                Some(bound.map_or(since, |b| b.max(since)).min(latest))
            }
            (_, since, bound) => bound.or(since),
        };
        false
    }
}

impl DayRule {
    fn local_day(&self, time: Timestamp) -> NaiveDate {
        self.format.to_local(time).date()
    }

    /// The last day to read.
    fn last_day(&self, started: Timestamp) -> NaiveDate {
        let today = self.local_day(started);
        let end = self.range.and_then(|range| range.to());
        end.map_or(today, |end| self.local_day(before(end, Duration::from_nanos(1))).min(today))
    }

    /// The first day that is not closed.
    fn first_open_day(&self, progress: &Progress) -> Option<NaiveDate> {
        progress.closed_day?.succ_opt()
    }

    fn complete(&self, progress: &mut Progress, started: Timestamp) -> bool {
        let Some(day) = progress.day.take() else { return false };
        let next = day.checked_add_days(Days::new(1)).unwrap_or(day);
        let closes = self.format.midnight(next).checked_add_signed(delta(self.settings.closes.0));
        let is_closed = closes.is_some_and(|closes| started >= closes);
        let is_first_open = self.first_open_day(progress).unwrap_or(self.settings.start) == day;
        if is_closed && is_first_open {
            progress.closed_day = Some(day);
        }
        let has_more = next <= self.last_day(started);
        progress.day = has_more.then_some(next);
        has_more
    }
}

/// The end of a time window that begins at `since`: at most `latest`.
fn window_end(until: &Until, since: Timestamp, latest: Timestamp) -> Timestamp {
    let longest = since.checked_add_signed(delta(until.span.0));
    longest.map_or(latest, |longest| longest.min(latest))
}

#[cfg(test)]
mod tests;
