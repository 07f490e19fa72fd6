//! The clock of the machine, and times on the command line.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, SubsecRound};
use chrono_tz::Tz;
use contract::{Clock, Period, Timestamp};

/// The current time in UTC, in whole microseconds, as databases store it. No other code reads the clock.
#[allow(clippy::disallowed_methods, reason = "the only place that reads the clock")]
pub fn now() -> Timestamp {
    let now = chrono::Utc::now();
    chrono::DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
}

/// The clock of this machine.
pub fn machine() -> Clock {
    Clock::new(now)
}

/// Examples of times, for messages.
pub(crate) const EXAMPLES: &str = "2026-11-23, 20261123, 2026-11-23T08:00, today, yesterday or -1d";

/// The time that `text` means at `now`, in the gateway's time zone. A date means its midnight; `-1d`
/// means a day ago, in whole seconds, so that [`format_time`] can write it.
pub(crate) fn parse_time(text: &str, zone: Tz, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Some(ago) = text.strip_prefix('-') {
        let Period(ago) = ago.parse().map_err(|_| time_error(text))?;
        let ago = chrono::TimeDelta::from_std(ago)?;
        return now.trunc_subsecs(0).checked_sub_signed(ago).ok_or_else(|| time_error(text));
    }
    let today = now.with_timezone(&zone).date_naive();
    let day = match text {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => ["%Y-%m-%d", "%Y%m%d"]
            .iter()
            .find_map(|format| NaiveDate::parse_from_str(text, format).ok()),
    };
    let time = day.map(|day| day.and_time(NaiveTime::MIN)).or_else(|| {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    });
    let local = time.ok_or_else(|| time_error(text))?.and_local_timezone(zone).earliest();
    local.map(|local| local.to_utc()).ok_or_else(|| {
        anyhow::anyhow!("`{text}` does not exist in time zone {zone}: a clock change skips it")
    })
}

/// Writes a time so that [`parse_time`] can read it.
pub(crate) fn format_time(at: Timestamp, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn time_error(text: &str) -> anyhow::Error {
    anyhow::anyhow!("`{text}` is not a time: write it like {EXAMPLES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_zone_of_the_gateway() {
        let now = "2026-11-23T17:30:00.7Z".parse().unwrap(); // the 24th in Beijing
        let parse_time = |text: &str| {
            let at = parse_time(text, chrono_tz::Asia::Shanghai, now).unwrap();
            let again = super::parse_time(
                &format_time(at, chrono_tz::Asia::Shanghai),
                chrono_tz::Asia::Shanghai,
                now,
            );
            assert_eq!(again.unwrap(), at, "{text}");
            at.format("%dT%H:%M:%S").to_string()
        };
        for (text, at) in [
            ("2026-11-23", "22T16:00:00"),
            ("20261123", "22T16:00:00"),
            ("2026-11-23T08:00", "23T00:00:00"),
            ("2026-11-23T08:00:30", "23T00:00:30"),
            ("today", "23T16:00:00"),
            ("yesterday", "22T16:00:00"),
            ("-1d", "22T17:30:00"),
            ("-90m", "23T16:00:00"),
        ] {
            assert_eq!(parse_time(text), at, "{text}");
        }
    }

    #[test]
    fn the_error_for_an_invalid_time_shows_examples() {
        for text in ["", "-", "-1", "tomorrow-ish", "2026-11-31", "2026-11-23 08:00", "1-1-1-1"] {
            let error =
                parse_time(text, chrono_tz::Asia::Shanghai, Timestamp::default()).unwrap_err();
            assert!(error.to_string().contains(EXAMPLES), "{text}: {error}");
        }
    }
}
