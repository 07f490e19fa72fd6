//! How the hotline's systems write a time: one way is documented, the others occur.

use chrono::{NaiveDate, NaiveDateTime};

/// `yyyy-MM-dd HH:mm:ss`, the documented way.
pub(super) fn plain(at: NaiveDateTime) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `yyyy/M/d H:mm`, without padding and seconds.
pub(super) fn slashed(at: NaiveDateTime) -> String {
    at.format("%Y/%-m/%-d %-H:%M").to_string()
}

/// `yyyyMMddHHmmss`.
pub(super) fn compact(at: NaiveDateTime) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// Days since 1899-12-30 with the time of day as a fraction of six digits at most, as spreadsheets
/// store times.
pub(super) fn serial(at: NaiveDateTime) -> String {
    let epoch = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default();
    let seconds = (at - epoch.and_time(chrono::NaiveTime::MIN)).num_seconds();
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Rounded to the nearest millionth; the last half second of a day stays in its day.
    let millionths = ((rest * 1_000_000 + 43_200) / 86_400).min(999_999);
    let text = format!("{days}.{millionths:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The time that one of the four spellings stands for, to the second (to the minute where it has no
/// seconds); `None` when it is none of them.
pub(super) fn read(text: &str) -> Option<NaiveDateTime> {
    let spellings = ["%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y%m%d%H%M%S"];
    let spelt = spellings.iter().find_map(|s| NaiveDateTime::parse_from_str(text, s).ok());
    spelt.or_else(|| {
        let (days, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let days = chrono::Days::new(days.parse().ok()?);
        let date = NaiveDate::from_ymd_opt(1899, 12, 30)?.checked_add_days(days)?;
        let millionths: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        let seconds = (millionths * 86_400 + 500_000) / 1_000_000;
        Some(date.and_time(chrono::NaiveTime::MIN) + chrono::TimeDelta::seconds(seconds))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_moment_has_four_spellings() {
        let at = NaiveDateTime::parse_from_str("2026-10-09 10:30:00", "%F %T").unwrap();
        assert_eq!(plain(at), "2026-10-09 10:30:00");
        assert_eq!(slashed(at), "2026/10/9 10:30");
        assert_eq!(compact(at), "20261009103000");
        assert_eq!(serial(at), "46304.4375");
        for text in [plain(at), slashed(at), compact(at), serial(at)] {
            assert_eq!(read(&text), Some(at), "{text}");
        }
        assert_eq!((read(""), read("明天")), (None, None));
        let odd = at + chrono::TimeDelta::seconds(17);
        assert_eq!(read(&serial(odd)), Some(odd));
    }
}
