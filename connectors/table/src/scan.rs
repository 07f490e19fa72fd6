//! The scans of a table: which rows come next, and the position after them. The functions are pure.
//!
//! Each scan finds rows that the others cannot find. The sweep finds later changes of rows that were
//! read long ago. The pending scan finds rows whose time is late or missing. The other scans find rows
//! without a time or a key, and changes that leave the time as it is. A scan continues after the last row
//! that it read and does not count rows, so rows may be added or deleted in between; only rows without a
//! key must be counted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use document::delta;

use crate::{
    config::Reread,
    cursor::{Positions, RepeatedScan, SweepPosition},
    numbers,
    plan::{ChangesPlan, TablePlan},
    seen::Seen,
    sql::{Condition, Order, Select},
    time::ChangeValue,
    value::{Row, Value},
};

/// Interval of the scans for rows without a time or a key.
const SCAN_INTERVAL: Duration = Duration::from_secs(3600);

/// A way to go through the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// In the order of the column of `changes`, from the last position on.
    Sweep,
    /// Over pending rows, in the order of their keys.
    Pending,
    /// Over rows without a time, or with one that stands for none, such as 0: once if a flag finds new rows,
    /// otherwise every hour.
    Undated,
    /// Over the rows of the last days, repeatedly.
    Reread,
    /// Over rows without a key, which somebody must correct.
    Keyless,
    /// In the order of the column of `changes`, through the time range of a backfill.
    Range,
}

impl Scan {
    /// The scans that a table needs.
    pub(crate) fn all(table: &TablePlan, reread: Option<&Reread>, is_main: bool) -> Vec<Self> {
        let has_changes = table.changes.is_some();
        [
            (Self::Sweep, has_changes),
            (Self::Pending, !table.flags.is_empty()),
            (Self::Undated, has_changes),
            (Self::Reread, reread.is_some()),
            (Self::Keyless, is_main),
        ]
        .into_iter()
        .filter_map(|(scan, is_needed)| is_needed.then_some(scan))
        .collect()
    }

    /// The query for the next page; `None` if the scan is not due.
    pub(crate) fn next_page<'a>(
        self,
        table: &'a TablePlan,
        reread: Option<&Reread>,
        positions: &'a Positions,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Option<Select<'a>> {
        let changes = table.changes.as_ref();
        let after_key = |key| Condition::Compare(&table.key, ">", key);
        let mut conditions = vec![Condition::NotNull(&table.key)];
        let order = match self {
            Self::Sweep | Self::Range => {
                let ChangesPlan { column, format, range, .. } = changes?;
                let SweepPosition { since, after, .. } = &positions.sweep;
                let late = late_numbers(changes?, &positions.sweep);
                match (after, since) {
                    (Some(after), since) => {
                        conditions.push(Condition::After(column, after));
                        let since = since.clone().filter(|_| !late.is_empty());
                        conditions.extend(since.map(|since| Condition::From(column, since, late)));
                    }
                    (None, Some(since)) if !since.is_null() => {
                        let since = match self {
                            Self::Sweep => format.before_repeated_hour(since, now),
                            _ => since.clone(),
                        };
                        conditions.push(Condition::From(column, since, late));
                    }
                    (None, _) => conditions.push(Condition::NotNull(column)),
                }
                let end = range.and_then(|range| format.write_like(since.as_ref()?, range.to()?));
                conditions.extend(end.map(|end| Condition::Compare(column, "<", end)));
                Order::Column(column)
            }
            Self::Pending => {
                conditions.push(Condition::Pending);
                conditions.extend(positions.pending.clone().map(after_key));
                Order::Key
            }
            Self::Undated => {
                let interval = table.flags.is_empty().then_some(SCAN_INTERVAL);
                is_due(&positions.undated, interval, now).then_some(())?;
                let ChangesPlan { column, format, .. } = changes?;
                let (is_formatted, newest) = (format.is_declared, positions.sweep.newest.as_ref());
                conditions.push(Condition::Undated { column, is_formatted, newest });
                conditions.extend(positions.undated.after.clone().map(after_key));
                Order::Key
            }
            Self::Reread => {
                let (reread, ChangesPlan { column, format, .. }) = (reread?, changes?);
                // Wait for the first sweep: it reads every row.
                positions.reread.started?;
                is_due(&positions.reread, Some(reread.every.0), now).then_some(())?;
                match &positions.reread.after {
                    Some(after) => conditions.push(Condition::After(column, after)),
                    None => {
                        let period = Duration::from_secs(u64::from(reread.days) * 86_400);
                        let since = now.checked_sub_signed(delta(period))?;
                        let since = format.write_like(positions.sweep.newest.as_ref()?, since)?;
                        conditions.push(Condition::Compare(column, ">=", since));
                    }
                }
                Order::Column(column)
            }
            Self::Keyless => {
                is_due(&positions.keyless, Some(SCAN_INTERVAL), now).then_some(())?;
                conditions = vec![Condition::Null(&table.key)];
                Order::Offset(positions.keyless.after.unwrap_or(0))
            }
        };
        Some(Select { table, conditions, order, limit })
    }

    /// What this scan has read before; `None` if all that it finds is news. A pending row is published
    /// again, so that an office can have a row read again by setting its flag back.
    pub(crate) fn seen(self, positions: &mut Positions) -> Option<&mut Seen> {
        match self {
            Self::Sweep => Some(&mut positions.sweep.seen),
            Self::Undated => Some(&mut positions.undated.seen),
            Self::Reread => Some(&mut positions.reread.seen),
            Self::Keyless => Some(&mut positions.keyless.seen),
            Self::Pending | Self::Range => None,
        }
    }

    /// The value and key of the row after which it continues; `None` at its beginning, or if it counts rows.
    pub(crate) fn after(self, positions: &Positions) -> Option<(Value, Value)> {
        let of_key = |key: &Option<Value>| Some((Value::Null, key.clone()?));
        match self {
            Self::Sweep | Self::Range => positions.sweep.after.clone(),
            Self::Pending => of_key(&positions.pending),
            Self::Undated => of_key(&positions.undated.after),
            Self::Reread => positions.reread.after.clone(),
            Self::Keyless => None,
        }
    }

    /// Moves the position behind `rows`. `is_end` says that no rows come after them.
    pub(crate) fn advance(
        self,
        table: &TablePlan,
        positions: &mut Positions,
        rows: &[Row],
        is_end: bool,
        now: DateTime<Utc>,
    ) {
        let key = || rows.last().map(|row| row.value(&table.key));
        let value_and_key = || {
            let (changes, row) = (table.changes.as_ref()?, rows.last()?);
            Some((row.value(&changes.column), row.value(&table.key)))
        };
        match self {
            Self::Sweep => {
                let Some(changes) = &table.changes else { return };
                numbers::note_missing(changes, &mut positions.sweep, rows);
                move_sweep(changes, &mut positions.sweep, rows, value_and_key(), is_end, now);
                if positions.sweep.after.is_none() {
                    positions.sweep.seen.end();
                    positions.reread.started.get_or_insert(now);
                }
            }
            Self::Range => {
                let Some(changes) = &table.changes else { return };
                move_range(changes, &mut positions.sweep, rows, value_and_key(), is_end);
            }
            Self::Pending if is_end => positions.pending = None,
            Self::Pending => positions.pending = key().or(positions.pending.take()),
            Self::Undated => move_scan(&mut positions.undated, key(), is_end, now),
            Self::Reread => move_scan(&mut positions.reread, value_and_key(), is_end, now),
            Self::Keyless => {
                let n_rows = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                let after = positions.keyless.after.unwrap_or(0).saturating_add(n_rows);
                move_scan(&mut positions.keyless, Some(after), is_end, now);
            }
        }
    }
}

/// Moves a sweep, which ends with the last row. It also ends when it has read rows younger than the
/// overlap for longer than the overlap: otherwise, in a table that changes all the time, it would never
/// go back for rows that become visible late.
fn move_sweep(
    changes: &ChangesPlan,
    sweep: &mut SweepPosition,
    rows: &[Row],
    last: Option<(Value, Value)>,
    is_end: bool,
    now: DateTime<Utc>,
) {
    let overlap = delta(changes.overlap);
    let newest = greatest(changes, None, rows, DateTime::<Utc>::MAX_UTC);
    let newest = newest.as_ref().and_then(|newest| changes.format.read(newest));
    if matches!(newest, Some(ChangeValue::Time(time)) if now.signed_duration_since(time) < overlap)
    {
        sweep.overlap_since.get_or_insert(now);
    }
    sweep.newest = greatest(changes, sweep.newest.take(), rows, now);
    let is_overlap_over =
        sweep.overlap_since.is_some_and(|since| now.signed_duration_since(since) > overlap);
    if !is_end && !is_overlap_over {
        sweep.after = last.or(sweep.after.take());
        return;
    }
    let latest = sweep.overlap_since.take().map_or(now, |since| since.min(now));
    let newest = sweep.newest.as_ref();
    let is_ahead = newest.is_some_and(|newest| changes.format.is_after(newest, now));
    let start =
        newest.and_then(|newest| changes.format.next_start(newest, latest, changes.overlap));
    // From a time that is ahead it cannot be told when rows of now are written: the times of the source may lie
    // behind the clock by hours.
    sweep.since =
        start.map(|start| if is_ahead { Value::Null } else { start }).or(sweep.since.take());
    sweep.after = None;
}

/// In a column of numbers, the ranges of numbers before the start of the sweep that no row had.
fn late_numbers(changes: &ChangesPlan, sweep: &SweepPosition) -> Vec<(Value, Value)> {
    let start = sweep.since.as_ref().and_then(|since| numbers::number(changes, since));
    let ranges = start.into_iter().flat_map(|start| sweep.numbers.missing_before(start));
    ranges.map(|(first, last)| (Value::Int(first), Value::Int(last))).collect()
}

/// Moves a range scan. Its first pages only show how times are written; the others contain the time
/// range.
fn move_range(
    changes: &ChangesPlan,
    sweep: &mut SweepPosition,
    rows: &[Row],
    last: Option<(Value, Value)>,
    is_end: bool,
) {
    if sweep.since.is_none() {
        sweep.newest = greatest(changes, sweep.newest.take(), rows, DateTime::<Utc>::MAX_UTC);
        let from = changes.range.zip(sweep.newest.as_ref());
        sweep.since =
            from.and_then(|(range, newest)| changes.format.write_like(newest, range.from()));
        if sweep.since.is_some() {
            sweep.after = None;
            return;
        }
    }
    sweep.after = if is_end { None } else { last.or(sweep.after.take()) };
}

/// Whether a repeated scan is due. Without an interval, it runs only once.
fn is_due<P>(scan: &RepeatedScan<P>, interval: Option<Duration>, now: DateTime<Utc>) -> bool {
    match (scan.started, interval) {
        (None, _) => true,
        _ if scan.after.is_some() => true,
        (Some(_), None) => false,
        // If the source's clock is set back, the scan is due too.
        (Some(started), Some(interval)) => now < started || now - started >= delta(interval),
    }
}

/// Moves a scan that is repeated at intervals, and notes when it began.
fn move_scan<P>(scan: &mut RepeatedScan<P>, after: Option<P>, is_end: bool, now: DateTime<Utc>) {
    if scan.after.is_none() {
        scan.started = Some(now);
    }
    scan.after = if is_end { None } else { after.or(scan.after.take()) };
    if scan.after.is_none() {
        scan.seen.end();
    }
}

/// The greatest value in `rows` and `old` that can be read as a time or a number; `old` if none can. A time after
/// `latest` counts only if there is no other: somebody has mistyped it, and it says nothing about other rows. So does a
/// blob: in SQLite, it stands after all texts, so a sweep that began there would find none.
fn greatest(
    changes: &ChangesPlan,
    old: Option<Value>,
    rows: &[Row],
    latest: DateTime<Utc>,
) -> Option<Value> {
    let format = &changes.format;
    let values = rows.iter().filter_map(|row| row.get(&changes.column)).chain(&old);
    let readable = values.filter(|value| format.read(value).is_some());
    let newest = readable.max_by_key(|value| {
        let is_blob = matches!(value, Value::Bytes(_));
        (!is_blob, !format.is_after(value, latest), format.read(value))
    });
    newest.cloned().or(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ColumnFormat;

    fn changes() -> ChangesPlan {
        let format = ColumnFormat::new(None, chrono_tz::UTC).unwrap();
        ChangesPlan {
            column: "changed".into(),
            format,
            overlap: Duration::from_secs(300),
            range: None,
        }
    }

    fn at(time: &str) -> DateTime<Utc> {
        format!("2026-10-09T{time}Z").parse().unwrap()
    }

    fn text(time: &str) -> Value {
        Value::Text(format!("2026-10-09 {time}"))
    }

    /// Reads a page whose last row has that time.
    fn read_page(sweep_at: &mut SweepPosition, last: &str, is_end: bool, now: &str) {
        let value = text(last);
        let row = Row { columns: vec![("changed".into(), value.clone())], ..Row::default() };
        move_sweep(&changes(), sweep_at, &[row], Some((value, Value::Int(1))), is_end, at(now));
    }

    #[test]
    fn the_next_sweep_begins_an_overlap_before_the_newest_row() {
        let mut sweep_at = SweepPosition::default();
        read_page(&mut sweep_at, "08:00:00", false, "10:00:00");
        assert_eq!((&sweep_at.since, sweep_at.after.is_some()), (&None, true));
        read_page(&mut sweep_at, "09:00:00", true, "10:00:01");
        assert_eq!((sweep_at.since, sweep_at.after), (Some(text("08:55:00")), None));
    }

    #[test]
    fn a_row_that_is_ahead_of_the_clock_does_not_move_the_next_sweep() {
        let mut sweep_at = SweepPosition::default();
        read_page(&mut sweep_at, "23:00:00", true, "10:00:00");
        assert_eq!(sweep_at.since, Some(Value::Null), "all rows are read again");
        read_page(&mut sweep_at, "02:00:00", false, "10:00:01");
        read_page(&mut sweep_at, "23:00:00", true, "10:00:02");
        assert_eq!(sweep_at.since, Some(text("01:55:00")));
        read_page(&mut sweep_at, "02:10:00", false, "10:10:00");
        read_page(&mut sweep_at, "23:00:00", true, "10:10:00");
        assert_eq!(sweep_at.since, Some(text("02:05:00")));
    }

    #[test]
    fn a_blob_among_texts_does_not_move_the_next_sweep() {
        let blob = |time: &str| Value::Bytes(format!("2026-10-09 {time}").into_bytes());
        let mut newest = None;
        for (value, expected) in [
            (blob("07:00:00"), blob("07:00:00")),
            (text("08:00:00"), text("08:00:00")),
            (blob("09:00:00"), text("08:00:00")),
            (text("23:00:00"), text("08:00:00")),
        ] {
            let row = Row { columns: vec![("changed".into(), value)], ..Row::default() };
            newest = greatest(&changes(), newest, &[row], at("10:00:00"));
            assert_eq!(newest, Some(expected));
        }
    }

    #[test]
    fn a_long_sweep_near_the_current_time_goes_back() {
        let mut sweep_at = SweepPosition::default();
        read_page(&mut sweep_at, "09:58:00", false, "10:00:00");
        read_page(&mut sweep_at, "10:02:00", false, "10:03:00");
        read_page(&mut sweep_at, "10:03:30", true, "10:04:00");
        assert_eq!(sweep_at.since, Some(text("09:55:00")));
    }

    #[test]
    fn a_sweep_over_a_table_that_never_rests_goes_back_after_the_overlap() {
        let mut sweep_at = SweepPosition::default();
        for (last, now) in [("09:58:00", "10:00:00"), ("10:02:00", "10:03:00")] {
            read_page(&mut sweep_at, last, false, now);
        }
        assert!(sweep_at.after.is_some());
        read_page(&mut sweep_at, "10:04:00", false, "10:05:01");
        assert_eq!((sweep_at.since, sweep_at.after), (Some(text("09:55:00")), None));
    }

    #[test]
    fn a_repeated_scan_is_due_after_its_time_and_when_the_clock_is_set_back() {
        let mut scan: RepeatedScan<u64> = RepeatedScan::default();
        assert!(is_due(&scan, None, at("10:00:00")));
        move_scan(&mut scan, Some(1), false, at("10:00:00"));
        assert!(is_due(&scan, None, at("10:00:01")), "it is under way");
        move_scan(&mut scan, None, true, at("10:00:02"));
        for (now, every, due) in [
            ("10:59:59", Some(SCAN_INTERVAL), false),
            ("11:00:00", Some(SCAN_INTERVAL), true),
            ("09:00:00", Some(SCAN_INTERVAL), true),
            ("12:00:00", None, false),
        ] {
            assert_eq!(is_due(&scan, every, at(now)), due, "{now}");
        }
    }
}
