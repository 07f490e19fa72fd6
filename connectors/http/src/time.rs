//! Times as the source writes and reads them.
//!
//! A bound is compared by the source as it is written, often as text and in local time. So a bound
//! must not be greater, as it is written, than any record's time behind it: where a clock is put
//! back in autumn, the hour that comes twice makes later times look earlier.

use std::time::Duration;

use chrono::{
    DateTime, DurationRound, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
    format::{Item, StrftimeItems},
};
use chrono_tz::Tz;
use contract::Timestamp;
use document::scalar;
use serde_json::Value;

/// The source tells whole seconds: what is less before is no clock that was put back.
pub(crate) const JITTER: TimeDelta = TimeDelta::minutes(1);

/// How a source writes times.
#[derive(Debug, Clone)]
pub(crate) struct TimeForm {
    format: String,
    zone: Tz,
}

impl TimeForm {
    /// Refuses what is no format.
    pub(crate) fn new(format: &str, zone: Tz) -> Result<Self, String> {
        let is_wrong = StrftimeItems::new(format).any(|item| item == Item::Error);
        if is_wrong || !format.contains('%') {
            return Err(format!("`{format}` is not a time format"));
        }
        Ok(Self { format: format.to_owned(), zone })
    }

    /// A moment in the source's words; seconds and milliseconds are numbers.
    pub(crate) fn write(&self, time: Timestamp) -> Value {
        match self.format.as_str() {
            "%s" => time.timestamp().into(),
            "%s%3f" => time.timestamp_millis().into(),
            format => time.with_timezone(&self.zone).format(format).to_string().into(),
        }
    }

    /// The least that any moment from `time` on is written as, as far as clocks go back.
    pub(crate) fn write_bound(&self, time: Timestamp) -> Value {
        self.write(self.floor(time))
    }

    /// A day in the source's words.
    pub(crate) fn write_day(&self, day: NaiveDate) -> Value {
        day.and_time(NaiveTime::MIN).format(&self.format).to_string().into()
    }

    /// The moment that a value says; `None` where it says none.
    pub(crate) fn read(&self, value: &Value) -> Option<Timestamp> {
        let text = scalar(value)?;
        let text = text.trim();
        match self.format.as_str() {
            "%s" => DateTime::from_timestamp(text.parse().ok()?, 0),
            "%s%3f" => DateTime::from_timestamp_millis(text.parse().ok()?),
            format if format.contains("%z") || format.contains("%:z") || format == "%+" => {
                DateTime::parse_from_str(text, format).ok().map(|time| time.to_utc())
            }
            format => NaiveDateTime::parse_from_str(text, format)
                .or_else(|_| {
                    // Digits after the second that the format does not name.
                    NaiveDateTime::parse_from_str(text, &format!("{format}%.f"))
                })
                .or_else(|_| NaiveDate::parse_from_str(text, format).map(|day| day.into()))
                .ok()
                .map(|time| self.local(time)),
        }
    }

    /// The local day of a moment.
    pub(crate) fn day(&self, time: Timestamp) -> NaiveDate {
        time.with_timezone(&self.zone).date_naive()
    }

    /// The moment at which a local day begins.
    pub(crate) fn midnight(&self, day: NaiveDate) -> Timestamp {
        self.local(day.and_time(NaiveTime::MIN))
    }

    /// The earlier one of an hour that comes twice, and UTC in one that is left out.
    fn local(&self, time: NaiveDateTime) -> Timestamp {
        let local = self.zone.from_local_datetime(&time).earliest();
        local.map_or_else(|| time.and_utc(), |time| time.to_utc())
    }

    /// The moment, from `time` on, whose local time is the least. Clocks are put back on a quarter
    /// of an hour, by two hours at most.
    fn floor(&self, time: Timestamp) -> Timestamp {
        let quarter = TimeDelta::minutes(15);
        let Ok(start) = time.duration_trunc(quarter) else { return time };
        let local = |time: Timestamp| time.with_timezone(&self.zone).naive_local();
        let quarters = (1..=8).map(|n| start + quarter * n);
        quarters.fold(time, |least, next| if local(next) < local(least) { next } else { least })
    }
}

/// Settings hold lengths of time far below what this cannot express.
pub(crate) fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}

/// A moment before another one; the beginning of time where there is none.
pub(crate) fn before(time: Timestamp, length: Duration) -> Timestamp {
    time.checked_sub_signed(delta(length)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PLAIN: &str = "%Y-%m-%d %H:%M:%S";

    fn form(format: &str, zone: Tz) -> TimeForm {
        TimeForm::new(format, zone).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_is_written_and_read_in_the_sources_words() {
        let zone = chrono_tz::Asia::Shanghai;
        let moment = at("2026-10-09T02:30:00Z");
        for (format, value) in [
            (PLAIN, json!("2026-10-09 10:30:00")),
            ("%Y%m%d%H%M%S", json!("20261009103000")),
            ("%s", json!(1_791_513_000)),
            ("%s%3f", json!(1_791_513_000_000_i64)),
            ("%Y-%m-%dT%H:%M:%S%:z", json!("2026-10-09T10:30:00+08:00")),
        ] {
            assert_eq!(form(format, zone).write(moment), value, "{format}");
            assert_eq!(form(format, zone).read(&value), Some(moment), "{format}");
        }
        assert_eq!(form("%s", zone).read(&json!("1791513000")), Some(moment));
        assert_eq!(
            form(PLAIN, zone).read(&json!("2026-10-09 10:30:00.123")).map(|t| t.timestamp()),
            Some(1_791_513_000)
        );
        assert_eq!(
            form("%Y-%m-%d", zone).read(&json!("2026-10-09")),
            Some(at("2026-10-08T16:00:00Z"))
        );
        for nothing in [json!(null), json!("待定"), json!("2026/10/9"), json!({})] {
            assert_eq!(form(PLAIN, zone).read(&nothing), None);
        }
    }

    #[test]
    fn a_bound_is_not_greater_than_a_later_time_when_the_clock_is_put_back() {
        // New York, 1 November 2026: 02:00 EDT (06:00Z) becomes 01:00 EST.
        let form = form(PLAIN, chrono_tz::America::New_York);
        assert_eq!(form.write_bound(at("2026-11-01T05:50:00Z")), json!("2026-11-01 01:00:00"));
        assert_eq!(form.write_bound(at("2026-11-01T06:10:00Z")), json!("2026-11-01 01:10:00"));
        assert_eq!(form.write_bound(at("2026-11-01T04:50:00Z")), json!("2026-11-01 00:50:00"));
        let moments = (0..400).map(|n| at("2026-11-01T03:00:00Z") + TimeDelta::minutes(n));
        for bound in moments.clone() {
            let written = form.write_bound(bound);
            let written = written.as_str().unwrap();
            let later = moments.clone().filter(|moment| *moment >= bound);
            assert!(later.into_iter().all(|later| form.write(later).as_str().unwrap() >= written));
        }
    }

    #[test]
    fn what_is_no_format_is_refused() {
        for format in ["", "yyyy-MM-dd", "%Q", "%"] {
            assert!(TimeForm::new(format, chrono_tz::UTC).is_err(), "{format}");
        }
    }
}
