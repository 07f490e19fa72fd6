//! Parses times in the usual formats.
//!
//! There is one parser instead of a list of formats, because padding, separators and seconds vary
//! independently within one column.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Utc};

use super::{WrittenTime, days_since_1899};
use crate::codes::is_digits;

/// Parses a date with `-`, `/`, `.` or 年月日, padded or not, with or without time, fraction and zone;
/// or 8, 12 or 14 digits; or a number of days from a spreadsheet.
pub(super) fn parse(text: &str) -> Option<WrittenTime> {
    if let Some(time) = compact(text).or_else(|| likely_days(text)) {
        return Some(WrittenTime::Local(time));
    }
    let mut unread = Unread(text);
    let year = unread.number(4, 4)?;
    let separator = unread.one_of(&['-', '/', '.', '年'])?;
    let month = unread.number(1, 2)?;
    unread.one_of(if separator == '年' { &['月'] } else { &['-', '/', '.'] })?;
    let day = unread.number(1, 2)?;
    if separator == '年' {
        unread.one_of(&['日'])?;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    if unread.0.is_empty() {
        return date.and_hms_opt(0, 0, 0).map(WrittenTime::Local);
    }
    unread.skip_to_clock()?;
    let half = unread.half_of_day();
    let time = half.apply_to(unread.time()?)?;
    let local = date.and_time(time);
    if unread.0.is_empty() {
        return Some(WrittenTime::Local(local));
    }
    let offset = unread.offset()?;
    let moment = local.checked_sub_offset(offset)?;
    Some(WrittenTime::Moment(DateTime::from_naive_utc_and_offset(moment, Utc)))
}

/// Parses days since 1899-12-30 in a column that also has other formats. So that no other number is taken for
/// a time, it must have five digits before the point and be after 1954-10-03 (20000).
pub(super) fn likely_days(text: &str) -> Option<NaiveDateTime> {
    let whole = text.split('.').next().unwrap_or_default();
    let is_likely = whole.len() == 5 && whole.as_bytes()[0] >= b'2';
    is_likely.then(|| days(text)).flatten()
}

/// Parses days since 1899-12-30 in a column that has only these: up to five digits before the point.
pub(super) fn days(text: &str) -> Option<NaiveDateTime> {
    let (days, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if days.len() > 5 || !is_digits(days) || !is_digits(fraction) {
        return None;
    }
    // Nine digits of a day are far more precise than a second, and fit into an integer.
    let nine_digits = &format!("{fraction:0<9}")[..9];
    let billionths: i64 = nine_digits.parse().ok()?;
    let seconds = (billionths * 86_400 + 500_000_000) / 1_000_000_000;
    days_since_1899(days.parse().ok()?, seconds)
}

/// Parses 8, 12 or 14 digits: a date, with hour and minute, with second.
fn compact(text: &str) -> Option<NaiveDateTime> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to).and_then(|n| n.parse::<u32>().ok());
    let time = match text.len() {
        8 => (0, 0, 0),
        12 => (number(8, 10)?, number(10, 12)?, 0),
        14 => (number(8, 10)?, number(10, 12)?, number(12, 14)?),
        _ => return None,
    };
    let year = i32::try_from(number(0, 4)?).ok()?;
    NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?.and_hms_opt(time.0, time.1, time.2)
}

/// The half of the day in which a time is, if a word says so.
#[derive(Clone, Copy)]
enum Half {
    NotGiven,
    Morning,
    Afternoon,
}

impl Half {
    /// The time on a 24-hour clock: 下午3:30 and 下午15:30 are 15:30; 上午15:30 is invalid.
    fn apply_to(self, time: NaiveTime) -> Option<NaiveTime> {
        match (self, time.hour()) {
            (Self::NotGiven, _) | (Self::Morning, 0..=11) | (Self::Afternoon, 12..) => Some(time),
            (Self::Morning, 12) => time.with_hour(0),
            (Self::Afternoon, hour @ 0..=11) => time.with_hour(hour + 12),
            (Self::Morning, _) => None,
        }
    }
}

/// The part of the text that is not read yet.
struct Unread<'a>(&'a str);

impl Unread<'_> {
    /// Reads a number of `min` to `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.0.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if digits < min {
            return None;
        }
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        number.parse().ok()
    }

    /// Reads one of these characters.
    fn one_of(&mut self, allowed: &[char]) -> Option<char> {
        let found = self.0.chars().next().filter(|c| allowed.contains(c))?;
        self.0 = &self.0[found.len_utf8()..];
        Some(found)
    }

    /// Skips the separator between date and time.
    fn skip_to_clock(&mut self) -> Option<()> {
        let rest = self.0.strip_prefix('T').unwrap_or(self.0).trim_start();
        let begins = |c: char| c.is_ascii_digit() || matches!(c, '上' | '下' | '凌' | '早' | '晚');
        let moved = rest.len() < self.0.len() || rest.starts_with(begins);
        self.0 = rest;
        moved.then_some(())
    }

    /// Reads 上午, 下午 or a similar word before the hours.
    fn half_of_day(&mut self) -> Half {
        let words = [
            ("上午", Half::Morning),
            ("凌晨", Half::Morning),
            ("早上", Half::Morning),
            ("下午", Half::Afternoon),
            ("晚上", Half::Afternoon),
        ];
        for (word, half) in words {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest.trim_start();
                return half;
            }
        }
        Half::NotGiven
    }

    /// Reads the time of day: `10:30`, `10:30:15.5`, `10时30分`, `10点`.
    fn time(&mut self) -> Option<NaiveTime> {
        let hour = self.number(1, 2)?;
        let separator = self.one_of(&[':', '时', '点'])?;
        if separator != ':' && self.0.is_empty() {
            return NaiveTime::from_hms_opt(hour, 0, 0);
        }
        let minute = self.number(1, 2)?;
        let mut second = 0;
        let mut nanos = 0;
        if separator == ':' {
            if self.one_of(&[':']).is_some() {
                second = self.number(1, 2)?;
                nanos = self.fraction()?;
            }
        } else {
            self.one_of(&['分'])?;
            if let Some(number) = self.number(1, 2) {
                second = number;
                self.one_of(&['秒'])?;
            }
        }
        NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)
    }

    /// Reads `.123` or `,123` as nanoseconds, or 0 if there is none; digits after the ninth are ignored.
    fn fraction(&mut self) -> Option<u32> {
        if self.one_of(&['.', ',']).is_none() {
            return Some(0);
        }
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, rest) = self.0.split_at(digits);
        self.0 = rest;
        if fraction.is_empty() {
            return None;
        }
        format!("{:0<9}", &fraction[..digits.min(9)]).parse().ok()
    }

    /// Reads `Z`, `+08:00`, `+0800` or `+08`, which must end the text.
    fn offset(&mut self) -> Option<FixedOffset> {
        self.0 = self.0.trim_start();
        if matches!(self.0, "Z" | "z") {
            return FixedOffset::east_opt(0);
        }
        let sign = if self.one_of(&['+', '-'])? == '-' { -1 } else { 1 };
        let hours = self.number(2, 2)?;
        let _ = self.one_of(&[':']);
        let minutes = if self.0.is_empty() { 0 } else { self.number(2, 2)? };
        if !self.0.is_empty() || minutes > 59 {
            return None;
        }
        FixedOffset::east_opt(sign * i32::try_from(hours * 3_600 + minutes * 60).ok()?)
    }
}
