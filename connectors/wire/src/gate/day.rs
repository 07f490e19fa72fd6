//! Counts the requests of a day, and computes days and hours in a time zone.
//!
//! When a clock is set back over midnight, the count stays: a budget that is used up stays used up.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use contract::{Timestamp, Window};

/// A day and the number of its requests.
#[derive(Debug)]
pub(super) struct Day {
    date: NaiveDate,
    n_requests: u32,
}

impl Day {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self { date: today, n_requests: 0 }
    }

    /// Updates the day for a clock that says `today`. Returns the day and the number of its requests.
    pub(super) fn update(&mut self, today: NaiveDate) -> (NaiveDate, u32) {
        self.move_to(today);
        (self.date, self.n_requests)
    }

    /// Counts one more request, on the day that [`Day::update`] returned last.
    pub(super) fn count(&mut self) {
        self.n_requests = self.n_requests.saturating_add(1);
    }

    /// Takes over the count of another process, unless it is smaller or of a past day.
    pub(super) fn restore(&mut self, date: NaiveDate, n_requests: u32, today: NaiveDate) {
        self.move_to(today);
        if date > self.date {
            *self = Self { date, n_requests };
            self.move_to(today);
        } else if date == self.date {
            self.n_requests = self.n_requests.max(n_requests);
        }
    }

    /// Begins a new day if `today` is later. A clock that is one day behind changes nothing.
    fn move_to(&mut self, today: NaiveDate) {
        let lead = self.date - today;
        if lead < TimeDelta::zero() {
            *self = Self::new(today);
        } else if lead > TimeDelta::days(1) {
            // The clock was far ahead and is now correct: the count is kept for today.
            self.date = today;
        }
    }
}

/// The local date of a moment.
pub(super) fn local_date(now: Timestamp, zone: Tz) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

/// The time until the window opens; `None` while it is open.
pub(super) fn time_until_open(window: Window, now: Timestamp, zone: Tz) -> Option<Duration> {
    let local = now.with_timezone(&zone);
    if window.contains(local.hour() * 60 + local.minute()) {
        return None;
    }
    let time = NaiveTime::MIN + TimeDelta::minutes(i64::from(window.start_minute()));
    let days = local.date_naive().iter_days().take(3);
    let openings = days.map(|date| to_utc(date.and_time(time), zone));
    openings.filter_map(|opening| (opening - now).to_std().ok()).find(|wait| !wait.is_zero())
}

/// The time until `day` is over.
pub(super) fn time_until_end(day: NaiveDate, now: Timestamp, zone: Tz) -> Duration {
    let end = day.succ_opt().map(|next| to_utc(next.and_time(NaiveTime::MIN), zone) - now);
    end.and_then(|left| left.to_std().ok()).unwrap_or_default()
}

/// The moment of a local time. If it occurs twice, the earlier one; if clocks skip it, the next quarter of
/// an hour that exists.
fn to_utc(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let quarters = (0..12).map(|n| local + TimeDelta::minutes(15 * n));
    let mut moments = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest());
    moments.next().map_or_else(|| local.and_utc(), |moment| moment.to_utc())
}

#[cfg(test)]
mod tests;
