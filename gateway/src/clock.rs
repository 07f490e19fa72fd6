//! The clock of the machine, and times on the command line.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeDelta};
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
        let ago = TimeDelta::from_std(ago)?;
        return now.trunc_subsecs(0).checked_sub_signed(ago).ok_or_else(|| time_error(text));
    }
    let time = date(text, zone, now).map(|day| day.and_time(NaiveTime::MIN)).or_else(|| {
        ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    });
    let local = time.ok_or_else(|| time_error(text))?.and_local_timezone(zone).earliest();
    local.map(|local| local.to_utc()).ok_or_else(|| {
        anyhow::anyhow!("`{text}` does not exist in time zone {zone}: a clock change skips it")
    })
}

/// The day that `text` means at `now`, in the gateway's time zone; `-1d` means the day of that time.
pub(crate) fn parse_day(text: &str, zone: Tz, now: Timestamp) -> anyhow::Result<NaiveDate> {
    match date(text, zone, now) {
        Some(day) => Ok(day),
        None => Ok(parse_time(text, zone, now)?.with_timezone(&zone).date_naive()),
    }
}

/// When a day begins and ends in a time zone. Where a clock change skips midnight, it begins after the change. `None`
/// at the end of the calendar.
pub(crate) fn day_period(day: NaiveDate, zone: Tz) -> Option<(Timestamp, Timestamp)> {
    let start = |day: NaiveDate| {
        let midnight = day.and_time(NaiveTime::MIN);
        let quarters = (0..24 * 4).map(|n| midnight + TimeDelta::minutes(15 * n));
        let mut existing = quarters.filter_map(|local| local.and_local_timezone(zone).earliest());
        existing.next().map(|local| local.to_utc())
    };
    Some((start(day)?, start(day.succ_opt()?)?))
}

/// The day that `text` names.
fn date(text: &str, zone: Tz, now: Timestamp) -> Option<NaiveDate> {
    let today = now.with_timezone(&zone).date_naive();
    match text {
        "today" => Some(today),
        "yesterday" => today.pred_opt(),
        _ => ["%Y-%m-%d", "%Y%m%d"]
            .iter()
            .find_map(|format| NaiveDate::parse_from_str(text, format).ok()),
    }
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
    fn a_day_begins_and_ends_with_the_clock_of_its_zone() {
        let period = |day: &str, zone: Tz| {
            let (from, to) = day_period(day.parse().unwrap(), zone).unwrap();
            [from, to].map(|at| at.format("%dT%H:%M").to_string())
        };
        assert_eq!(period("2026-11-24", chrono_tz::Asia::Shanghai), ["23T16:00", "24T16:00"]);
        // The clock was put forward from 0:00 to 1:00 on the 4th.
        assert_eq!(period("2018-11-03", chrono_tz::America::Sao_Paulo), ["03T03:00", "04T03:00"]);
        assert_eq!(period("2018-11-04", chrono_tz::America::Sao_Paulo), ["04T03:00", "05T02:00"]);
        let now = "2026-11-23T17:30:00Z".parse().unwrap();
        for text in ["2026-11-24", "20261124", "today", "-1h"] {
            let day = parse_day(text, chrono_tz::Asia::Shanghai, now).unwrap();
            assert_eq!(day.to_string(), "2026-11-24", "{text}");
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
