//! Hours of the day.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY: u16 = 24 * 60;

/// Hours of the day, from the first up to, but without, the second: `06:00-23:00`, over midnight
/// `22:00-06:00`. In the gateway's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    from: u16,
    to: u16,
}

impl Window {
    /// Whether a minute of the day (0 to 1439) is within.
    pub fn contains(&self, minute: u32) -> bool {
        let (from, to) = (u32::from(self.from), u32::from(self.to));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }

    /// The minute of the day at which it opens.
    pub fn opens(&self) -> u16 {
        self.from
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minutes = |text: &str| {
            let (hour, minute) = text.split_once(':')?;
            let two = |text: &str| {
                let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                digits.then(|| text.parse::<u16>().ok()).flatten()
            };
            let (hour, minute) = (two(hour)?, two(minute)?);
            (minute < 60 && hour * 60 + minute <= DAY).then_some(hour * 60 + minute)
        };
        let window = text.split_once('-').and_then(|(from, to)| {
            let window = Self { from: minutes(from)?, to: minutes(to)? };
            (window.from < DAY).then_some(window)
        });
        match window {
            None => Err(format!("`{text}` is not a window: write it like 06:00-23:00")),
            Some(Self { from, to }) if from == to => Err(format!(
                "`{text}` has no length: leave the window out where all hours are open"
            )),
            Some(window) => Ok(window),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
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

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "window",
            "description": "hours of the day, the last without: 06:00-23:00, over midnight 22:00-06:00",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_is_no_window_is_refused() {
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
