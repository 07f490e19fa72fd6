//! When a channel reads: after a pause, or at cron times; only within its hours of the day.
//!
//! A schedule is pure: the current time and the times of the last pass are arguments. After a restart, they
//! come from the store, which holds the time of the last read.

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use config::{Misfire, ScheduleSettings, Trigger};
use contract::Timestamp;

/// How much of a channel is read in one batch, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Maximum number of entries in one batch.
    pub max_entries: usize,
    /// When to read again after catching up; if `None`, the loop ends then.
    pub schedule: Option<Schedule>,
}

/// When to read, in the gateway's time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    settings: ScheduleSettings,
    zone: Tz,
}

/// One pass: reading a channel until nothing more comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When it began.
    pub began: Timestamp,
    /// When it had read everything new.
    pub ended: Timestamp,
}

impl Schedule {
    /// A schedule from checked settings, in `zone`.
    pub fn new(settings: ScheduleSettings, zone: Tz) -> Self {
        Self { settings, zone }
    }

    /// A schedule with a pause between two passes, at any hour.
    pub fn every(pause: Duration, zone: Tz) -> Self {
        let trigger = Trigger::Every(pause);
        let settings = ScheduleSettings {
            trigger,
            window: None,
            misfire: Misfire::Once,
            jitter: Duration::ZERO,
        };
        Self { settings, zone }
    }

    /// When to read next, at `now` or later, without jitter. `None` if the cron times never occur.
    pub fn next(&self, last: Option<Pass>, now: Timestamp) -> Option<Timestamp> {
        // If the clock was set back, the last pass seems to lie in the future: the next one does not wait for that.
        let last =
            last.map(|Pass { began, ended }| Pass { began: began.min(now), ended: ended.min(now) });
        let due = match &self.settings.trigger {
            Trigger::Every(pause) => last.map_or(now, |last| last.ended + *pause),
            Trigger::Cron(cron) => {
                // A cron time may have passed during the last pass, or while the gateway was down.
                let missed = last.and_then(|last| self.next_cron_time(cron, last.began));
                match (missed, self.settings.misfire) {
                    (Some(missed), Misfire::Once) if missed <= now => missed,
                    _ => self.next_cron_time(cron, now)?,
                }
            }
        };
        Some(self.next_allowed(due.max(now)))
    }

    /// How long to wait from `now` until the next read, with jitter; a day if the cron times never occur.
    pub(crate) fn wait(&self, last: Option<Pass>, now: Timestamp) -> Duration {
        const ONE_DAY: Duration = Duration::from_secs(86_400);
        let Some(next) = self.next(last, now) else { return ONE_DAY };
        let wait = (next - now).to_std().unwrap_or_default();
        wait + contract::jitter(self.settings.jitter)
    }

    /// The longest wait from `now`, when a pass has just ended, until the next one begins; `None` if there is none.
    pub(crate) fn longest_wait(&self, now: Timestamp) -> Option<Duration> {
        let next = self.next(Some(Pass { began: now, ended: now }), now)?;
        Some((next - now).to_std().unwrap_or_default() + self.settings.jitter)
    }

    /// The first cron time after `time`.
    fn next_cron_time(&self, cron: &croner::Cron, time: Timestamp) -> Option<Timestamp> {
        let local = time.with_timezone(&self.zone);
        cron.find_next_occurrence(&local, false).ok().map(|next| next.to_utc())
    }

    /// `time` if it is within the window, else the next time at which the window opens.
    fn next_allowed(&self, time: Timestamp) -> Timestamp {
        let Some(window) = self.settings.window else { return time };
        let local = time.with_timezone(&self.zone);
        if window.contains(local.hour() * 60 + local.minute()) {
            return time;
        }
        let opens = TimeDelta::minutes(window.start_minute().into());
        let days = [0, 1, 2].map(|n| local.date_naive() + TimeDelta::days(n));
        let openings = days.map(|day| day.and_time(NaiveTime::MIN) + opens);
        // If a clock change skips an opening time, the window opens a day later.
        let openings = openings.iter().filter_map(|at| at.and_local_timezone(self.zone).earliest());
        openings.map(|at| at.to_utc()).find(|at| *at > time).unwrap_or(time)
    }
}

#[cfg(test)]
mod tests;
