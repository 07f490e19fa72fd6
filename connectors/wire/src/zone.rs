//! The zone that a time format names itself. It decides, because a time that is written in another zone would be hours
//! away from what it says.

use chrono::{NaiveDate, Offset as _, TimeZone as _};
use chrono_tz::Tz;

/// The zone that a time format names in plain text at its end: `Z`, `UTC`, `GMT` or an offset in whole hours.
pub fn literal_zone(format: &str) -> Option<Tz> {
    let is_plain = |name: &str| format.ends_with(name) && !format.ends_with(&format!("%{name}"));
    if ["Z", "UTC", "GMT", "+00:00", "+0000"].into_iter().any(is_plain) {
        return Some(Tz::UTC);
    }
    let offset = format.strip_suffix(":00").or_else(|| format.strip_suffix("00"))?;
    let (_, hours) = offset.split_at_checked(offset.len().checked_sub(3)?)?;
    // The names of these zones have the opposite sign.
    let sign = match hours.as_bytes().first()? {
        b'+' => '-',
        b'-' => '+',
        _ => return None,
    };
    let hours: u8 = hours.get(1..)?.parse().ok()?;
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

/// Whether two zones have the same offsets, in winter and in summer.
pub fn have_same_offsets(a: Tz, b: Tz) -> bool {
    [1, 7].into_iter().filter_map(|month| NaiveDate::from_ymd_opt(2026, month, 1)).all(|day| {
        let offset = |zone: Tz| zone.offset_from_utc_date(&day).fix();
        offset(a) == offset(b)
    })
}
