//! How the column that grows says when, and how a moment is said in its words.
//!
//! A bound is compared by the database, as text where the column is text. So a moment has to be
//! written exactly as the source writes it: same format, same zone, same storage class. A value
//! that is no time or number is never an error; it just never moves a bound.

use std::time::Duration;

use chrono::{
    DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc,
    format::{Item, StrftimeItems},
};
use chrono_tz::Tz;

use crate::value::Value;

/// Format of a text column where the channel declares none.
const DEFAULT: &str = "%Y-%m-%d %H:%M:%S";

/// The format and zone of a column.
#[derive(Debug, Clone)]
pub(crate) struct TimeForm {
    declared: Option<String>,
    zone: Tz,
}

/// What a usable value means. Times and numbers are never compared with each other in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Number(i128),
    Time(DateTime<Utc>),
}

impl TimeForm {
    /// Refuses a format that is none, and one whose texts do not sort by time.
    pub(crate) fn new(declared: Option<String>, zone: Tz) -> Result<Self, String> {
        let form = Self { declared, zone };
        let format = form.format();
        if StrftimeItems::new(format).any(|item| item == Item::Error) {
            return Err(format!("`{format}` is not a time format"));
        }
        // Every 46 days and some hours through 25 years: all orders of day, month and hour.
        let texts: Option<Vec<String>> = (0..200)
            .map(|n| DateTime::from_timestamp(946_598_399 + n * 4_000_037, 0))
            .map(|time| time.map(|time| form.write(time)))
            .collect();
        let sorts = texts.is_some_and(|texts| {
            // Counts since 1970 get longer; they are compared as numbers or not at all.
            form.counts() || texts.is_sorted_by(|a, b| a < b)
        });
        if sorts {
            Ok(form)
        } else {
            Err(format!("text in the format `{format}` does not sort by time"))
        }
    }

    /// Whether the column was declared to hold text.
    pub(crate) fn is_declared(&self) -> bool {
        self.declared.is_some()
    }

    /// What a value means, if it is usable.
    pub(crate) fn mark(&self, value: &Value) -> Option<Mark> {
        let number = match value {
            Value::Int(number) => Some(i128::from(*number)),
            Value::Unsigned(number) => Some(i128::from(*number)),
            Value::Decimal(text) => text.parse().ok(),
            _ => None,
        };
        match (value, number) {
            (_, Some(number)) if self.declared.is_none() => Some(Mark::Number(number)),
            (_, Some(number)) => self.read(&number.to_string()).map(Mark::Time),
            (Value::Text(text), _) => self.read(text).map(Mark::Time),
            (Value::Bytes(bytes), _) => {
                std::str::from_utf8(bytes).ok().and_then(|text| self.read(text)).map(Mark::Time)
            }
            (Value::Date(date), _) => Some(Mark::Time(self.local(date.and_time(NaiveTime::MIN)))),
            (Value::Local(time), _) => Some(Mark::Time(self.local(*time))),
            (Value::Instant(time), _) => Some(Mark::Time(*time)),
            _ => None,
        }
    }

    /// The bound from which the next sweep begins: the lesser of `seen` and the source's own `now`,
    /// less the overlap. `None` where `seen` is not usable.
    pub(crate) fn bound(
        &self,
        seen: &Value,
        now: DateTime<Utc>,
        overlap: Duration,
    ) -> Option<Value> {
        match self.mark(seen)? {
            Mark::Number(_) => Some(seen.clone()),
            Mark::Time(time) => self.like(seen, time.min(now).checked_sub_signed(delta(overlap))?),
        }
    }

    /// A moment in the words of `example`; `None` where that is not a time.
    pub(crate) fn like(&self, example: &Value, time: DateTime<Utc>) -> Option<Value> {
        let is_time = matches!(self.mark(example)?, Mark::Time(_));
        let local = time.with_timezone(&self.zone).naive_local();
        Some(match example {
            _ if !is_time => return None,
            Value::Text(_) => Value::Text(self.write(time)),
            Value::Bytes(_) => Value::Bytes(self.write(time).into_bytes()),
            Value::Int(_) => Value::Int(self.write(time).parse().ok()?),
            Value::Unsigned(_) => Value::Unsigned(self.write(time).parse().ok()?),
            Value::Decimal(_) => Value::Decimal(self.write(time)),
            Value::Date(_) => Value::Date(local.date()),
            Value::Local(_) => Value::Local(local),
            Value::Instant(_) => Value::Instant(time),
            _ => return None,
        })
    }

    fn format(&self) -> &str {
        self.declared.as_deref().unwrap_or(DEFAULT)
    }

    fn counts(&self) -> bool {
        self.format().starts_with("%s")
    }

    fn write(&self, time: DateTime<Utc>) -> String {
        match self.format() {
            "%s%3f" => time.timestamp_millis().to_string(),
            format => time.with_timezone(&self.zone).format(format).to_string(),
        }
    }

    fn read(&self, text: &str) -> Option<DateTime<Utc>> {
        let text = text.trim();
        match self.format() {
            "%s%3f" => DateTime::from_timestamp_millis(text.parse().ok()?),
            "%s" => DateTime::from_timestamp(text.parse().ok()?, 0),
            format if format.contains("%z") || format.contains("%:z") => {
                DateTime::parse_from_str(text, format).ok().map(|time| time.to_utc())
            }
            format => NaiveDateTime::parse_from_str(text, format)
                .or_else(|_| {
                    // Digits after the second that the declared format does not name.
                    NaiveDateTime::parse_from_str(text, &format!("{format}%.f"))
                })
                .or_else(|_| {
                    NaiveDate::parse_from_str(text, format)
                        .map(|date| date.and_time(NaiveTime::MIN))
                })
                .ok()
                .map(|time| self.local(time)),
        }
    }

    /// A time of the source's zone; the earlier one of an hour that comes twice, and UTC in one
    /// that is left out.
    fn local(&self, time: NaiveDateTime) -> DateTime<Utc> {
        self.zone
            .from_local_datetime(&time)
            .earliest()
            .map_or_else(|| time.and_utc(), |time| time.to_utc())
    }
}

/// Settings hold lengths of time far below what this cannot express.
pub(crate) fn delta(length: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(length).unwrap_or(chrono::TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERLAP: Duration = Duration::from_secs(300);

    fn form(format: Option<&str>) -> TimeForm {
        TimeForm::new(format.map(str::to_owned), chrono_tz::Asia::Shanghai).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn bound(format: Option<&str>, seen: Value, now: &str) -> Option<Value> {
        form(format).bound(&seen, at(now), OVERLAP)
    }

    #[test]
    fn a_bound_is_written_as_the_source_writes_times() {
        let now = "2026-10-09T12:00:00Z";
        let text = |text: &str| Value::Text(text.into());
        for (format, seen, expected) in [
            (None, text("2026-10-09 10:34:12"), text("2026-10-09 10:29:12")),
            (Some("%Y/%m/%d %H:%M"), text("2026/10/09 10:34"), text("2026/10/09 10:29")),
            (Some("%Y%m%d%H%M%S"), Value::Int(20_261_009_103_412), Value::Int(20_261_009_102_912)),
            (Some("%Y-%m-%d"), text("2026-10-09"), text("2026-10-08")),
            (Some("%s"), Value::Int(1_790_000_000), Value::Int(1_789_999_700)),
            (Some("%s%3f"), text("1790000000500"), text("1789999700500")),
            (
                Some("%Y-%m-%d %H:%M:%S"),
                Value::Bytes(b"2026-10-09 10:34:12.250".into()),
                Value::Bytes(b"2026-10-09 10:29:12".into()),
            ),
            (
                None,
                Value::Local(at("2026-10-09T10:34:12Z").naive_utc()),
                Value::Local(at("2026-10-09T10:29:12Z").naive_utc()),
            ),
            (
                None,
                Value::Instant(at("2026-10-09T02:34:12Z")),
                Value::Instant(at("2026-10-09T02:29:12Z")),
            ),
            (None, Value::Int(77), Value::Int(77)),
        ] {
            assert_eq!(bound(format, seen.clone(), now), Some(expected), "{format:?} {seen:?}");
        }
    }

    #[test]
    fn a_bound_never_passes_the_sources_own_now() {
        let seen = Value::Text("2062-10-09 10:34:12".into());
        assert_eq!(
            bound(None, seen, "2026-10-09T02:34:12Z"),
            Some(Value::Text("2026-10-09 10:29:12".into()))
        );
    }

    #[test]
    fn what_is_no_time_moves_no_bound() {
        for seen in ["", "N/A", "2026/10/9 10:30", "46304.4375", "待定"] {
            assert_eq!(bound(None, Value::Text(seen.into()), "2026-10-09T02:34:12Z"), None);
        }
        assert_eq!(bound(None, Value::Null, "2026-10-09T02:34:12Z"), None);
    }

    #[test]
    fn formats_that_do_not_sort_by_time_are_refused() {
        for format in ["%d.%m.%Y %H:%M", "%m/%d/%Y", "%H:%M", "%Y-%m-%d %I:%M %p %Q", "%"] {
            assert!(TimeForm::new(Some(format.into()), chrono_tz::UTC).is_err(), "{format}");
        }
    }
}
