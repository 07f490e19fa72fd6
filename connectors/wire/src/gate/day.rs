//! The requests of a day, and the days and hours of a zone.
//!
//! The day never goes back: a clock that is set back over midnight must not renew a spent budget.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use contract::{Timestamp, Window};

/// A day and its count.
#[derive(Debug)]
pub(super) struct Day {
    date: NaiveDate,
    spent: u32,
}

impl Day {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self { date: today, spent: 0 }
    }

    /// The current day when the clock says `today`, and its count.
    pub(super) fn at(&mut self, today: NaiveDate) -> (NaiveDate, u32) {
        self.turn(today);
        (self.date, self.spent)
    }

    /// One more request, on the day that [`Day::at`] gave last.
    pub(super) fn count(&mut self) {
        self.spent = self.spent.saturating_add(1);
    }

    pub(super) fn restore(&mut self, date: NaiveDate, spent: u32, today: NaiveDate) {
        self.turn(today);
        if date > self.date {
            *self = Self { date, spent };
            self.turn(today);
        } else if date == self.date {
            self.spent = self.spent.max(spent);
        }
    }

    fn turn(&mut self, today: NaiveDate) {
        let ahead = self.date - today;
        if ahead < TimeDelta::zero() {
            *self = Self::new(today);
        } else if ahead > TimeDelta::days(1) {
            // A clock that was wrong by years must not use up the budget for years: its count
            // becomes the one of today.
            self.date = today;
        }
    }
}

/// The local date of a moment.
pub(super) fn today(now: Timestamp, zone: Tz) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

/// How long until the window opens; `None` while it is open.
pub(super) fn opens_in(window: Window, now: Timestamp, zone: Tz) -> Option<Duration> {
    let local = now.with_timezone(&zone);
    if window.contains(local.hour() * 60 + local.minute()) {
        return None;
    }
    let time = NaiveTime::MIN + TimeDelta::minutes(i64::from(window.opens()));
    let openings = local.date_naive().iter_days().take(3).map(|date| at(date.and_time(time), zone));
    openings.filter_map(|opening| (opening - now).to_std().ok()).find(|wait| !wait.is_zero())
}

/// How long until `day` is over.
pub(super) fn ends_in(day: NaiveDate, now: Timestamp, zone: Tz) -> Duration {
    let end = day.succ_opt().map(|next| at(next.and_time(NaiveTime::MIN), zone) - now);
    end.and_then(|left| left.to_std().ok()).unwrap_or_default()
}

/// The moment of a local time: the first of two, or the first one after it where clocks skip it.
fn at(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let quarters = (0..12).map(|n| local + TimeDelta::minutes(15 * n));
    let mut moments = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest());
    moments.next().map_or_else(|| local.and_utc(), |moment| moment.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> NaiveDate {
        NaiveDate::default() + TimeDelta::days(n)
    }

    #[test]
    fn a_new_day_begins_with_a_full_budget() {
        let mut count = Day::new(day(1));
        count.count();
        assert_eq!(count.at(day(1)), (day(1), 1));
        assert_eq!(count.at(day(2)), (day(2), 0));
    }

    #[test]
    fn a_clock_set_back_over_midnight_does_not_renew_the_budget() {
        let mut count = Day::new(day(2));
        count.count();
        assert_eq!(count.at(day(1)), (day(2), 1));
        count.count();
        assert_eq!(count.at(day(2)), (day(2), 2));
    }

    #[test]
    fn a_clock_that_was_wrong_by_years_does_not_block_the_budget() {
        let mut count = Day::new(day(9_000));
        count.count();
        assert_eq!(count.at(day(2)), (day(2), 1));
        assert_eq!(count.at(day(3)), (day(3), 0));
        count.restore(day(9_000), 7, day(3));
        assert_eq!(count.at(day(3)), (day(3), 7));
    }

    #[test]
    fn restore_takes_the_larger_count_of_the_later_day() {
        let mut count = Day::new(day(2));
        count.restore(day(1), 9, day(2));
        assert_eq!(count.at(day(2)), (day(2), 0));
        count.restore(day(2), 9, day(2));
        count.restore(day(2), 3, day(2));
        assert_eq!(count.at(day(2)), (day(2), 9));
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check_opens(window: &str, zone: Tz, now: &str, minutes: Option<u64>) {
        let found = opens_in(window.parse().unwrap(), moment(now), zone);
        assert_eq!(found, minutes.map(|minutes| Duration::from_secs(60 * minutes)), "{now}");
    }

    #[test]
    fn a_window_is_in_the_time_of_the_zone() {
        let beijing = Tz::Asia__Shanghai;
        check_opens("06:00-23:00", beijing, "2026-11-25T21:59:00Z", Some(1));
        check_opens("06:00-23:00", beijing, "2026-11-25T22:00:00Z", None);
        check_opens("06:00-23:00", beijing, "2026-11-25T14:59:59Z", None);
        check_opens("06:00-23:00", beijing, "2026-11-25T15:00:00Z", Some(7 * 60));
    }

    #[test]
    fn a_window_may_span_midnight() {
        let beijing = Tz::Asia__Shanghai;
        check_opens("22:00-06:00", beijing, "2026-11-25T15:00:00Z", None);
        check_opens("22:00-06:00", beijing, "2026-11-25T21:59:00Z", None);
        check_opens("22:00-06:00", beijing, "2026-11-25T22:00:00Z", Some(16 * 60));
    }

    #[test]
    fn a_window_whose_first_hour_is_skipped_opens_after_it() {
        // New York, 8 March 2026: 02:00 to 03:00 does not exist.
        check_opens("02:30-05:00", Tz::America__New_York, "2026-03-08T06:00:00Z", Some(60));
        // 1 November 2026: a day of 25 hours.
        check_opens("00:00-02:00", Tz::America__New_York, "2026-11-01T06:30:00Z", None);
        let end = ends_in(
            today(moment("2026-11-01T04:00:00Z"), Tz::America__New_York),
            moment("2026-11-01T04:00:00Z"),
            Tz::America__New_York,
        );
        assert_eq!(end, Duration::from_secs(25 * 3_600));
    }
}
