//! The clock, time ranges, and hours of the day.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use chrono::SecondsFormat;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time in UTC. Time zones occur only in settings: those of the sources, and that of the gateway's
/// users.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A clock, for signatures and for limits by day or hour. The gateway passes the clock of the machine; tests
/// pass their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that calls `now` for the time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Now, in UTC.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A time range: its start is included, its end excluded. A range without an end is open.
///
/// As text it is an ISO 8601 interval: `2026-11-01T00:00:00Z/2026-11-02T00:00:00Z`, or without an end
/// `2026-11-01T00:00:00Z/..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: Timestamp,
    to: Option<Timestamp>,
}

impl TimeRange {
    /// All times: everything that the source has is read again, whatever time it has.
    pub const EVERYTHING: Self = Self { from: Timestamp::UNIX_EPOCH, to: None };

    /// The range from `from` to `to` (`None`: without an end). Returns `None` if it would be empty.
    pub fn new(from: Timestamp, to: Option<Timestamp>) -> Option<Self> {
        to.is_none_or(|to| from < to).then_some(Self { from, to })
    }

    /// Its start, inclusive.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// Its end, exclusive; `None` if it is open.
    pub fn to(&self) -> Option<Timestamp> {
        self.to
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let to = self.to.map_or_else(|| "..".to_owned(), text);
        write!(f, "{}/{to}", text(self.from))
    }
}

impl FromStr for TimeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) =
            text.split_once('/').ok_or_else(|| format!("`{text}` is not a time range"))?;
        let time = |text: &str| {
            text.parse::<Timestamp>().map_err(|error| format!("`{text}` is not a time: {error}"))
        };
        let to = if to == ".." { None } else { Some(time(to)?) };
        Self::new(time(from)?, to).ok_or_else(|| format!("the time range `{text}` is empty"))
    }
}

/// Number of minutes in a day.
const DAY_MINUTES: u16 = 24 * 60;

/// Hours of the day in the gateway's time zone, the end excluded: `06:00-23:00`, or over midnight
/// `22:00-06:00`. Holds the minutes of the day at which the hours begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(
    extend("format" = "window"),
    description = "hours of the day, the end excluded: 06:00-23:00, or over midnight 22:00-06:00"
)]
pub struct Window(#[schemars(with = "String")] [u16; 2]);

impl Window {
    /// Whether it contains a minute of the day (0 to 1439).
    pub fn contains(&self, minute: u32) -> bool {
        let [from, to] = self.0.map(u32::from);
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// The minute of the day at which it begins (0 to 1439).
    pub fn start_minute(&self) -> u16 {
        self.0[0]
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minute_of_day = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two_digits = |text: &str| {
                let is_valid = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                is_valid.then(|| text.parse::<u16>().ok()).flatten()
            };
            let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
            (minute < 60 && hour * 60 + minute <= DAY_MINUTES).then_some(hour * 60 + minute)
        };
        let ends = text.split_once('-').map(|(from, to)| (minute_of_day(from), minute_of_day(to)));
        match ends.and_then(|(from, to)| from.zip(to)) {
            Some((from, to)) if from == to && from < DAY_MINUTES => {
                Err(format!("`{text}` is empty: leave the window out to allow all hours"))
            }
            Some((from, to)) if from < DAY_MINUTES => Ok(Self([from, to])),
            _ => Err(format!("`{text}` is not a window: write it like 06:00-23:00")),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [from, to] = self.0;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl<'de> Deserialize<'de> for Window {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Window {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_range_reads_back_as_it_was_written() {
        for text in [
            "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z",
            "2026-11-01T00:00:00.250Z/2026-11-01T00:00:00.500Z",
            "2026-11-01T00:00:00Z/..",
        ] {
            assert_eq!(text.parse::<TimeRange>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_empty_or_malformed_time_range_is_refused() {
        for text in ["", "2026-11-01T00:00:00Z", "a/b", "2026-11-01T00:00:00Z/2026-11-01T00:00:00Z"]
        {
            assert!(text.parse::<TimeRange>().is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_window_begins_with_its_first_minute_and_ends_before_its_last() {
        let day: Window = "06:00-23:00".parse().unwrap();
        for (minute, within) in [(359, false), (360, true), (1379, true), (1380, false)] {
            assert_eq!(day.contains(minute), within, "{minute}");
        }
        let night: Window = "22:00-06:00".parse().unwrap();
        for (minute, within) in [(1319, false), (1320, true), (0, true), (359, true), (360, false)]
        {
            assert_eq!(night.contains(minute), within, "{minute}");
        }
        let late: Window = "18:30-24:00".parse().unwrap();
        assert!(late.contains(1439) && !late.contains(0));
    }

    #[test]
    fn a_malformed_window_is_refused() {
        for text in [
            "",
            "6:00-23:00",
            "06:00",
            "06:00-24:01",
            "24:00-06:00",
            "06:60-07:00",
            "06:00–23:00",
            "06:00-06:00",
            "+6:00-23:00",
            "０６:00-23:00",
        ] {
            assert!(text.parse::<Window>().is_err(), "{text} was taken");
        }
    }
}
