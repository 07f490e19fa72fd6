//! Times in requests and records.
//!
//! Sources often compare the start of a request with times as text, in local time. So the text of the
//! start must not be greater than the text of any later time. When daylight saving time ends, later
//! times have smaller texts for an hour.

use chrono::{DurationRound as _, NaiveDate, NaiveTime, TimeDelta};
use contract::Timestamp;
use document::{Path, TimeFormat, scalar_text};
use serde_json::Value;

/// A source's clock that goes back further than this was set back. It seems to go back a little, because
/// sources send whole seconds.
pub(crate) const MAX_CLOCK_JITTER: TimeDelta = TimeDelta::minutes(1);

/// Where the time is in a record, and how it is written.
#[derive(Debug)]
pub(crate) struct TimeField {
    pub(crate) at: Path,
    pub(crate) format: TimeFormat,
}

impl TimeField {
    /// The latest time in these records; `None` if no time can be read.
    pub(crate) fn latest(&self, records: &[Value]) -> Option<Timestamp> {
        let times = records.iter().filter_map(|record| scalar_text(self.at.first(record)?));
        times.filter_map(|time| self.format.read(&time)).max()
    }
}

/// A time as a parameter. Seconds and milliseconds since 1970 are numbers.
pub(crate) fn time_param(format: &TimeFormat, time: Timestamp) -> Value {
    let text = format.write(time);
    match text.parse::<i64>() {
        Ok(number) if format.is_unix_time() => number.into(),
        _ => text.into(),
    }
}

/// The start of a request as a parameter: the smallest text of all times from `time` on.
pub(crate) fn start_param(format: &TimeFormat, time: Timestamp) -> Value {
    time_param(format, smallest_local_time(format, time))
}

/// A day as a parameter.
pub(crate) fn day_param(format: &TimeFormat, day: NaiveDate) -> Value {
    day.and_time(NaiveTime::MIN).format(format.as_str()).to_string().into()
}

/// The moment from `time` on with the smallest local time. Daylight saving time ends at a full quarter
/// of an hour, and clocks are then set back by at most two hours.
fn smallest_local_time(format: &TimeFormat, time: Timestamp) -> Timestamp {
    let quarter = TimeDelta::minutes(15);
    let Ok(start) = time.duration_trunc(quarter) else { return time };
    let quarters = (1..=8).map(|n| start + quarter * n);
    let earlier = |a, b| if format.to_local(b) < format.to_local(a) { b } else { a };
    quarters.fold(time, earlier)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_since_1970_are_numbers() {
        let moment = at("2026-10-09T02:30:00Z");
        for (format, value) in [
            ("%Y-%m-%d %H:%M:%S", json!("2026-10-09 10:30:00")),
            ("%Y%m%d%H%M%S", json!("20261009103000")),
            ("%s", json!(1_791_513_000)),
            ("%s%3f", json!(1_791_513_000_000_i64)),
        ] {
            let format = TimeFormat::new(format, chrono_tz::Asia::Shanghai).unwrap();
            assert_eq!(time_param(&format, moment), value);
            let dated = TimeField { at: Path::parse("$.t").unwrap(), format };
            let records = [json!({ "t": null }), json!({ "t": value }), json!({ "t": {} })];
            assert_eq!(dated.latest(&records), Some(moment));
        }
    }

    #[test]
    fn a_start_is_not_greater_than_a_later_time_when_daylight_saving_time_ends() {
        // New York, 1 November 2026: 02:00 EDT (06:00Z) becomes 01:00 EST.
        let format = TimeFormat::new("%Y-%m-%d %H:%M:%S", chrono_tz::America::New_York).unwrap();
        let start = |time: &str| start_param(&format, at(time));
        assert_eq!(start("2026-11-01T05:50:00Z"), json!("2026-11-01 01:00:00"));
        assert_eq!(start("2026-11-01T06:10:00Z"), json!("2026-11-01 01:10:00"));
        assert_eq!(start("2026-11-01T04:50:00Z"), json!("2026-11-01 00:50:00"));
        let moments = (0..400).map(|n| at("2026-11-01T03:00:00Z") + TimeDelta::minutes(n));
        for bound in moments.clone() {
            let written = start_param(&format, bound);
            let written = written.as_str().unwrap();
            let later = moments.clone().filter(|moment| *moment >= bound);
            assert!(later.into_iter().all(|later| format.write(later).as_str() >= written));
        }
    }
}
