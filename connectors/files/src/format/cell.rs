//! The value of a cell of a workbook as text, and what is doubtful about it.
//!
//! A workbook does not keep what people typed. Excel keeps 15 digits of a number, turns a date into a
//! number of days that only the number format tells from other numbers, and stores the result of a
//! formula, which may be an error.

mod number_format;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use document::unprotected;

pub(super) use self::number_format::NumberFormat;

/// A cell of a workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) doubt: Option<Doubt>,
}

/// What is doubtful about the value of a cell, in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The value was lost before the file was written: the field becomes null.
    Lost(&'static str),
    /// The value is kept, but it cannot be the key of a record.
    NotAKey(&'static str),
    /// The value may be a date, and would then be another one than it seems.
    Ambiguous(&'static str),
}

/// From this number on, a whole number has more than the 15 digits that Excel keeps.
const MIN_ROUNDED: f64 = 1e15;
/// Up to 2^53, a float represents every whole number exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
/// The days that people mean by a number of five digits: from 1954 to 2119.
const USUAL_DAYS: std::ops::Range<f64> = 20_000.0..80_000.0;
/// Days between the two days from which workbooks count: 1899-12-30 and 1904-01-01.
const DAYS_TO_1904: f64 = 1_462.0;
/// The day after 9999-12-31, which is the last one in a workbook.
const END_OF_DAYS: f64 = 2_958_466.0;

impl Cell {
    pub(super) fn text(text: String) -> Self {
        let text = unprotected(&text).map_or_else(|| text.clone(), str::to_owned);
        Self { text, doubt: None }
    }

    pub(super) fn boolean(value: bool) -> Self {
        Self::text(if value { "TRUE" } else { "FALSE" }.to_owned())
    }

    /// A cell that has no value, although it is not empty; `text` is what it says instead.
    pub(super) fn lost(text: String, detail: &'static str) -> Self {
        Self { text, doubt: Some(Doubt::Lost(detail)) }
    }

    /// A cell with a number, which was `written` like this. It is shown as Excel shows a date, a
    /// duration, or a number with leading zeros; other formats change only how a number looks.
    pub(super) fn number(written: &str, format: &NumberFormat, is_1904: bool) -> Self {
        let text = plain_number(written);
        let Ok(number) = text.parse::<f64>() else { return Self::text(text) };
        let is_usual_day = USUAL_DAYS.contains(&number);
        let shown = match format {
            NumberFormat::Date => date_text(number, is_1904),
            NumberFormat::Elapsed => elapsed_text(number),
            NumberFormat::Padded { .. } if number.fract() != 0.0 || number < 0.0 => None,
            NumberFormat::Padded { before, n_digits, after } => {
                Some(format!("{before}{text:0>n_digits$}{after}"))
            }
            // The format is unknown. In a workbook that counts days from 1904, a number with a time of
            // day is then read as a date here: later, nobody knows from which day it counts.
            NumberFormat::Unknown if is_1904 && is_usual_day && number.fract() != 0.0 => {
                date_text(number, is_1904)
            }
            NumberFormat::Plain | NumberFormat::Unknown => None,
        };
        let doubt = match &shown {
            _ if number.abs() >= MIN_ROUNDED && may_be_rounded(&text, number) => Some(Doubt::Lost(
                "the cell has a number of more than 15 digits, of which programs keep only some; \
                 ask the source to write it as text",
            )),
            _ if number.abs() >= MIN_ROUNDED => Some(Doubt::NotAKey(
                "the key is a number of more than 15 digits, of which Excel keeps only 15; ask the \
                 source to write it as text",
            )),
            Some(_) => None,
            None if is_1904 && is_usual_day => Some(Doubt::Ambiguous(
                "the workbook counts days from 1904: if this number is a date, it is four years later \
                 than it seems",
            )),
            None if number.fract() != 0.0 => {
                Some(Doubt::NotAKey("the key is a number with a fraction, which is not exact"))
            }
            None => None,
        };
        Self { text: shown.unwrap_or(text), doubt }
    }
}

/// Reads the text of a cell as a time: ISO 8601, as date cells are written here, or a number of days
/// since 1899-12-30, from a cell without a date format.
pub(crate) fn time_of_cell(text: &str) -> Option<NaiveDateTime> {
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(NaiveDateTime::from);
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().or_else(date);
    let days = || text.parse().ok().filter(|days| USUAL_DAYS.contains(days));
    time.or_else(|| local_time(days()?, false))
}

/// A number as people write it: without an exponent, and without `.0` if it is whole.
fn plain_number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < MAX_EXACT => format!("{number:.0}"),
        Ok(number) if text.contains(['e', 'E']) => number.to_string(),
        _ => text.to_owned(),
    }
}

/// Whether a program may have rounded a number that is written with more than 15 digits.
///
/// Excel replaces the digits after the 15th with zeros. Programs that keep numbers as floats keep whole
/// numbers up to 2^53; larger ones they write in one of a few ways, and digits that are written in none
/// of these ways were never a float. Even such a number is no key: once Excel has saved the file again,
/// two rows may have the same number.
fn may_be_rounded(written: &str, number: f64) -> bool {
    let digits = written.trim_start_matches('-');
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_cut = digits.bytes().skip(15).all(|digit| digit == b'0');
    if !is_whole || is_cut {
        return true;
    }
    let number = number.abs();
    // The first digits of the float, and zeros.
    let is_float = |n_digits: usize| {
        let mantissa = format!("{number:.*e}", n_digits - 1);
        let mantissa = mantissa.split('e').next().unwrap_or_default().replace('.', "");
        format!("{mantissa:0<width$}", width = digits.len()) == digits
    };
    number > MAX_EXACT
        && ((15..=17).any(is_float)
            || format!("{number:.0}") == digits
            || number.to_string() == digits)
}

/// The date, the time of day or both, in ISO 8601; `None` if Excel shows no date either.
fn date_text(days: f64, is_1904: bool) -> Option<String> {
    let time = local_time(days, is_1904)?;
    let format = match () {
        () if days < 1.0 => "%H:%M:%S%.f",
        () if time.time() == NaiveTime::MIN => "%Y-%m-%d",
        () => "%Y-%m-%dT%H:%M:%S%.f",
    };
    Some(time.format(format).to_string())
}

/// The time after this number of days. Day 60 is 1900-02-29 in Excel, a day that does not exist;
/// the days before it are counted from one day later.
fn local_time(days: f64, is_1904: bool) -> Option<NaiveDateTime> {
    let since_1899 = if is_1904 { days + DAYS_TO_1904 } else { days };
    let first_day = match since_1899 {
        0.0..60.0 => 31,
        61.0..END_OF_DAYS => 30,
        _ => return None,
    };
    let midnight = NaiveDate::from_ymd_opt(1899, 12, first_day)?.and_time(NaiveTime::MIN);
    midnight.checked_add_signed(TimeDelta::try_milliseconds(rounded(since_1899 * 86_400_000.0))?)
}

/// A duration: `36:30:00`.
fn elapsed_text(days: f64) -> Option<String> {
    let seconds = (0.0..END_OF_DAYS).contains(&days).then(|| rounded(days * 86_400.0))?;
    Some(format!("{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60))
}

/// The nearest whole number. All callers check its range, so nothing is cut off.
#[allow(clippy::cast_possible_truncation)]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests;
