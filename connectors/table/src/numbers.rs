//! Numbers that become visible late, in a column of numbers that are not times.
//!
//! A row may become visible after rows with greater numbers: its transaction took long, or its number was
//! drawn in advance. So a sweep begins at the greatest number that was there before the overlap and before
//! the oldest open transaction, unless that has been open for a day. Numbers before that which no row has are
//! asked for again.
//!
//! If the database does not say which transactions are open, any of the last day may be. Their numbers are among
//! the missing ones. If these are too many to remember, a sweep begins at the greatest number of a day ago.

use std::time::Duration;

use chrono::{DateTime, Utc};
use document::delta;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    cursor::SweepPosition,
    plan::ChangesPlan,
    time::ChangeValue,
    value::{Row, Value},
};

/// How long sweeps wait for an open transaction, unless the overlap is very long. One that was forgotten would
/// make every sweep read all rows since it began.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Maximum number of greatest numbers to remember. They are far enough apart for any overlap.
const MAX_NOTES: usize = 32;
/// Maximum number of ranges of missing numbers to remember.
const MAX_MISSING: usize = 200;

/// What the sweeps of a column of numbers remember.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Numbers {
    /// The greatest number at the end of a sweep, when that was by the source's clock, and the first
    /// transaction that had not begun then. A sweep begins at the first of them.
    notes: Vec<(DateTime<Utc>, Value, u64)>,
    /// The oldest transaction that was open before the current sweep.
    open: u64,
    /// The first and last number of ranges that no row has: the greatest ones before the current position.
    missing: Vec<(i64, i64)>,
    /// The greatest missing number that is not remembered, because there were too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten: Option<i64>,
}

/// Reads the numbers of a cursor. Older cursors hold only the greatest numbers and when that was.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Numbers, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Old(Vec<(DateTime<Utc>, Value)>),
        New(Numbers),
    }
    Ok(match Stored::deserialize(deserializer)? {
        // Which transactions were open is not known, so any that has begun may be one of them.
        Stored::Old(notes) => Numbers {
            notes: notes.into_iter().map(|(at, number)| (at, number, u64::MAX)).collect(),
            ..Numbers::default()
        },
        Stored::New(numbers) => numbers,
    })
}

/// The transactions of a database, numbered in the order in which they began. Both are 0 if no transaction can
/// be open beside a sweep.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Transactions {
    pub(crate) oldest_open: u64,
    pub(crate) next: u64,
}

impl Numbers {
    /// Notes the greatest number after a sweep. Drops what is before a number that was there before the
    /// overlap, if all transactions that were open then had ended before the sweep began, or have been open
    /// for too long. `transactions` is `None` if the database does not say which are open.
    ///
    /// Returns the number at which the next sweep must begin.
    pub(crate) fn note(
        &mut self,
        changes: &ChangesPlan,
        newest: &Value,
        now: DateTime<Utc>,
        transactions: Option<Transactions>,
    ) -> Option<Value> {
        let is_known = transactions.is_some();
        let transactions = transactions.unwrap_or(Transactions { oldest_open: 0, next: u64::MAX });
        let age = |at: DateTime<Utc>| now.signed_duration_since(at);
        if self.notes.last().is_none_or(|(_, last, _)| last != newest) {
            let interval = delta(changes.overlap / 16);
            let before = self.notes.iter().rev().nth(1);
            if before.is_some_and(|(at, ..)| age(*at) < interval) {
                self.notes.pop();
            }
            self.notes.push((now, newest.clone(), transactions.next));
        }
        for (_, _, next) in &mut self.notes {
            // Another server may begin with smaller numbers.
            *next = (*next).min(transactions.next);
        }
        let overlap = delta(changes.overlap);
        let max_wait = delta(MAX_WAIT.max(changes.overlap.saturating_mul(16)));
        let mut is_given_up = false;
        while let Some((at, _, next)) = self.notes.get(1) {
            let had_ended = *next <= self.open;
            // If they have ended meanwhile, the next sweep finds their rows.
            let is_open = *next > transactions.oldest_open;
            let is_too_long = is_open && age(*at) >= max_wait;
            if age(*at) < overlap || !(had_ended || is_too_long) {
                break;
            }
            is_given_up |= is_known && !had_ended;
            self.notes.remove(0);
        }
        if is_given_up {
            tracing::warn!(
                column = changes.column,
                transaction = transactions.oldest_open,
                "a transaction has been open for more than {} hours (PostgreSQL: its xid; MySQL: the second \
                 since 1970 in which it began), so rows that it still adds may not be found: end it",
                max_wait.num_hours()
            );
        }
        while self.notes.len() > MAX_NOTES {
            self.thin_out();
        }
        self.open = transactions.oldest_open;
        let first = self.notes.first();
        let is_covered = first.is_some_and(|(_, first, _)| self.remembers_missing(changes, first));
        // Late numbers are asked for as missing ones, so only the overlap matters.
        let before_overlap = self.notes.iter().rev().find(|(at, ..)| age(*at) >= overlap);
        let start = before_overlap.filter(|_| !is_known && is_covered).or(first);
        start.map(|(_, number, _)| number.clone())
    }

    /// Whether all missing numbers after this one are remembered.
    fn remembers_missing(&self, changes: &ChangesPlan, after: &Value) -> bool {
        self.forgotten.is_none_or(|last| number(changes, after).is_some_and(|after| last <= after))
    }

    /// Removes the note that is closest to its neighbours. So the others reach back as far as a sweep waits.
    fn thin_out(&mut self) {
        let gaps = self.notes.windows(3).map(|notes| notes[2].0.signed_duration_since(notes[0].0));
        let closest = gaps.enumerate().min_by_key(|(_, gap)| *gap);
        self.notes.remove(closest.map_or(0, |(at, _)| at + 1));
    }

    /// Ranges of numbers before `start` that no row had.
    pub(crate) fn missing_before(&self, start: i64) -> impl Iterator<Item = (i64, i64)> {
        self.missing.iter().copied().filter(move |(_, last)| *last < start)
    }

    fn add_missing(&mut self, first: i64, last: i64) {
        if first <= last {
            let at = self.missing.partition_point(|(_, end)| *end < first);
            self.missing.insert(at, (first, last));
        }
        if self.missing.len() > MAX_MISSING {
            let (_, last) = self.missing.remove(0);
            self.forgotten = self.forgotten.max(Some(last));
        }
    }

    /// Notes that a row has this number, which none had.
    fn fill(&mut self, number: i64) {
        let Some(at) =
            self.missing.iter().position(|(first, last)| (*first..=*last).contains(&number))
        else {
            return;
        };
        let (first, last) = self.missing.remove(at);
        self.add_missing(first, number.saturating_sub(1));
        self.add_missing(number.saturating_add(1), last);
    }
}

/// A value of the column as a number; `None` if it is a time, unreadable or huge.
pub(crate) fn number(changes: &ChangesPlan, value: &Value) -> Option<i64> {
    match changes.format.read(value)? {
        ChangeValue::Number(number) => i64::try_from(number).ok(),
        ChangeValue::Time(_) => None,
    }
}

/// Notes which numbers no row has, as far as a sweep has come with the page `rows`.
pub(crate) fn note_missing(changes: &ChangesPlan, sweep: &mut SweepPosition, rows: &[Row]) {
    let read = |value: &Value| number(changes, value);
    let start = sweep.since.as_ref().and_then(read);
    let last = sweep.after.as_ref().and_then(|(value, _)| read(value));
    let is_whole = sweep.since.as_ref().is_some_and(Value::is_null);
    if let (None, Some(start)) = (&sweep.after, start.or(is_whole.then_some(i64::MIN))) {
        // Those behind it are found anew.
        let mut missing: Vec<_> = std::mem::take(&mut sweep.numbers.missing);
        missing.retain_mut(|(first, last)| {
            *last = (*last).min(start.saturating_sub(1));
            first <= last
        });
        sweep.numbers.missing = missing;
    }
    // Numbers usually begin at 0 or 1, so those before the first row may come late.
    let origin = start.or(is_whole.then_some(0)).map(|first| first.saturating_sub(1));
    let mut before = if start.is_some() { last.max(origin) } else { last.or(origin) };
    for number in rows.iter().filter_map(|row| row.get(&changes.column)).filter_map(read) {
        if start.is_some_and(|start| number < start) {
            sweep.numbers.fill(number);
            continue;
        }
        if let Some(before) = before {
            sweep.numbers.add_missing(before.saturating_add(1), number.saturating_sub(1));
        }
        before = Some(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ColumnFormat;

    fn changes() -> ChangesPlan {
        let format = ColumnFormat::new(None, chrono_tz::UTC).unwrap();
        ChangesPlan { column: "no".into(), format, overlap: Duration::from_secs(300), range: None }
    }

    /// Reads a page with these numbers, which begins at `since` or goes on after `after`.
    fn page(sweep: &mut SweepPosition, since: Option<i64>, after: Option<i64>, numbers: &[i64]) {
        sweep.since = since.map(Value::Int);
        sweep.after = after.map(|after| (Value::Int(after), Value::Int(after)));
        let row = |number: &i64| Row {
            columns: vec![("no".into(), Value::Int(*number))],
            ..Row::default()
        };
        note_missing(&changes(), sweep, &numbers.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_that_no_row_has_are_asked_for_until_a_row_has_them() {
        let mut sweep = SweepPosition::default();
        page(&mut sweep, None, None, &[1, 2, 7]);
        page(&mut sweep, None, Some(7), &[8, 12]);
        assert_eq!(sweep.numbers.missing, [(3, 6), (9, 11)]);
        assert_eq!(sweep.numbers.missing_before(8).collect::<Vec<_>>(), [(3, 6)]);
        // A sweep from 8 on finds 5 in front of its start.
        page(&mut sweep, Some(8), None, &[5, 8, 10, 12]);
        assert_eq!(sweep.numbers.missing, [(3, 4), (6, 6), (9, 9), (11, 11)]);
        page(&mut sweep, Some(8), None, &[3, 4, 6, 8, 9, 10, 11, 12]);
        assert_eq!(sweep.numbers.missing, []);
    }

    #[test]
    fn a_sweep_of_all_rows_finds_missing_numbers_anew_and_none_before_negative_ones() {
        let mut sweep = SweepPosition::default();
        page(&mut sweep, None, None, &[3, 7]);
        for (numbers, missing) in
            [(&[3, 7][..], &[(0, 2), (4, 6)][..]), (&[-9, -8, -5, 2][..], &[(-7, -6), (-4, 1)][..])]
        {
            page(&mut sweep, None, None, &[]);
            sweep.since = Some(Value::Null);
            let row = |number: &i64| Row {
                columns: vec![("no".into(), Value::Int(*number))],
                ..Row::default()
            };
            note_missing(&changes(), &mut sweep, &numbers.iter().map(row).collect::<Vec<_>>());
            assert_eq!(sweep.numbers.missing, missing);
        }
    }

    #[test]
    fn the_greatest_missing_numbers_are_remembered() {
        let mut sweep = SweepPosition::default();
        page(&mut sweep, None, None, &(0..2_000).step_by(2).collect::<Vec<_>>());
        assert_eq!(sweep.numbers.missing.len(), MAX_MISSING);
        assert_eq!(sweep.numbers.missing.last(), Some(&(1_997, 1_997)));
        assert_eq!(sweep.numbers.forgotten, Some(1_597));
        for extreme in [i64::MIN, i64::MAX] {
            page(&mut sweep, Some(extreme), None, &[i64::MIN, 0, i64::MAX]);
        }
    }

    #[test]
    fn a_sweep_begins_before_the_overlap_and_before_the_oldest_open_transaction() {
        let mut numbers = Numbers::default();
        let mut note = |newest: i64, second: i64, oldest_open: u64, next: u64| {
            let now = DateTime::from_timestamp(second, 0).unwrap();
            let transactions = Transactions { oldest_open, next };
            numbers.note(&changes(), &Value::Int(newest), now, Some(transactions))
        };
        assert_eq!(note(10, 0, 5, 5), Some(Value::Int(10)));
        assert_eq!(note(20, 100, 7, 8), Some(Value::Int(10)), "7 is open");
        assert_eq!(note(30, 500, 7, 9), Some(Value::Int(10)), "7 may still write 15");
        assert_eq!(note(30, 900, 9, 9), Some(Value::Int(10)), "7 ended after the sweep began");
        assert_eq!(note(30, 901, 9, 9), Some(Value::Int(30)));
        for n in 0..1_000 {
            assert_eq!(note(40 + n, 1_000 + 60 * n, 9, 10), Some(Value::Int(30)), "9 does not end");
        }
        // After a day, it counts as forgotten.
        let mut start = None;
        for n in 1_000..3_000 {
            start = note(40 + n, 1_000 + 60 * n, 9, 10);
        }
        let Some(Value::Int(start)) = start else { panic!("{start:?}") };
        assert!((1_400..1_600).contains(&start), "a day before 3039: {start}");
        // The source has moved to another server.
        note(5_000, 200_000, 1, 1);
        assert_eq!(note(5_000, 201_000, 1, 1), Some(Value::Int(5_000)));
    }
    #[test]
    fn where_transactions_are_hidden_a_sweep_begins_a_day_ago_if_missing_numbers_were_forgotten() {
        for (forgotten, begin) in
            [(None, 1_850..1_995), (Some(100), 1_850..1_995), (Some(1_000), 450..560)]
        {
            let mut numbers = Numbers { forgotten, ..Numbers::default() };
            let mut start = None;
            for minute in 0..2_000 {
                let now = DateTime::from_timestamp(60 * minute, 0).unwrap();
                start = numbers.note(&changes(), &Value::Int(minute), now, None);
            }
            let Some(Value::Int(start)) = start else { panic!("{start:?}") };
            assert!(begin.contains(&start), "{forgotten:?}: {start}");
        }
    }
}
