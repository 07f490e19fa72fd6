//! Formats and parses times as the sources write them: Beijing time without a zone.

use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike as _};

const HTTP_FORMAT: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn dashed(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Parses the format of [`dashed`].
pub(crate) fn parse_dashed(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()
}

/// `yyyy/M/d H:mm`: no seconds, and no leading zeros in month, day and hour.
pub(crate) fn slashed(at: NaiveDateTime) -> String {
    at.format("%Y/%-m/%-d %-H:%M").to_string()
}

/// `yyyyMMddHHmmss`.
pub(crate) fn compact(at: NaiveDateTime) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// The time as spreadsheets store it: days since 1899-12-30, with the time of day as a fraction of up to
/// six digits.
pub(crate) fn serial(at: NaiveDateTime) -> String {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default();
    let seconds = (at - epoch.and_time(NaiveTime::MIN)).num_seconds();
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Rounds to the nearest millionth, but never to the next day.
    let millionths = ((second * 1_000_000 + 43_200) / 86_400).min(999_999);
    let text = format!("{days}.{millionths:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Parses any of the four formats above, to the second, or to the minute for [`slashed`].
pub(crate) fn parse_any(text: &str) -> Option<NaiveDateTime> {
    let parse = |format| NaiveDateTime::parse_from_str(text, format).ok();
    let other = || ["%Y/%m/%d %H:%M", "%Y%m%d%H%M%S"].into_iter().find_map(parse);
    parse_dashed(text).or_else(other).or_else(|| {
        let (days, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let days = Days::new(days.parse().ok()?);
        let date = NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(days)?;
        let millionths: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        let seconds = (millionths * 86_400 + 500_000) / 1_000_000;
        Some(date.and_time(NaiveTime::MIN) + TimeDelta::seconds(seconds))
    })
}

/// Milliseconds since 1970 in UTC, from Beijing time.
pub(crate) fn epoch_ms(at: NaiveDateTime) -> i64 {
    (at - TimeDelta::hours(8)).and_utc().timestamp_millis()
}

/// Seconds since 1970 in UTC, from Beijing time.
pub(crate) fn epoch(at: NaiveDateTime) -> i64 {
    epoch_ms(at).div_euclid(1_000)
}

/// The format of HTTP headers, `Tue, 09 Nov 2021 08:49:20 GMT`.
pub(crate) fn http_date(at: NaiveDateTime) -> String {
    (at - TimeDelta::hours(8)).format(HTTP_FORMAT).to_string()
}

/// Parses the format of [`http_date`].
pub(crate) fn parse_http_date(text: &str) -> Option<NaiveDateTime> {
    Some(NaiveDateTime::parse_from_str(text, HTTP_FORMAT).ok()? + TimeDelta::hours(8))
}

/// The time without fractions of a second.
pub(crate) fn whole_second(at: NaiveDateTime) -> NaiveDateTime {
    at.with_nanosecond(0).unwrap_or(at)
}

/// `numerator / denominator` of a time span.
pub(crate) fn fraction(span: Duration, numerator: u64, denominator: u64) -> TimeDelta {
    let ms = span.as_millis() * u128::from(numerator) / u128::from(denominator.max(1));
    TimeDelta::milliseconds(i64::try_from(ms).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_time_has_four_formats() {
        let at = NaiveDateTime::parse_from_str("2026-10-09 10:30:00", "%F %T").unwrap();
        assert_eq!(dashed(at), "2026-10-09 10:30:00");
        assert_eq!(slashed(at), "2026/10/9 10:30");
        assert_eq!(compact(at), "20261009103000");
        assert_eq!(serial(at), "46304.4375");
        for text in [dashed(at), slashed(at), compact(at), serial(at)] {
            assert_eq!(parse_any(&text), Some(at), "{text}");
        }
        assert_eq!((parse_any(""), parse_any("明天")), (None, None));
        let odd = at + chrono::TimeDelta::seconds(17);
        assert_eq!(parse_any(&serial(odd)), Some(odd));
    }
}
