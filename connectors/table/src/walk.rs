//! The walks over a table: which rows come next, and where the walk is after them. Pure.
//!
//! Each walk finds what the others cannot: the sweep finds later changes of rows that were read long
//! ago, the pending walk finds rows whose time is late or missing, the rounds find rows that have
//! neither. All of them go on after the last row and never count rows, so rows that are added or
//! deleted in between shift nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use document::delta;

use crate::{
    config::Reread,
    cursor::{Places, Round, Sweep},
    plan::{ChangesPlan, Target},
    sql::{Condition, Order, Select},
    time::Mark,
    value::{Row, Value},
};

/// How often rows are searched that no other walk finds.
const ROUND: Duration = Duration::from_secs(3600);

/// One way through a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
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
    /// Along the column that grows, through a period of time that somebody asked for.
    Range,
}

impl Walk {
    /// The walks that a table needs.
    pub(crate) fn over(target: &Target, reread: Option<&Reread>, is_main: bool) -> Vec<Self> {
        let has_changes = target.changes.is_some();
        [
            (Self::Sweep, has_changes),
            (Self::Pending, !target.flags.is_empty()),
            (Self::Undated, has_changes),
            (Self::Reread, reread.is_some()),
            (Self::Keyless, is_main),
        ]
        .into_iter()
        .filter_map(|(walk, is_needed)| is_needed.then_some(walk))
        .collect()
    }

    /// The next page; `None` where the walk is not due.
    pub(crate) fn next<'a>(
        self,
        target: &'a Target,
        reread: Option<&Reread>,
        places: &'a Places,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Option<Select<'a>> {
        let changes = target.changes.as_ref();
        let mut conditions = vec![Condition::HasKey];
        let order = match self {
            Self::Sweep | Self::Range => {
                let ChangesPlan { column, form, range, .. } = changes?;
                let Sweep { since, after, .. } = &places.sweep;
                match (after, since) {
                    (Some(after), _) => conditions.push(Condition::After(column, after)),
                    (None, Some(since)) => conditions.push(Condition::From(column, since.clone())),
                    (None, None) => conditions.push(Condition::Dated(column)),
                }
                let end = range.and_then(|range| form.like(since.as_ref()?, range.to()?));
                conditions.extend(end.map(|end| Condition::Before(column, end)));
                Order::Column(column)
            }
            Self::Pending => {
                conditions.push(Condition::Pending);
                conditions.extend(places.pending.as_ref().map(Condition::AfterKey));
                Order::Key
            }
            Self::Undated => {
                let every = target.flags.is_empty().then_some(ROUND);
                is_due(&places.undated, every, now).then_some(())?;
                let ChangesPlan { column, form, .. } = changes?;
                conditions.push(Condition::Undated { column, is_text: form.is_declared });
                conditions.extend(places.undated.after.as_ref().map(Condition::AfterKey));
                Order::Key
            }
            Self::Reread => {
                let (reread, ChangesPlan { column, form, .. }) = (reread?, changes?);
                // The first sweep reads everything: a second walk at the same time would read it twice.
                places.reread.started?;
                is_due(&places.reread, Some(reread.every.0), now).then_some(())?;
                match &places.reread.after {
                    Some(after) => conditions.push(Condition::After(column, after)),
                    None => {
                        let back = Duration::from_secs(u64::from(reread.days) * 86_400);
                        let since = now.checked_sub_signed(delta(back))?;
                        let since = form.like(places.sweep.seen.as_ref()?, since)?;
                        conditions.push(Condition::From(column, since));
                    }
                }
                Order::Column(column)
            }
            Self::Keyless => {
                is_due(&places.keyless, Some(ROUND), now).then_some(())?;
                conditions = vec![Condition::HasNoKey];
                Order::Offset(places.keyless.after.unwrap_or(0))
            }
        };
        Some(Select { target, conditions, order, limit })
    }

    /// Moves after `rows`; `is_end`: nothing comes after them.
    pub(crate) fn pass(
        self,
        target: &Target,
        places: &mut Places,
        rows: &[Row],
        is_end: bool,
        now: DateTime<Utc>,
    ) {
        let key = || rows.last().map(|row| row.value(&target.key));
        let both = || {
            let (changes, row) = (target.changes.as_ref()?, rows.last()?);
            Some((row.value(&changes.column), row.value(&target.key)))
        };
        match self {
            Self::Sweep => {
                let Some(changes) = &target.changes else { return };
                sweep(changes, &mut places.sweep, rows, both(), is_end, now);
                if places.sweep.after.is_none() {
                    places.reread.started.get_or_insert(now);
                }
            }
            Self::Range => {
                let Some(changes) = &target.changes else { return };
                range(changes, &mut places.sweep, rows, both(), is_end);
            }
            Self::Pending if is_end => places.pending = None,
            Self::Pending => places.pending = key().or(places.pending.take()),
            Self::Undated => move_round(&mut places.undated, key(), is_end, now),
            Self::Reread => move_round(&mut places.reread, both(), is_end, now),
            Self::Keyless => {
                let passed = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                let after = places.keyless.after.unwrap_or(0).saturating_add(passed);
                move_round(&mut places.keyless, Some(after), is_end, now);
            }
        }
    }
}

/// A sweep ends where the rows end, and also when it has been near the source's current time for
/// longer than the overlap: on a table that always changes it would otherwise never go back for rows
/// that became visible late.
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
    let mark = newest.as_ref().and_then(|newest| changes.form.mark(newest));
    if matches!(mark, Some(Mark::Time(time)) if now.signed_duration_since(time) < overlap) {
        sweep.near.get_or_insert(now);
    }
    sweep.seen = greatest(changes, sweep.seen.take(), rows);
    let is_long_near = sweep.near.is_some_and(|near| now.signed_duration_since(near) > overlap);
    if !is_end && !is_long_near {
        sweep.after = last.or(sweep.after.take());
        return;
    }
    let safe = sweep.near.take().map_or(now, |near| near.min(now));
    let seen = sweep.seen.as_ref();
    let bound = seen.and_then(|seen| changes.form.bound(seen, safe, changes.overlap));
    sweep.since = bound.or(sweep.since.take());
    sweep.after = None;
}

/// The first rows only show how times are written; then the period is read.
fn range(
    changes: &ChangesPlan,
    sweep: &mut Sweep,
    rows: &[Row],
    last: Option<(Value, Value)>,
    is_end: bool,
) {
    if sweep.since.is_none() {
        sweep.seen = greatest(changes, sweep.seen.take(), rows);
        let from = changes.range.zip(sweep.seen.as_ref());
        sweep.since = from.and_then(|(range, seen)| changes.form.like(seen, range.from()));
        if sweep.since.is_some() {
            sweep.after = None;
            return;
        }
    }
    sweep.after = if is_end { None } else { last.or(sweep.after.take()) };
}

fn is_due<P>(round: &Round<P>, every: Option<Duration>, now: DateTime<Utc>) -> bool {
    match (round.started, every) {
        (None, _) => true,
        _ if round.after.is_some() => true,
        (Some(_), None) => false,
        // A clock that was put back must not stop the walk.
        (Some(started), Some(every)) => now < started || now - started >= delta(every),
    }
}

fn move_round<P>(round: &mut Round<P>, after: Option<P>, is_end: bool, now: DateTime<Utc>) {
    if round.after.is_none() {
        round.started = Some(now);
    }
    round.after = if is_end { None } else { after.or(round.after.take()) };
}

fn greatest(changes: &ChangesPlan, seen: Option<Value>, rows: &[Row]) -> Option<Value> {
    let mark = |value: &Value| -> Option<Mark> { changes.form.mark(value) };
    let values = rows.iter().filter_map(|row| row.get(&changes.column));
    let newest = values.max_by_key(|value| mark(value)).filter(|value| mark(value).is_some());
    match (seen, newest) {
        (Some(seen), Some(newest)) if mark(&seen) >= mark(newest) => Some(seen),
        (_, Some(newest)) => Some(newest.clone()),
        (seen, None) => seen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TimeForm;

    fn changes() -> ChangesPlan {
        let form = TimeForm::new(None, chrono_tz::UTC).unwrap();
        ChangesPlan {
            column: "changed".into(),
            form,
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

    /// Passes a page whose last row has that time.
    fn pass(place: &mut Sweep, last: &str, is_end: bool, now: &str) {
        let value = text(last);
        let row = Row { columns: vec![("changed".into(), value.clone())], pending: false };
        sweep(&changes(), place, &[row], Some((value, Value::Int(1))), is_end, at(now));
    }

    #[test]
    fn the_next_sweep_begins_an_overlap_before_the_newest_row() {
        let mut place = Sweep::default();
        pass(&mut place, "08:00:00", false, "10:00:00");
        assert_eq!((&place.since, place.after.is_some()), (&None, true));
        pass(&mut place, "09:00:00", true, "10:00:01");
        assert_eq!((place.since, place.after), (Some(text("08:55:00")), None));
    }

    #[test]
    fn a_long_sweep_near_the_current_time_goes_back() {
        let mut place = Sweep::default();
        pass(&mut place, "09:58:00", false, "10:00:00");
        pass(&mut place, "10:02:00", false, "10:03:00");
        pass(&mut place, "10:03:30", true, "10:04:00");
        assert_eq!(place.since, Some(text("09:55:00")));
    }

    #[test]
    fn a_sweep_over_a_table_that_never_rests_goes_back_after_the_overlap() {
        let mut place = Sweep::default();
        for (last, now) in [("09:58:00", "10:00:00"), ("10:02:00", "10:03:00")] {
            pass(&mut place, last, false, now);
        }
        assert!(place.after.is_some());
        pass(&mut place, "10:04:00", false, "10:05:01");
        assert_eq!((place.since, place.after), (Some(text("09:55:00")), None));
    }

    #[test]
    fn a_round_is_due_again_after_its_time_and_when_the_clock_was_put_back() {
        let mut round: Round<u64> = Round::default();
        assert!(is_due(&round, None, at("10:00:00")));
        move_round(&mut round, Some(1), false, at("10:00:00"));
        assert!(is_due(&round, None, at("10:00:01")), "it is under way");
        move_round(&mut round, None, true, at("10:00:02"));
        for (now, every, due) in [
            ("10:59:59", Some(ROUND), false),
            ("11:00:00", Some(ROUND), true),
            ("09:00:00", Some(ROUND), true),
            ("12:00:00", None, false),
        ] {
            assert_eq!(is_due(&round, every, at(now)), due, "{now}");
        }
    }
}
