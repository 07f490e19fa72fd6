//! Days and hours of a zone, as lengths of time from now.

use std::time::Duration;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use contract::{Timestamp, Window};

/// The date that the zone's clocks show.
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

/// The moment at which clocks show `local`: the first of two, and where they jump over it, the
/// first one after.
fn at(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let quarters = (0..12).map(|n| local + TimeDelta::minutes(15 * n));
    let mut moments = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest());
    moments.next().map_or_else(|| local.and_utc(), |moment| moment.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_window_whose_first_hour_is_jumped_over_opens_after_the_jump() {
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
