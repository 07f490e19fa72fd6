//! Reads and writes times in the format of a source.

use std::{fmt::Write as _, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use contract::Timestamp;

/// A time format in the notation of strftime, and the zone of times whose format has none. `%s`
/// stands for seconds since 1970, `%s%3f` for milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct TimeFormat {
    text: String,
    zone: Tz,
}

impl TimeFormat {
    /// Parses a format.
    ///
    /// # Errors
    /// The text is not a time format.
    pub fn new(text: impl Into<String>, zone: Tz) -> Result<Self, String> {
        let text = text.into();
        // Some items, like `%#z`, can be read but not written.
        let is_wrong = write!(String::new(), "{}", Timestamp::UNIX_EPOCH.format(&text)).is_err();
        if is_wrong || !text.contains('%') {
            return Err(format!("`{text}` is not a time format"));
        }
        Ok(Self { text, zone })
    }

    /// The format as it was configured.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether times are written as seconds or milliseconds since 1970.
    pub fn is_unix_time(&self) -> bool {
        self.text.starts_with("%s")
    }

    /// Writes a time in this format.
    pub fn write(&self, time: Timestamp) -> String {
        match self.text.as_str() {
            "%s%3f" => time.timestamp_millis().to_string(),
            format => time.with_timezone(&self.zone).format(format).to_string(),
        }
    }

    /// Reads a time; `None` if the text is not a time in this format.
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        match self.text.as_str() {
            "%s" => DateTime::from_timestamp(text.parse().ok()?, 0),
            "%s%3f" => DateTime::from_timestamp_millis(text.parse().ok()?),
            format if format.contains("%z") || format.contains("%:z") || format == "%+" => {
                DateTime::parse_from_str(text, format).ok().map(|time| time.to_utc())
            }
            format => NaiveDateTime::parse_from_str(text, format)
                // A fraction of a second is read even if the format has none.
                .or_else(|_| NaiveDateTime::parse_from_str(text, &format!("{format}%.f")))
                .or_else(|_| NaiveDate::parse_from_str(text, format).map(NaiveDateTime::from))
                .ok()
                .map(|time| self.from_local(time)),
        }
    }

    /// The moment of a local time. A local time that occurs twice, when summer time ends, means the
    /// earlier moment; one that is skipped, when summer time begins, is taken as UTC.
    pub fn from_local(&self, time: NaiveDateTime) -> Timestamp {
        let local = self.zone.from_local_datetime(&time).earliest();
        local.map_or_else(|| time.and_utc(), |time| time.to_utc())
    }

    /// The local time at a moment.
    pub fn to_local(&self, time: Timestamp) -> NaiveDateTime {
        time.with_timezone(&self.zone).naive_local()
    }

    /// The moment at which a local day begins.
    pub fn midnight(&self, day: NaiveDate) -> Timestamp {
        self.from_local(day.and_time(NaiveTime::MIN))
    }
}

/// Converts a duration, so that it can be added to a time or subtracted from it. One that is too
/// long becomes the maximum, which no setting reaches.
pub fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX)
}

/// The moment that is `length` before `time`, or the earliest one that can be represented.
pub fn before(time: Timestamp, length: Duration) -> Timestamp {
    time.checked_sub_signed(delta(length)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

#[cfg(test)]
mod tests;
