//! What a file's name says: whether it is meant, and when it was made.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;

/// Whether a name is one component of a path and nothing else. A server may list any text as a
/// name: one with a separator in it would lead out of the folder.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\u{FFFD}'])
        && !name.chars().any(char::is_control)
}

/// Whether a name fits a pattern in which `*` stands for any characters.
pub(crate) fn fits(name: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = left.find(piece) else { return false };
        left = &left[at + piece.len()..];
    }
    left.len() >= last.len() && left.ends_with(last)
}

/// The time in a name: the first place where `format` can be read.
pub(crate) fn time(name: &str, format: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let local = name.char_indices().find_map(|(at, _)| local(&name[at..], format))?;
    zone.from_local_datetime(&local).earliest().map(|time| time.with_timezone(&Utc))
}

/// A time at the beginning of a text.
fn local(text: &str, format: &str) -> Option<NaiveDateTime> {
    match NaiveDateTime::parse_and_remainder(text, format) {
        Ok((time, _)) => Some(time),
        Err(_) => {
            let (date, _) = NaiveDate::parse_and_remainder(text, format).ok()?;
            Some(date.and_time(NaiveTime::MIN))
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Shanghai;

    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_none() {
        for name in ["", ".", "..", "../a.csv", "/a.csv", "a/b.csv", "a\\b.csv", "a\0.csv", ".a"] {
            assert!(!is_plain(name), "{name:?} was taken");
        }
        for name in ["a.csv", "企业诉求 2026-10.xlsx", "a..csv"] {
            assert!(is_plain(name), "{name:?} was refused");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (name, pattern) in [
            ("WQFW_1.csv", "WQFW_*.csv"),
            ("WQFW_.csv", "WQFW_*.csv"),
            ("a.csv.csv", "*.csv"),
            ("abcbc", "a*bc"),
            ("企业.xlsx", "企*"),
            ("x", "*"),
            ("a1b2c", "a*b*c"),
        ] {
            assert!(fits(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [
            ("WQFW_1.csv.ok", "WQFW_*.csv"),
            ("wqfw_1.csv", "WQFW_*.csv"),
            ("aa", "a*aa"),
            ("a", "a*a"),
            ("x.csv", "x"),
        ] {
            assert!(!fits(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn a_time_is_found_by_what_stands_around_it() {
        for (name, format, expected) in [
            ("WQFW_340200_APPEAL_20261009103000.csv", "_%Y%m%d%H%M%S.", Some("2026-10-09T02:30")),
            ("企业诉求2026-10-09.xlsx", "%Y-%m-%d", Some("2026-10-08T16:00")),
            ("企业诉求2026年10月9日.xlsx", "%Y年%m月%d日", Some("2026-10-08T16:00")),
            ("WQFW_340200_APPEAL_20261039103000.csv", "_%Y%m%d%H%M%S.", None),
            ("WQFW_340200_APPEAL.csv", "_%Y%m%d%H%M%S.", None),
        ] {
            let found = time(name, format, Shanghai);
            let found = found.map(|time| time.format("%Y-%m-%dT%H:%M").to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }
}
