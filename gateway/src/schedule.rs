//! When a channel reads: after a pause, or at cron times; only within its hours of the day.
//!
//! Pure: the current time is an argument. Of the past, a schedule needs only when the last pass began
//! and ended. That is in the store, so a restart changes nothing.

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use config::{Misfire, ScheduleSettings, Trigger};
use contract::Timestamp;

/// How much of a channel is read in one batch, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    /// Most entries of one batch.
    pub max_entries: usize,
    /// When to read again after catching up; `None` ends the loop then.
    pub schedule: Option<Schedule>,
}

/// When to read, in the gateway's time zone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    settings: ScheduleSettings,
    zone: Tz,
}

/// One pass: a channel read until it caught up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// When it began.
    pub began: Timestamp,
    /// When it had caught up.
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
        let wanted = match &self.settings.trigger {
            Trigger::Every(pause) => last.map_or(now, |last| last.ended + *pause),
            Trigger::Cron(cron) => {
                // A cron time may have passed during the last pass, or while the gateway was down.
                let missed = last.and_then(|last| self.after(cron, last.began));
                match (missed, self.settings.misfire) {
                    (Some(missed), Misfire::Once) if missed <= now => missed,
                    _ => self.after(cron, now)?,
                }
            }
        };
        Some(self.within_hours(wanted.max(now)))
    }

    /// How long to wait until then, with jitter.
    pub(crate) fn wait(&self, last: Option<Pass>, now: Timestamp) -> Duration {
        const NEVER: Duration = Duration::from_secs(86_400);
        let Some(next) = self.next(last, now) else { return NEVER };
        let wait = (next - now).to_std().unwrap_or_default();
        wait + contract::jitter(self.settings.jitter)
    }

    /// The first cron time after `time`.
    fn after(&self, cron: &croner::Cron, time: Timestamp) -> Option<Timestamp> {
        let local = time.with_timezone(&self.zone);
        cron.find_next_occurrence(&local, false).ok().map(|next| next.to_utc())
    }

    /// `time` if it is within the hours, else when they open next.
    fn within_hours(&self, time: Timestamp) -> Timestamp {
        let Some(window) = self.settings.window else { return time };
        let local = time.with_timezone(&self.zone);
        if window.contains(local.hour() * 60 + local.minute()) {
            return time;
        }
        let opens = TimeDelta::minutes(window.opens().into());
        let days = [0, 1, 2].map(|n| local.date_naive() + TimeDelta::days(n));
        let openings = days.map(|day| day.and_time(NaiveTime::MIN) + opens);
        // An opening time that a clock change skips opens a day later.
        let openings = openings.iter().filter_map(|at| at.and_local_timezone(self.zone).earliest());
        openings.map(|at| at.to_utc()).find(|at| *at > time).unwrap_or(time)
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use chrono::DateTime;

    use super::*;

    /// Beijing time, as everything here.
    fn at(text: &str) -> Timestamp {
        DateTime::parse_from_rfc3339(&format!("{}:00+08:00", text.replace(' ', "T")))
            .unwrap()
            .to_utc()
    }

    fn cron(times: &str, misfire: Misfire, window: Option<&str>) -> Schedule {
        let trigger = Trigger::Cron(Box::new(croner::Cron::from_str(times).unwrap()));
        let window = window.map(|hours| hours.parse().unwrap());
        let settings = ScheduleSettings { trigger, window, misfire, jitter: Duration::ZERO };
        Schedule::new(settings, chrono_tz::Asia::Shanghai)
    }

    fn pass(began: &str, ended: &str) -> Option<Pass> {
        Some(Pass { began: at(began), ended: at(ended) })
    }

    #[test]
    fn a_pause_begins_when_a_pass_has_ended() {
        let schedule = Schedule::every(Duration::from_secs(600), chrono_tz::Asia::Shanghai);
        let next = |last, now| schedule.next(last, at(now)).unwrap();
        assert_eq!(next(None, "2026-11-23 08:00"), at("2026-11-23 08:00"));
        let last = pass("2026-11-23 07:00", "2026-11-23 07:58");
        assert_eq!(next(last, "2026-11-23 07:58"), at("2026-11-23 08:08"));
        assert_eq!(next(last, "2026-11-23 09:30"), at("2026-11-23 09:30"), "it is overdue");
    }

    #[test]
    fn clock_times_are_in_the_zone_of_the_gateway() {
        let schedule = cron("30 2 * * *", Misfire::Once, None);
        let next =
            schedule.next(pass("2026-11-23 02:30", "2026-11-23 02:31"), at("2026-11-23 02:31"));
        assert_eq!(next, Some(at("2026-11-24 02:30")));
        assert_eq!(schedule.next(None, at("2026-11-23 02:29")), Some(at("2026-11-23 02:30")));
        assert_eq!(schedule.next(None, at("2026-11-23 02:31")), Some(at("2026-11-24 02:30")));
    }

    #[test]
    fn missed_times_are_made_up_for_once_or_skipped() {
        let last = pass("2026-11-20 02:30", "2026-11-20 02:31");
        let now = at("2026-11-23 08:00"); // three nights later
        let next = |misfire| cron("30 2 * * *", misfire, None).next(last, now);
        assert_eq!(next(Misfire::Once), Some(now));
        assert_eq!(next(Misfire::Skip), Some(at("2026-11-24 02:30")));
        // After that, the next time is the regular one.
        let made_up = pass("2026-11-23 08:00", "2026-11-23 08:01");
        let next = cron("30 2 * * *", Misfire::Once, None).next(made_up, at("2026-11-23 08:01"));
        assert_eq!(next, Some(at("2026-11-24 02:30")));
    }

    #[test]
    fn a_pass_longer_than_its_interval_is_not_overlapped() {
        let last = pass("2026-11-23 08:00", "2026-11-23 08:12"); // 08:05 and 08:10 went by
        let now = at("2026-11-23 08:12");
        let next = |misfire| cron("*/5 * * * *", misfire, None).next(last, now);
        assert_eq!(next(Misfire::Once), Some(now));
        assert_eq!(next(Misfire::Skip), Some(at("2026-11-23 08:15")));
    }

    #[test]
    fn outside_of_its_hours_it_waits_for_the_next_opening() {
        let day = cron("*/5 * * * *", Misfire::Once, Some("06:00-23:00"));
        let night = cron("*/5 * * * *", Misfire::Once, Some("22:00-06:00"));
        for (schedule, now, next) in [
            (&day, "2026-11-23 22:57", "2026-11-24 06:00"),
            (&day, "2026-11-23 05:11", "2026-11-23 06:00"),
            (&day, "2026-11-23 06:01", "2026-11-23 06:05"),
            (&night, "2026-11-23 12:00", "2026-11-23 22:00"),
            (&night, "2026-11-23 23:01", "2026-11-23 23:05"),
            (&night, "2026-11-23 05:58", "2026-11-23 22:00"),
        ] {
            assert_eq!(schedule.next(None, at(now)), Some(at(next)), "{now}");
        }
    }

    #[test]
    fn cron_times_that_never_occur_are_none() {
        assert_eq!(
            cron("0 0 30 2 *", Misfire::Once, None).next(None, at("2026-11-23 08:00")),
            None
        );
    }
}
