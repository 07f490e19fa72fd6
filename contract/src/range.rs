//! A stretch of time that somebody asks for, to read again what lies in it.

use std::{fmt, str::FromStr};

use chrono::SecondsFormat;

use crate::Timestamp;

/// From a moment on, up to, but without, another one; without end up to whatever there is.
///
/// As text an ISO 8601 interval: `2026-11-01T00:00:00Z/2026-11-02T00:00:00Z`, without end
/// `2026-11-01T00:00:00Z/..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    from: Timestamp,
    to: Option<Timestamp>,
}

impl TimeRange {
    /// `None` where it would be empty.
    pub fn new(from: Timestamp, to: Option<Timestamp>) -> Option<Self> {
        to.is_none_or(|to| from < to).then_some(Self { from, to })
    }

    /// The first moment in it.
    pub fn from(&self) -> Timestamp {
        self.from
    }

    /// The first moment behind it.
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
        let (from, to) = text.split_once('/').ok_or_else(|| format!("`{text}` is no interval"))?;
        let moment = |text: &str| {
            text.parse::<Timestamp>().map_err(|error| format!("`{text}` is no moment: {error}"))
        };
        let to = if to == ".." { None } else { Some(moment(to)?) };
        Self::new(moment(from)?, to).ok_or_else(|| format!("`{text}` is empty"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_reads_back_as_it_was_written() {
        for text in [
            "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z",
            "2026-11-01T00:00:00.250Z/2026-11-01T00:00:00.500Z",
            "2026-11-01T00:00:00Z/..",
        ] {
            assert_eq!(text.parse::<TimeRange>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_empty_or_no_interval_is_refused() {
        for text in ["", "2026-11-01T00:00:00Z", "a/b", "2026-11-01T00:00:00Z/2026-11-01T00:00:00Z"]
        {
            assert!(text.parse::<TimeRange>().is_err(), "{text} was taken");
        }
    }
}
