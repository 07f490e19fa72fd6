//! The scans of a table: which rows come next, and the position after them. Pure.
//!
//! Each scan finds rows that the others cannot find. The sweep finds later changes of rows that were read
//! long ago. The pending scan finds rows whose time is late or missing. The other scans find rows without
//! a time, a flag or a key. A scan continues after the last row and does not count rows, so rows that are
//! added or deleted meanwhile do no harm; only rows without a key have to be counted.

use std::time::Duration;

use chrono::{DateTime, Utc};
use document::delta;

use crate::{
    config::Reread,
    cursor::{Positions, Repeated, Sweep},
    plan::{ChangesPlan, TablePlan},
    sql::{Condition, Order, Select},
    time::ChangeValue,
    value::{Row, Value},
};

/// How often the scans run that look for rows without a time or a key.
const SCAN_INTERVAL: Duration = Duration::from_secs(3600);

/// A way of reading a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// Along the column that grows, from the last position on.
    Sweep,
    /// Over pending rows, by key.
    Pending,
    /// Over rows without a time: once where a flag finds new rows, else every hour.
    Undated,
    /// Over rows of the last days.
    Reread,
    /// Over rows without a key, which a person must correct.
    Keyless,
    /// Along the column that grows, through the time range of a backfill.
    Range,
}

impl Scan {
    /// The scans that a table needs.
    pub(crate) fn over(table: &TablePlan, reread: Option<&Reread>, is_main: bool) -> Vec<Self> {
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

    /// The next page; `None` where the scan is not due.
    pub(crate) fn next<'a>(
        self,
        table: &'a TablePlan,
        reread: Option<&Reread>,
        positions: &'a Positions,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Option<Select<'a>> {
        let changes = table.changes.as_ref();
        let after_key = |key| Condition::Is(&table.key, ">", key);
        let mut conditions = vec![Condition::NotNull(&table.key)];
        let order = match self {
            Self::Sweep | Self::Range => {
                let ChangesPlan { column, format, range, .. } = changes?;
                let Sweep { since, after, .. } = &positions.sweep;
                match (after, since) {
                    (Some(after), _) => conditions.push(Condition::After(column, after)),
                    (None, Some(since)) => {
                        conditions.push(Condition::Is(column, ">=", since.clone()))
                    }
                    (None, None) => conditions.push(Condition::NotNull(column)),
                }
                let end = range.and_then(|range| format.write_like(since.as_ref()?, range.to()?));
                conditions.extend(end.map(|end| Condition::Is(column, "<", end)));
                Order::Column(column)
            }
            Self::Pending => {
                conditions.push(Condition::Pending);
                conditions.extend(positions.pending.clone().map(after_key));
                Order::Key
            }
            Self::Undated => {
                let every = table.flags.is_empty().then_some(SCAN_INTERVAL);
                is_due(&positions.undated, every, now).then_some(())?;
                let ChangesPlan { column, format, .. } = changes?;
                conditions.push(Condition::Undated { column, is_text: format.is_declared });
                conditions.extend(positions.undated.after.clone().map(after_key));
                Order::Key
            }
            Self::Reread => {
                let (reread, ChangesPlan { column, format, .. }) = (reread?, changes?);
                // The first sweep reads every row: reading old rows again at the same time would be double work.
                positions.reread.started?;
                is_due(&positions.reread, Some(reread.every.0), now).then_some(())?;
                match &positions.reread.after {
                    Some(after) => conditions.push(Condition::After(column, after)),
                    None => {
                        let back = Duration::from_secs(u64::from(reread.days) * 86_400);
                        let since = now.checked_sub_signed(delta(back))?;
                        let since = format.write_like(positions.sweep.newest.as_ref()?, since)?;
                        conditions.push(Condition::Is(column, ">=", since));
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

    /// Moves after `rows`; `is_end`: nothing comes after them.
    pub(crate) fn move_past(
        self,
        table: &TablePlan,
        positions: &mut Positions,
        rows: &[Row],
        is_end: bool,
        now: DateTime<Utc>,
    ) {
        let key = || rows.last().map(|row| row.value(&table.key));
        let both = || {
            let (changes, row) = (table.changes.as_ref()?, rows.last()?);
            Some((row.value(&changes.column), row.value(&table.key)))
        };
        match self {
            Self::Sweep => {
                let Some(changes) = &table.changes else { return };
                sweep(changes, &mut positions.sweep, rows, both(), is_end, now);
                if positions.sweep.after.is_none() {
                    positions.reread.started.get_or_insert(now);
                }
            }
            Self::Range => {
                let Some(changes) = &table.changes else { return };
                range(changes, &mut positions.sweep, rows, both(), is_end);
            }
            Self::Pending if is_end => positions.pending = None,
            Self::Pending => positions.pending = key().or(positions.pending.take()),
            Self::Undated => move_repeated(&mut positions.undated, key(), is_end, now),
            Self::Reread => move_repeated(&mut positions.reread, both(), is_end, now),
            Self::Keyless => {
                let passed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                let after = positions.keyless.after.unwrap_or(0).saturating_add(passed);
                move_repeated(&mut positions.keyless, Some(after), is_end, now);
            }
        }
    }
}

/// A sweep ends where the rows end. It also ends when it has read rows younger than the overlap for longer
/// than the overlap: on a table that always changes, it would otherwise never go back for rows that
/// became visible late.
fn sweep(
    changes: &ChangesPlan,
    sweep: &mut Sweep,
    rows: &[Row],
    last: Option<(Value, Value)>,
    is_end: bool,
    now: DateTime<Utc>,
) {
    let overlap = delta(changes.overlap);
    let newest = greatest(changes, None, rows);
    let newest = newest.as_ref().and_then(|newest| changes.format.read(newest));
    if matches!(newest, Some(ChangeValue::Time(time)) if now.signed_duration_since(time) < overlap)
    {
        sweep.near_since.get_or_insert(now);
    }
    sweep.newest = greatest(changes, sweep.newest.take(), rows);
    let is_near_for_long =
        sweep.near_since.is_some_and(|near| now.signed_duration_since(near) > overlap);
    if !is_end && !is_near_for_long {
        sweep.after = last.or(sweep.after.take());
        return;
    }
    let latest = sweep.near_since.take().map_or(now, |near| near.min(now));
    let newest = sweep.newest.as_ref();
    let start =
        newest.and_then(|newest| changes.format.next_start(newest, latest, changes.overlap));
    sweep.since = start.or(sweep.since.take());
    sweep.after = None;
}

/// The first rows are read only to see how times are written; then the time range is read.
fn range(
    changes: &ChangesPlan,
    sweep: &mut Sweep,
    rows: &[Row],
    last: Option<(Value, Value)>,
    is_end: bool,
) {
    if sweep.since.is_none() {
        sweep.newest = greatest(changes, sweep.newest.take(), rows);
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

fn is_due<P>(scan: &Repeated<P>, every: Option<Duration>, now: DateTime<Utc>) -> bool {
    match (scan.started, every) {
        (None, _) => true,
        _ if scan.after.is_some() => true,
        (Some(_), None) => false,
        // The next scan must come even if the source's clock is set back.
        (Some(started), Some(every)) => now < started || now - started >= delta(every),
    }
}

fn move_repeated<P>(scan: &mut Repeated<P>, after: Option<P>, is_end: bool, now: DateTime<Utc>) {
    if scan.after.is_none() {
        scan.started = Some(now);
    }
    scan.after = if is_end { None } else { after.or(scan.after.take()) };
}

fn greatest(changes: &ChangesPlan, known: Option<Value>, rows: &[Row]) -> Option<Value> {
    let read = |value: &Value| -> Option<ChangeValue> { changes.format.read(value) };
    let values = rows.iter().filter_map(|row| row.get(&changes.column)).chain(&known);
    values.filter(|value| read(value).is_some()).max_by_key(|value| read(value)).cloned().or(known)
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
    fn read_page(sweep_at: &mut Sweep, last: &str, is_end: bool, now: &str) {
        let value = text(last);
        let row = Row { columns: vec![("changed".into(), value.clone())], pending: false };
        sweep(&changes(), sweep_at, &[row], Some((value, Value::Int(1))), is_end, at(now));
    }

    #[test]
    fn the_next_sweep_begins_an_overlap_before_the_newest_row() {
        let mut sweep_at = Sweep::default();
        read_page(&mut sweep_at, "08:00:00", false, "10:00:00");
        assert_eq!((&sweep_at.since, sweep_at.after.is_some()), (&None, true));
        read_page(&mut sweep_at, "09:00:00", true, "10:00:01");
        assert_eq!((sweep_at.since, sweep_at.after), (Some(text("08:55:00")), None));
    }

    #[test]
    fn a_long_sweep_near_the_current_time_goes_back() {
        let mut sweep_at = Sweep::default();
        read_page(&mut sweep_at, "09:58:00", false, "10:00:00");
        read_page(&mut sweep_at, "10:02:00", false, "10:03:00");
        read_page(&mut sweep_at, "10:03:30", true, "10:04:00");
        assert_eq!(sweep_at.since, Some(text("09:55:00")));
    }

    #[test]
    fn a_sweep_over_a_table_that_never_rests_goes_back_after_the_overlap() {
        let mut sweep_at = Sweep::default();
        for (last, now) in [("09:58:00", "10:00:00"), ("10:02:00", "10:03:00")] {
            read_page(&mut sweep_at, last, false, now);
        }
        assert!(sweep_at.after.is_some());
        read_page(&mut sweep_at, "10:04:00", false, "10:05:01");
        assert_eq!((sweep_at.since, sweep_at.after), (Some(text("09:55:00")), None));
    }

    #[test]
    fn a_repeated_scan_is_due_after_its_time_and_when_the_clock_is_set_back() {
        let mut scan: Repeated<u64> = Repeated::default();
        assert!(is_due(&scan, None, at("10:00:00")));
        move_repeated(&mut scan, Some(1), false, at("10:00:00"));
        assert!(is_due(&scan, None, at("10:00:01")), "it is under way");
        move_repeated(&mut scan, None, true, at("10:00:02"));
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
