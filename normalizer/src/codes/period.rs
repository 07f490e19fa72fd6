//! The period in which a row of a code table is valid.

use chrono::{NaiveDate, TimeDelta};
use contract::Timestamp;

/// The days on which a row is valid, from `from` to `until`, both included. `None` means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Period {
    from: Option<NaiveDate>,
    until: Option<NaiveDate>,
}

impl Period {
    /// Parses the two cells: `2020-06-01`, or `202006` for a month; an empty cell means no limit.
    pub(crate) fn parse(from: &str, until: &str) -> Result<Self, String> {
        let (from, until) = (day(from, false)?, day(until, true)?);
        match (from, until) {
            (Some(from), Some(until)) if until < from => Err("`until` is before `from`".to_owned()),
            _ => Ok(Self { from, until }),
        }
    }

    /// Whether it contains the day, by Beijing time, of a moment.
    pub(crate) fn contains(self, at: Timestamp) -> bool {
        let day = (at + TimeDelta::hours(8)).date_naive();
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Whether the two periods have a day in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let ends_before = |a: Self, b: Self| a.until.zip(b.from).is_some_and(|(a, b)| a < b);
        !ends_before(self, other) && !ends_before(other, self)
    }

    /// The last day, for sorting; a period without an end comes last.
    pub(crate) fn end(self) -> NaiveDate {
        self.until.unwrap_or(NaiveDate::MAX)
    }

    /// The content, for a fingerprint.
    pub(crate) fn content(self) -> (Option<NaiveDate>, Option<NaiveDate>) {
        (self.from, self.until)
    }
}

/// The row that is valid at a time; the row with the latest end if the time is unknown or no row is valid.
pub(crate) fn valid_row<T>(
    rows: &[T],
    period: impl Fn(&T) -> Period,
    at: Option<Timestamp>,
) -> Option<&T> {
    if let [single] = rows {
        return Some(single);
    }
    at.and_then(|at| rows.iter().find(|row| period(row).contains(at)))
        .or_else(|| rows.iter().max_by_key(|row| period(row).end()))
}

/// Parses a day or a month; a month gives its first day, or its last day if `is_end`. `None` for an empty
/// text.
fn day(text: &str, is_end: bool) -> Result<Option<NaiveDate>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("`{text}` is not a date; write it as 2020-06-01");
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(Some(day));
    }
    let first = NaiveDate::parse_from_str(&format!("{text}01"), "%Y%m%d").map_err(|_| wrong())?;
    if !is_end {
        return Ok(Some(first));
    }
    let next = first.checked_add_months(chrono::Months::new(1)).ok_or_else(wrong)?;
    Ok(next.pred_opt())
}
