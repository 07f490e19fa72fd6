//! Parses durations.

use chrono::TimeDelta;

/// The units of fixed length: seconds, and names, the longer ones first. Working days (工作日), working
/// hours (工作时) and months have no fixed length.
const UNITS: [(i64, &str); 5] = [
    (60, "分钟 分 min m M"),
    (3_600, "小时 时 h H"),
    (86_400, "天 日 d D"),
    (1, "秒 s S"),
    (604_800, "周"),
];

/// Parses `30分钟`, `1天2小时`, `2h`, `02:30` (hours and minutes), `02:30:15` or `P1DT2H` (ISO 8601).
pub(super) fn parse(text: &str) -> Option<TimeDelta> {
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
    fn durations_are_read_and_working_time_is_not() {
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
            assert_eq!(parse(text).map(|span| span.num_seconds()), seconds, "{text}");
        }
    }
}
