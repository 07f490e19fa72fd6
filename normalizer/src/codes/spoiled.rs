//! Finds codes damaged by spreadsheets: `0101` becomes 101, eighteen digits become `3.40E+17`,
//! `1-2` becomes the second of January. Such a label never occurs, and records with the right one
//! would be unknown.

use super::load::CodeRow;

/// The damaged cells of one column, by line.
pub(super) fn spoiled(rows: &[CodeRow<'_>], column: &str) -> Vec<(u64, String)> {
    let width = width_with_zeros(rows, column);
    let named = rows.iter().filter_map(|row| {
        let cell = row.get(column);
        let what = if is_scientific(cell) {
            "the end of a long number is lost; set the column to text and enter it again".to_owned()
        } else if is_date(cell) {
            "a code like 1-2 became a date; set the column to text and enter it again".to_owned()
        } else if lost_zeros(cell, width) {
            let width = width.unwrap_or_default();
            format!(
                "the zeros in front are lost: others have {width} digits; enter `{cell:0>width$}`"
            )
        } else {
            return None;
        };
        Some((row.line, format!("a spreadsheet has spoiled `{cell}` in column {column}: {what}")))
    });
    named.collect()
}

/// `3.40E+11`.
fn is_scientific(cell: &str) -> bool {
    let Some((number, power)) = cell.split_once(['E', 'e']) else { return false };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    power.strip_prefix('+').is_some_and(is_digits) && is_digits(whole) && is_digits(fraction)
}

/// `1月2日`, `2-Jan`, `Jan-02`.
fn is_date(cell: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let is_day =
        |text: &str| matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((month, day)) = cell.strip_suffix('日').and_then(|rest| rest.split_once('月')) {
        return is_day(month) && is_day(day);
    }
    cell.split_once('-').is_some_and(|(one, other)| {
        MONTHS.contains(&one) && is_day(other) || MONTHS.contains(&other) && is_day(one)
    })
}

/// The number of digits of codes that begin with a zero, if they all have the same.
fn width_with_zeros(rows: &[CodeRow<'_>], column: &str) -> Option<usize> {
    let mut widths = rows.iter().map(|row| row.get(column)).filter(|cell| {
        cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|byte| byte.is_ascii_digit())
    });
    let width = widths.next()?.len();
    widths.all(|cell| cell.len() == width).then_some(width)
}

/// A number that is shorter than those with zeros in front.
fn lost_zeros(cell: &str, width: Option<usize>) -> bool {
    let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    is_number && !cell.starts_with('0') && width.is_some_and(|width| cell.len() < width)
}
