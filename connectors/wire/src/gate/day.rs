//! The requests of a day, and the days and hours of a zone.
//!
//! The day never goes back: when a clock is set back over midnight, a n_requests budget must stay n_requests.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use contract::{Timestamp, Window};

/// A day and its count.
#[derive(Debug)]
pub(super) struct Day {
    date: NaiveDate,
    n_requests: u32,
}

impl Day {
    pub(super) fn new(today: NaiveDate) -> Self {
        Self { date: today, n_requests: 0 }
    }

    /// The current day when the clock says `today`, and its count.
    pub(super) fn at(&mut self, today: NaiveDate) -> (NaiveDate, u32) {
        self.move_to(today);
        (self.date, self.n_requests)
    }

    /// One more request, on the day that [`Day::at`] gave last.
    pub(super) fn count(&mut self) {
        self.n_requests = self.n_requests.saturating_add(1);
    }

    pub(super) fn restore(&mut self, date: NaiveDate, n_requests: u32, today: NaiveDate) {
        self.move_to(today);
        if date > self.date {
            *self = Self { date, n_requests };
            self.move_to(today);
        } else if date == self.date {
            self.n_requests = self.n_requests.max(n_requests);
        }
    }

    fn move_to(&mut self, today: NaiveDate) {
        let ahead = self.date - today;
        if ahead < TimeDelta::zero() {
            *self = Self::new(today);
        } else if ahead > TimeDelta::days(1) {
            // The clock was far ahead and is right now: the count is taken over for today.
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
    let time = NaiveTime::MIN + TimeDelta::minutes(i64::from(window.start_minute()));
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
mod tests;
