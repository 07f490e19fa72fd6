//! Reads the header `Retry-After` (RFC 9110 §10.2.3): seconds or a date. A fraction of a second is rounded
//! up, so that no request is too early. Some sources write the time since 1970 there, in seconds or
//! milliseconds.

use std::time::{Duration, SystemTime};

use contract::Timestamp;

/// Minimum pause, even if the header names a time in the past.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// Maximum pause: more than a day is a mistake of the source.
pub(super) const MAX_PAUSE: Duration = Duration::from_secs(86_400);

/// The pause that the header's `value` asks for; `None` if it cannot be read. A date in `value` is compared
/// with `date`, the `Date` header of the same answer, because both are by the source's clock; without it,
/// with `now`, the time by our clock.
pub fn retry_after(value: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let answered_at = date.and_then(|date| httpdate::parse_http_date(date.trim()).ok());
    let answered_at = answered_at.unwrap_or(SystemTime::from(now));
    let wait = if let Ok(until) = httpdate::parse_http_date(value) {
        until.duration_since(answered_at).unwrap_or_default()
    } else {
        let wait = seconds(value)?;
        since_1970(wait, answered_at).unwrap_or(wait)
    };
    Some(wait.clamp(MIN_PAUSE, MAX_PAUSE))
}

/// The pause if `value` is a time since 1970 in seconds or milliseconds: then it is near the time of the
/// answer.
fn since_1970(value: Duration, answered_at: SystemTime) -> Option<Duration> {
    let answered_at = answered_at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    [1, 1_000].into_iter().map(|unit| value / unit).find_map(|until| {
        let is_near = until.abs_diff(answered_at) <= MAX_PAUSE;
        is_near.then(|| until.saturating_sub(answered_at))
    })
}

/// Reads seconds. Rounds up a fraction, which some sources write.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(whole.saturating_add(has_fraction.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-25T08:00:00.250Z";

    #[track_caller]
    fn check(value: &str, date: Option<&str>, wait: Option<u64>) {
        let found = retry_after(value, date, NOW.parse().unwrap());
        assert_eq!(found, wait.map(Duration::from_millis), "{value}");
    }

    #[test]
    fn seconds_are_never_rounded_down() {
        check("30", None, Some(30_000));
        check(" 30 ", None, Some(30_000));
        check("1.5", None, Some(2_000));
        check("2.0", None, Some(2_000));
        check("0", None, Some(1_000));
    }

    #[test]
    fn all_three_forms_of_a_date_are_read() {
        check("Wed, 25 Nov 2026 08:00:30 GMT", None, Some(29_750));
        check("Wednesday, 25-Nov-26 08:00:30 GMT", None, Some(29_750));
        check("Wed Nov 25 08:00:30 2026", None, Some(29_750));
        check("Wed, 25 Nov 2026 07:00:00 GMT", None, Some(1_000));
    }

    #[test]
    fn a_date_is_read_by_the_clock_of_the_source() {
        let ahead = Some("Wed, 25 Nov 2026 09:00:00 GMT");
        check("Wed, 25 Nov 2026 09:00:30 GMT", ahead, Some(30_000));
        check("30", ahead, Some(30_000));
    }

    #[test]
    fn a_time_since_1970_is_no_number_of_seconds_to_wait() {
        check("1795593630", None, Some(29_750));
        check("1795593630000", None, Some(29_750));
        check("1795590000", None, Some(1_000));
        check("1795597230", Some("Wed, 25 Nov 2026 09:00:00 GMT"), Some(30_000));
        check("2678400", None, Some(86_400_000));
    }

    #[test]
    fn implausible_values_are_limited_or_ignored() {
        check("99999999999999999999999", None, Some(86_400_000));
        check("Fri, 01 Jan 9999 00:00:00 GMT", None, Some(86_400_000));
        for text in ["", "-1", "soon", "1,5", ".5", "30 s", "Wed, 31 Feb 2026 08:00:00 GMT"] {
            check(text, None, None);
        }
    }
}
