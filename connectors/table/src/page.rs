//! Reads one page of rows of the main table or of a part, with all parts of each record.
//!
//! A record is always read completely, with all its parts in the order of their keys, whichever scan has
//! found it. So the same state of the source always gives the same record.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use contract::{Entry, Fault};
use document::masked_key;

use crate::{
    account::Account,
    cursor::{Cursor, PendingAck, Positions, SweepPosition, UnfinishedPart},
    database::Database,
    duplicates::Duplicate,
    plan::{PartPlan, Plan, TablePlan},
    record::{self, Parts},
    scan::Scan,
    seen::{RowDigest, Seen, content_digest, key_digest},
    sql::{Condition, Order, Owners, Select},
    time::ChangeValue,
    value::{Row, Value},
};

/// How many rows before the newest one a sweep of a column of numbers reads again.
const EARLIER_NUMBERS: usize = 1_000;

/// A scan of one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableScan {
    pub(crate) kind: Scan,
    /// The index of the part; `None` for the main table.
    pub(crate) part: Option<usize>,
}

impl TableScan {
    /// Whether this is the first sweep, which reads every row of the main table.
    pub(crate) fn is_first_sweep(self, cursor: &Cursor) -> bool {
        self.kind == Scan::Sweep && self.part.is_none() && cursor.main.sweep.since.is_none()
    }
}

/// The entries of one page. The cursor has already moved past them.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Whether the scan has reached its end.
    pub(crate) is_end: bool,
}

/// Reads pages.
pub(crate) struct PageReader<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) database: &'a mut Database,
    /// The time by the source's clock.
    pub(crate) now: DateTime<Utc>,
    /// Maximum number of entries.
    pub(crate) limit: usize,
    /// Rows of the previous batch that are not acknowledged yet.
    pub(crate) unsettled: &'a [PendingAck],
    pub(crate) account: &'a mut Account,
}

impl PageReader<'_> {
    pub(crate) async fn read(
        &mut self,
        scan: TableScan,
        cursor: &mut Cursor,
    ) -> Result<Page, Fault> {
        let plan = self.plan;
        match scan.part.and_then(|index| plan.parts.get(index)) {
            None => self.read_main(scan.kind, cursor).await,
            Some(part) => self.read_part(scan.kind, part, cursor).await,
        }
    }

    async fn read_main(&mut self, scan: Scan, cursor: &mut Cursor) -> Result<Page, Fault> {
        let plan = self.plan;
        let (table, reread) = (&plan.main, plan.config.reread.as_ref());
        let Some(select) = scan.next_page(table, reread, &cursor.main, self.now, self.limit) else {
            return Ok(Page { is_end: true, ..Page::default() });
        };
        let (mut rows, mut is_end) = self.database.select_page(select).await?;
        if scan == Scan::Range && cursor.main.sweep.since.is_none() {
            return self.read_format_sample(rows, is_end, cursor);
        }
        let parts = self.parts_of(&rows).await?;
        let digests = self.digests(&rows, &parts);
        let mut are_news = vec![true; rows.len()];
        if let Some(seen) = scan.seen(&mut cursor.main) {
            let n = Seen::cut(&digests, self.limit, is_end);
            is_end &= n == rows.len();
            rows.truncate(n);
            are_news = seen.note(digests.get(..n).unwrap_or_default(), self.limit);
        }
        advance(scan, table, &mut cursor.main, &rows, is_end, self.now)?;
        if scan == Scan::Sweep {
            self.end_sweep(table, &mut cursor.main.sweep, &rows).await?;
        }
        if scan == Scan::Pending {
            are_news = self.are_settled(&rows);
        }
        let acknowledged = &cursor.main.acknowledged;
        let is_moved = matches!(scan, Scan::Sweep | Scan::Undated);
        for ((row, digest), is_news) in rows.iter().zip(&digests).zip(&mut are_news) {
            *is_news &= row.is_pending || !is_moved || !acknowledged.has(digest);
        }
        let entries = self.entries(&rows, &parts, &digests, &are_news, cursor).await?;
        Ok(Page { entries, is_end })
    }

    /// Moves past one of the first pages of a backfill, which only show how the source writes times.
    fn read_format_sample(
        &self,
        rows: Vec<Row>,
        is_end: bool,
        cursor: &mut Cursor,
    ) -> Result<Page, Fault> {
        let table = &self.plan.main;
        Scan::Range.advance(table, &mut cursor.main, &rows, is_end, self.now);
        let SweepPosition { since, newest, .. } = &cursor.main.sweep;
        if since.is_none() && newest.is_some() {
            return Err(Fault::stopped("the column of `changes` contains numbers, not times")
                .at(format!("table {}", table.name))
                .remedy("if the numbers are times, set `format` to their format, like %s"));
        }
        Ok(Page { entries: Vec::new(), is_end: is_end && since.is_none() })
    }

    /// At the end of a sweep of a column of numbers, sets where the next one begins.
    async fn end_sweep(
        &mut self,
        table: &TablePlan,
        sweep: &mut SweepPosition,
        rows: &[Row],
    ) -> Result<(), Fault> {
        let Some(changes) = table.changes.as_ref().filter(|_| sweep.after.is_none()) else {
            return Ok(());
        };
        if !rows.is_empty() && sweep.since.is_none() {
            tracing::warn!(
                table = table.name,
                "no value of the `changes` column can be read as a time, so the whole table is \
                 read again and again; check `format`"
            );
        }
        let read = |value: &Value| changes.format.read(value);
        let Some(newest) = sweep.newest.clone() else { return Ok(()) };
        if !matches!(read(&newest), Some(ChangeValue::Number(_))) {
            return Ok(());
        }
        let transactions = self.database.transactions(table).await?;
        let settled = sweep.numbers.note(changes, &newest, self.now, transactions);
        let (column, n_rows) = (&changes.column, EARLIER_NUMBERS);
        let earlier = self.database.earlier(table, column, &newest, n_rows).await?;
        sweep.since = std::iter::once(earlier).chain(settled).min_by_key(read);
        Ok(())
    }

    /// For each pending row, whether it is more than a row that the previous batch has read and that has
    /// not changed since: such a row is still pending only because that batch is not settled yet.
    fn are_settled(&self, rows: &[Row]) -> Vec<bool> {
        let table = &self.plan.main;
        let dated = self.unsettled.iter().filter(|ack| ack.changed.is_some());
        let unsettled: HashMap<_, _> = dated.map(|ack| (ack.key.to_text(), ack)).collect();
        let is_settled = |row: &Row| {
            let ack = unsettled.get(&row.value(&table.key).to_text());
            ack.is_none_or(|ack| **ack != pending_ack(table, row))
        };
        rows.iter().map(is_settled).collect()
    }

    /// Reads again the records to which new rows of a part belong. Skips a part row without a record: when
    /// the record arrives, it is read with the part row.
    async fn read_part(
        &mut self,
        scan: Scan,
        part: &PartPlan,
        cursor: &mut Cursor,
    ) -> Result<Page, Fault> {
        let unfinished = cursor.parts.get(&part.name).and_then(|part| part.unfinished.clone());
        let unfinished = unfinished.filter(|unfinished| unfinished.scan == cursor.next_scan);
        // A part row whose records did not fit into one batch is read alone.
        let limit = if unfinished.is_some() { 1 } else { self.limit };
        let positions = cursor.parts.entry(part.name.clone()).or_default();
        let Some(select) = scan.next_page(&part.table, None, positions, self.now, limit) else {
            return Ok(Page { is_end: true, ..Page::default() });
        };
        let (mut rows, mut is_end) = self.database.select_page(select).await?;
        let first = rows.first().map(|row| row.value(&part.table.key));
        let after = unfinished.filter(|it| Some(&it.part) == first.as_ref()).map(|it| it.after);
        let (mut parents, mut do_fit) = self.select_parents(part, &rows, after.as_ref()).await?;
        while !do_fit && rows.len() > 1 {
            rows.truncate(rows.len() / 2);
            is_end = false;
            (parents, do_fit) = self.select_parents(part, &rows, None).await?;
        }
        parents.truncate(self.limit);
        let parts = self.parts_of(&parents).await?;
        let scan_index = cursor.next_scan;
        let positions = cursor.parts.entry(part.name.clone()).or_default();
        let digests = self.digests(&parents, &parts);
        let are_news = scan
            .seen(positions)
            .map_or(vec![true; digests.len()], |seen| seen.note(&digests, self.limit));
        if let (false, Some(row), Some(last)) = (do_fit, rows.first(), parents.last()) {
            let (part, after) = (row.value(&part.table.key), last.value(&self.plan.main.key));
            positions.unfinished = Some(UnfinishedPart { scan: scan_index, part, after });
            is_end = false;
        } else {
            positions.unfinished = positions.unfinished.take().filter(|it| it.scan != scan_index);
            advance(scan, &part.table, positions, &rows, is_end, self.now)?;
            if scan == Scan::Sweep {
                self.end_sweep(&part.table, &mut positions.sweep, &rows).await?;
            }
            let acks = rows.iter().filter(|row| row.is_pending);
            let acks: Vec<PendingAck> = acks.map(|row| pending_ack(&part.table, row)).collect();
            if !acks.is_empty() {
                cursor.to_acknowledge.insert(part.name.clone(), acks);
            }
        }
        let entries = self.entries(&parents, &parts, &digests, &are_news, cursor).await?;
        Ok(Page { entries, is_end })
    }

    /// The rows of the main table to which `rows` of a part belong, with keys after `after`, and whether all of
    /// them fit into a batch.
    async fn select_parents(
        &mut self,
        part: &PartPlan,
        rows: &[Row],
        after: Option<&Value>,
    ) -> Result<(Vec<Row>, bool), Fault> {
        let values = distinct_values(rows.iter().map(|row| row.value(&part.column)));
        if values.is_empty() {
            return Ok((Vec::new(), true));
        }
        let key = self.plan.main.key.as_str();
        let catalog = self.database.catalog(&part.table).await?;
        let from = catalog.get(&part.column);
        let mut conditions =
            vec![Condition::NotNull(key), Condition::In(&part.parent, &values, from)];
        conditions.extend(after.map(|after| Condition::Compare(key, ">", after.clone())));
        let limit = self.limit + 1;
        let select = Select { table: &self.plan.main, conditions, order: Order::Key, limit };
        self.database.select_page(select).await
    }

    fn digests(&self, rows: &[Row], parts: &[Parts]) -> Vec<RowDigest> {
        let rows = rows.iter().zip(parts);
        rows.map(|(row, parts)| RowDigest::new(self.plan, row, parts)).collect()
    }

    /// The entries for those rows of the main table that are news. Pending ones are added to
    /// `to_acknowledge`.
    async fn entries(
        &mut self,
        rows: &[Row],
        parts: &[Parts],
        digests: &[RowDigest],
        are_news: &[bool],
        cursor: &mut Cursor,
    ) -> Result<Vec<Entry>, Fault> {
        let plan = self.plan;
        let mut duplicates = self.duplicates(rows).await?;
        let mut keys = HashSet::new();
        let mut entries = Vec::new();
        let may_be_moved = plan.main.changes.is_some() && !plan.main.flags.is_empty();
        for (((row, parts), digest), is_news) in rows.iter().zip(parts).zip(digests).zip(are_news) {
            let value = row.value(&plan.main.key);
            let key = record::key(&plan.config, &value).ok();
            self.account.note(key_digest(key.as_ref(), &value));
            let duplicate = duplicates.get_mut(&value.to_text());
            let is_counted = duplicate.is_none() || *is_news;
            let repeated = key.filter(|key| is_counted && !keys.insert(key.clone()));
            match (duplicate, repeated) {
                (None, Some(key)) => return Err(repeated_key_fault(&plan.main, key.as_str())),
                _ if !is_news => continue,
                (None, None) => entries.push(record::entry(plan, row, parts)),
                (Some(Duplicate::Quarantined(group)), _) => {
                    // Once in a batch: no row is left for the next one with this key.
                    let group = std::mem::take(group);
                    let parts = self.parts_of(&group).await?;
                    let group = group.iter().zip(&parts);
                    entries.extend(group.map(|(row, parts)| record::duplicate(plan, row, parts)));
                }
                (Some(Duplicate::Last(_)), Some(_)) => self.account.note_repeated(),
                (Some(Duplicate::Last(last)), None) => {
                    let parts = self.parts_of(std::slice::from_ref(last)).await?;
                    let parts = parts.into_iter().next().unwrap_or_default();
                    entries.push(record::entry(plan, last, &parts));
                }
            }
            if may_be_moved {
                cursor.main.acknowledged.note(digest, row.is_pending);
            }
            if row.is_pending && !value.is_null() {
                let acks = cursor.to_acknowledge.entry(String::new()).or_default();
                acks.push(pending_ack(&plan.main, row));
            }
        }
        Ok(entries)
    }

    /// The rows of all parts of these rows of the main table.
    async fn parts_of(&mut self, rows: &[Row]) -> Result<Vec<Parts>, Fault> {
        let plan = self.plan;
        let mut parts: Vec<Parts> = rows.iter().map(|_| Parts::new()).collect();
        for part in &plan.parts {
            self.add_part(part, rows, &mut parts).await?;
        }
        Ok(parts)
    }

    /// Adds the rows of a part to their records, in the order of the part's key.
    async fn add_part(
        &mut self,
        part: &PartPlan,
        rows: &[Row],
        parts: &mut [Parts],
    ) -> Result<(), Fault> {
        let values = distinct_values(rows.iter().map(|row| row.value(&part.parent)));
        if values.is_empty() {
            return Ok(());
        }
        let catalog = self.database.catalog(&self.plan.main).await?;
        let from = catalog.get(&part.parent);
        let key = part.table.key.as_str();
        let mut after: Option<(Value, usize)> = None;
        loop {
            let mut conditions =
                vec![Condition::NotNull(key), Condition::In(&part.column, &values, from)];
            conditions
                .extend(after.as_ref().map(|(key, owner)| Condition::AfterOwned(key, *owner)));
            let order = Order::Owned(Owners { column: &part.column, values: &values, from });
            let select = Select { table: &part.table, conditions, order, limit: self.plan.page };
            let (part_rows, is_end) = self.database.select_page(select).await?;
            after = part_rows.last().map(|row| (row.value(key), row.owner));
            for row in part_rows {
                let Some(value) = values.get(row.owner) else { continue };
                for (owner, parts) in rows.iter().zip(&mut *parts) {
                    if owner.get(&part.parent) == Some(value) {
                        parts.entry(part.name.clone()).or_default().push(row.clone());
                    }
                }
            }
            if is_end {
                return Ok(());
            }
        }
    }
}

/// Moves the position of a scan behind the rows of a page.
///
/// # Errors
/// The database returned the row at which the scan stood before, so it would never end.
fn advance(
    scan: Scan,
    table: &TablePlan,
    positions: &mut Positions,
    rows: &[Row],
    is_end: bool,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let before = scan.after(positions);
    scan.advance(table, positions, rows, is_end, now);
    if rows.is_empty() || before.is_none() || scan.after(positions) != before {
        return Ok(());
    }
    Err(Fault::stopped("the database finds the same rows after the last one again")
        .at(format!("table {}", table.name))
        .remedy(
            "its values change when they are read or compared: set `key` and `changes` to columns of \
             whole numbers, times or texts",
        ))
}

/// The fault for a key that more than one row has.
pub(crate) fn repeated_key_fault(table: &TablePlan, key: &str) -> Fault {
    let key = masked_key(key);
    Fault::stopped(format!("the key {key} stands in more than one row, so rows would be lost"))
        .at(format!("column {}", table.key))
        .at(format!("table {}", table.name))
        .remedy(format!(
            "set `key` to a unique column, or read a view that has each key once; GROUP BY {} HAVING COUNT(*) > 1 \
             shows such keys",
            table.key
        ))
}

fn pending_ack(table: &TablePlan, row: &Row) -> PendingAck {
    let changed = table.changes.as_ref().map(|changes| row.value(&changes.column));
    let changed = changed.filter(|changed| !changed.is_null());
    let content = Some(content_digest(table, row));
    PendingAck { key: row.value(&table.key), changed, content }
}

pub(crate) fn distinct_values(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    values
        .filter(|value| !value.is_null())
        .filter(|value| seen.insert((std::mem::discriminant(value), value.to_text())))
        .collect()
}
