//! Deadlines in working time, computed in another way than the gateway does: there, a limit walks from one
//! opening to the next; here, it is a number of seconds on a clock that stands still while the offices are closed.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

/// The holidays of 2025 and 2026, from the first to the last day of each (notices of the State Council).
const HOLIDAYS: &[(&str, &str)] = &[
    ("2025-01-01", "2025-01-01"),
    ("2025-01-28", "2025-02-04"),
    ("2025-04-04", "2025-04-06"),
    ("2025-05-01", "2025-05-05"),
    ("2025-05-31", "2025-06-02"),
    ("2025-10-01", "2025-10-08"),
    ("2026-01-01", "2026-01-03"),
    ("2026-02-15", "2026-02-23"),
    ("2026-04-04", "2026-04-06"),
    ("2026-05-01", "2026-05-05"),
    ("2026-06-19", "2026-06-21"),
    ("2026-09-25", "2026-09-27"),
    ("2026-10-01", "2026-10-07"),
];
/// The Saturdays and Sundays on which people work.
const WORKING_WEEKENDS: &str = "2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 \
                                2026-02-28 2026-05-09 2026-09-20 2026-10-10";
/// Half past eight to noon, and half past two to half past five, in seconds since midnight.
const MORNING: (i64, i64) = (30_600, 43_200);
const AFTERNOON: (i64, i64) = (52_200, 63_000);
const DAY: i64 = (MORNING.1 - MORNING.0) + (AFTERNOON.1 - AFTERNOON.0);

/// The time `limit` after `begin`; `unit` is 0 for minutes, 1 for working hours, 2 for working days. `None` if it
/// leads into a year whose holidays are not known.
pub(crate) fn deadline(begin: NaiveDateTime, limit: i64, unit: &str) -> Option<NaiveDateTime> {
    let date = begin.date();
    let (last, seconds) = match unit {
        "0" => return Some(begin + TimeDelta::minutes(limit)),
        "1" => {
            let today = if is_workday(date)? { worked(begin.time()) } else { 0 };
            let total = today + limit * 3_600;
            // A limit that ends with a day does not end with the beginning of the next one.
            let (n_days, rest) = ((total - 1) / DAY, (total - 1) % DAY + 1);
            let first = if is_workday(date)? { Some(date) } else { nth_workday(date, 1) }?;
            (if n_days == 0 { first } else { nth_workday(first, n_days)? }, at(rest))
        }
        _ => (nth_workday(date, limit)?, AFTERNOON.1),
    };
    Some(last.and_time(NaiveTime::MIN) + TimeDelta::seconds(seconds))
}

/// The seconds of work before this time of a working day.
fn worked(time: NaiveTime) -> i64 {
    let now = (time - NaiveTime::MIN).num_seconds();
    let part = |(from, until): (i64, i64)| now.clamp(from, until) - from;
    part(MORNING) + part(AFTERNOON)
}

/// The second of the day at which this many seconds of work are done.
fn at(worked: i64) -> i64 {
    let morning = MORNING.1 - MORNING.0;
    if worked <= morning { MORNING.0 + worked } else { AFTERNOON.0 + worked - morning }
}

/// The n-th working day after a day.
fn nth_workday(day: NaiveDate, n: i64) -> Option<NaiveDate> {
    let mut days = (1..).map(|i| day.checked_add_days(Days::new(i)));
    let mut found = 0;
    loop {
        let next = days.next()??;
        found += i64::from(is_workday(next)?);
        if found == n {
            return Some(next);
        }
    }
}

/// Whether people work on a day; `None` in a year whose holidays are not known.
fn is_workday(day: NaiveDate) -> Option<bool> {
    let text = day.to_string();
    let is_known = ["2025", "2026"].contains(&text.get(..4)?);
    let is_holiday =
        HOLIDAYS.iter().any(|(from, until)| *from <= text.as_str() && text.as_str() <= *until);
    let is_weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    let is_working_weekend = WORKING_WEEKENDS.split(' ').any(|known| known == text);
    is_known.then_some(!is_holiday && (!is_weekend || is_working_weekend))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_skip_nights_lunches_and_holidays() {
        let local = |text| NaiveDateTime::parse_from_str(text, "%F %H:%M").unwrap();
        for (begin, limit, unit, end) in [
            ("2026-10-09 10:30", 90, "0", "2026-10-09 12:00"),
            ("2026-10-09 10:30", 2, "1", "2026-10-09 15:00"),
            ("2026-10-09 16:30", 1, "1", "2026-10-09 17:30"),
            ("2026-10-09 17:00", 1, "1", "2026-10-10 09:00"),
            ("2026-10-03 17:00", 1, "1", "2026-10-08 09:30"),
            ("2026-10-09 17:00", 14, "1", "2026-10-13 09:00"),
            ("2026-10-09 10:30", 1, "2", "2026-10-10 17:30"),
            ("2026-10-09 10:30", 5, "2", "2026-10-15 17:30"),
            ("2026-09-30 10:30", 1, "2", "2026-10-08 17:30"),
        ] {
            assert_eq!(
                deadline(local(begin), limit, unit),
                Some(local(end)),
                "{begin} {limit} {unit}"
            );
        }
        assert_eq!(deadline(local("2026-12-31 10:30"), 1, "2"), None);
    }
}
