//! Working days and working hours (工作日, 工作时): `codes/calendar.csv`.
//!
//! Monday to Friday are working days, except for the holidays of the table; a Saturday or Sunday is one if the
//! table says so (调休). The dates of each year are announced only shortly before it begins. So a limit that leads
//! into a year of which the table has no row has no end: a wrong deadline is worse than none.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use super::load::{CodeFile, CodesProblem, Columns};

/// The holidays and working weekends of some years, and the hours of every working day.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    /// Whether a day is a working day, for the days that differ from their weekday.
    days: BTreeMap<NaiveDate, bool>,
    /// The office hours of a working day, since midnight, in order.
    hours: Vec<(TimeDelta, TimeDelta)>,
}

const COLUMNS: Columns =
    Columns { required: &["date", "kind"], optional: &["hours", "note"], checked: &["date"] };
/// The date of the row that has the hours of all working days.
const EVERY_DAY: &str = "*";

impl Calendar {
    /// Parses a file, whose rows override those of the shipped table with the same date.
    pub(super) fn parse(
        file: &CodeFile,
        shipped: Option<&Self>,
        problems: &mut Vec<CodesProblem>,
    ) -> Self {
        let mut calendar = shipped.cloned().unwrap_or_default();
        let mut lines = BTreeMap::new();
        file.rows(&COLUMNS, problems, |row, problems| {
            let (date, kind, hours) = (row.get("date"), row.get("kind"), row.get("hours"));
            if let Some(first) = lines.insert(date.to_owned(), row.line) {
                let message = format!("`{date}` is already on line {first}; remove one of the two");
                return file.report(row.line, message, problems);
            }
            let read = if date == EVERY_DAY {
                openings(hours).map(|hours| calendar.hours = hours)
            } else {
                calendar.set(date, kind, hours)
            };
            if let Err(message) = read {
                file.report(row.line, message, problems);
            }
        });
        calendar
    }

    /// Enters a day; an empty kind removes it, so that only its weekday counts.
    fn set(&mut self, date: &str, kind: &str, hours: &str) -> Result<(), String> {
        let day = NaiveDate::parse_from_str(date, "%Y-%m-%d")
            .map_err(|_| format!("`{date}` is not a date; write it as 2026-10-01, or `*`"))?;
        if !hours.is_empty() {
            return Err("only the row with the date `*` has `hours`; remove them here".to_owned());
        }
        match kind {
            "workday" => self.days.insert(day, true),
            "holiday" => self.days.insert(day, false),
            "" => self.days.remove(&day),
            _ => return Err(format!("`kind` is `{kind}`; write workday or holiday")),
        };
        Ok(())
    }

    /// The end of `n` working days after a local time. The day on which a limit begins is not counted, and the
    /// last day ends when the offices close, or at midnight if the table has no hours (Civil Code of China,
    /// articles 201 and 203). `None` for no days, and where the table does not know the year.
    pub(crate) fn after_days(&self, begin: NaiveDateTime, n: u32) -> Option<NaiveDateTime> {
        let mut left = n.checked_sub(1)?;
        let mut day = begin.date().checked_add_days(Days::new(1))?;
        while !self.is_workday(day)? || left > 0 {
            left -= u32::from(self.is_workday(day)?);
            day = day.succ_opt()?;
        }
        let closes = self.hours.last().map_or(TimeDelta::days(1), |(_, until)| *until);
        day.and_time(NaiveTime::MIN).checked_add_signed(closes)
    }

    /// The end of `n` working hours after a local time, of which only office hours count. `None` for no hours,
    /// and where the table does not know the year or has no hours.
    pub(crate) fn after_hours(&self, begin: NaiveDateTime, n: u32) -> Option<NaiveDateTime> {
        let mut left = TimeDelta::hours(i64::from(n));
        if left.is_zero() || self.hours.is_empty() {
            return None;
        }
        let mut day = begin.date();
        loop {
            let midnight = day.and_time(NaiveTime::MIN);
            let hours = if self.is_workday(day)? { self.hours.as_slice() } else { &[] };
            for (from, until) in hours {
                let from = midnight.checked_add_signed(*from)?.max(begin);
                let open = midnight.checked_add_signed(*until)? - from;
                if open >= left {
                    return from.checked_add_signed(left);
                }
                left -= open.max(TimeDelta::zero());
            }
            day = day.succ_opt()?;
        }
    }

    /// Whether people work on a day; `None` if the table has no row of its year.
    fn is_workday(&self, day: NaiveDate) -> Option<bool> {
        if let Some(is_workday) = self.days.get(&day) {
            return Some(*is_workday);
        }
        let first = NaiveDate::from_ymd_opt(day.year(), 1, 1)?;
        let last = NaiveDate::from_ymd_opt(day.year(), 12, 31)?;
        self.days.range(first..=last).next()?;
        Some(!matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
    }

    /// The content, for a fingerprint.
    pub(crate) fn content(&self) -> impl serde::Serialize {
        let hours =
            self.hours.iter().map(|(from, until)| (from.num_minutes(), until.num_minutes()));
        (self.days.clone(), hours.collect::<Vec<_>>())
    }
}

/// Parses `08:30-12:00 14:30-17:30`.
fn openings(text: &str) -> Result<Vec<(TimeDelta, TimeDelta)>, String> {
    let wrong = || format!("`hours` is `{text}`; write them as 08:30-12:00 14:30-17:30, in order");
    let mut hours: Vec<(TimeDelta, TimeDelta)> = Vec::new();
    for opening in text.split_whitespace() {
        let (from, until) = opening.split_once('-').ok_or_else(wrong)?;
        let (from, until) = (clock(from).ok_or_else(wrong)?, clock(until).ok_or_else(wrong)?);
        let after = hours.last().map_or(TimeDelta::zero(), |(_, until)| *until);
        if from < after || until <= from {
            return Err(wrong());
        }
        hours.push((from, until));
    }
    if hours.is_empty() { Err(wrong()) } else { Ok(hours) }
}

/// Parses a time of day up to 24:00, as the time since midnight.
fn clock(text: &str) -> Option<TimeDelta> {
    if text == "24:00" {
        return Some(TimeDelta::days(1));
    }
    Some(NaiveTime::parse_from_str(text, "%H:%M").ok()? - NaiveTime::MIN)
}

#[cfg(test)]
mod tests;
