//! Parses durations.

use chrono::TimeDelta;
use contract::demand::LimitUnit;

/// A duration: of fixed length, or in working time, whose length depends on when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Fixed(TimeDelta),
    WorkDays(u32),
    WorkHours(u32),
}

/// The names of the units of working time.
const WORK_DAYS: &str = "工作日";
const WORK_HOURS: [&str; 2] = ["工作时", "工作小时"];

/// Parses `5个工作日`, `8工作时` or a duration of fixed length.
pub(super) fn parse(text: &str) -> Option<Span> {
    let number_of = |unit: &str| -> Option<u32> {
        text.strip_suffix(unit)?.trim_end().trim_end_matches('个').trim_end().parse().ok()
    };
    let days = number_of(WORK_DAYS).map(Span::WorkDays);
    let hours = || WORK_HOURS.into_iter().find_map(number_of).map(Span::WorkHours);
    days.or_else(hours).or_else(|| fixed(text).map(Span::Fixed))
}

/// The duration of `number` units; a text that names its unit itself is parsed.
pub(super) fn in_unit(number: &str, unit: LimitUnit) -> Option<Span> {
    // Number columns and workbooks write 5 as 5.0 too.
    let whole = number.split_once('.').filter(|(_, end)| end.bytes().all(|digit| digit == b'0'));
    let Ok(n) = whole.map_or(number, |(whole, _)| whole).parse::<u32>() else {
        return parse(number);
    };
    Some(match unit {
        LimitUnit::Minute => Span::Fixed(TimeDelta::minutes(i64::from(n))),
        LimitUnit::WorkHour => Span::WorkHours(n),
        LimitUnit::WorkDay => Span::WorkDays(n),
    })
}

/// The units of fixed length: seconds, and names, the longer ones first. Months have no fixed length.
const UNITS: [(i64, &str); 5] = [
    (60, "分钟 分 min m M"),
    (3_600, "小时 时 h H"),
    (86_400, "天 日 d D"),
    (1, "秒 s S"),
    (604_800, "周"),
];

/// Parses `30分钟`, `1天2小时`, `2h`, `02:30` (hours and minutes), `02:30:15` or `P1DT2H` (ISO 8601).
fn fixed(text: &str) -> Option<TimeDelta> {
    if text.contains(':') {
        return clock(text);
    }
    // In ISO 8601 an M before the T is a month.
    let (date, time) = match text.strip_prefix('P') {
        Some(iso) => iso.split_once('T').unwrap_or((iso, "")),
        None => ("", text),
    };
    if date.contains('M') {
        return None;
    }
    let (mut seconds, mut n_units) = (0_i64, 0);
    for part in [date, time] {
        let mut rest = part;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: i64 = rest[..digits].parse().ok()?;
            let after = rest[digits..].trim_start().trim_start_matches('个');
            let (unit, length) = UNITS.iter().find_map(|(length, units)| {
                Some((units.split(' ').find(|unit| after.starts_with(unit))?, length))
            })?;
            rest = after[unit.len()..].trim_start();
            seconds = seconds.checked_add(number.checked_mul(*length)?)?;
            n_units += 1;
        }
    }
    if n_units == 0 { None } else { TimeDelta::try_seconds(seconds) }
}

/// Parses hours, minutes and seconds separated by `:`.
fn clock(text: &str) -> Option<TimeDelta> {
    let parts: Vec<i64> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [hours, minutes] => (hours, minutes, 0),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    let is_clock =
        (0..10_000).contains(&hours) && (0..60).contains(&minutes) && (0..60).contains(&seconds);
    is_clock.then(|| TimeDelta::seconds(hours * 3_600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_fixed_length_are_read() {
        for (text, seconds) in [
            ("30分钟", Some(1_800)),
            ("1天2小时", Some(93_600)),
            ("2h", Some(7_200)),
            ("3 个小时", Some(10_800)),
            ("02:30", Some(9_000)),
            ("02:30:15", Some(9_015)),
            ("PT2H30M", Some(9_000)),
            ("P1DT1S", Some(86_401)),
            ("P1M", None),
            ("7个工作日", None),
            ("5工作时", None),
            ("", None),
            ("P", None),
            ("7", None),
            ("尽快", None),
            ("02:99", None),
            ("99999999999999999999天", None),
            ("9223372036854775807天", None),
        ] {
            assert_eq!(fixed(text).map(|span| span.num_seconds()), seconds, "{text}");
        }
    }

    #[test]
    fn working_time_is_read_with_its_number() {
        for (text, expected) in [
            ("7个工作日", Some(Span::WorkDays(7))),
            ("15 个 工作日", Some(Span::WorkDays(15))),
            ("5工作日", Some(Span::WorkDays(5))),
            ("8工作时", Some(Span::WorkHours(8))),
            ("16个工作小时", Some(Span::WorkHours(16))),
            ("工作日", None),
            ("-1工作日", None),
            ("1天2工作时", None),
            ("两个工作日", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(in_unit("5", LimitUnit::WorkDay), Some(Span::WorkDays(5)));
        assert_eq!(in_unit("90", LimitUnit::Minute), Some(Span::Fixed(TimeDelta::minutes(90))));
        assert_eq!(in_unit("5.00", LimitUnit::WorkHour), Some(Span::WorkHours(5)));
        assert_eq!(in_unit("2.5", LimitUnit::WorkHour), None);
        assert_eq!(in_unit("5个工作日", LimitUnit::Minute), Some(Span::WorkDays(5)));
        assert_eq!(in_unit("几天", LimitUnit::WorkDay), None);
    }
}
