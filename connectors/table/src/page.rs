//! Reads one page of rows of the main table or of a part, with all parts of each record.
//!
//! A record is always read completely, with all its parts in the order of their keys, whichever scan has
//! found it. So the same state of the source always gives the same record.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use contract::{Entry, Fault};

use crate::{
    cursor::{Cursor, PendingAck, SweepPosition, UnfinishedPart},
    database::Database,
    plan::{PartPlan, Plan, TablePlan},
    record::{self, Parts},
    scan::Scan,
    sql::{Condition, Order, Select},
    value::{Row, Value},
};

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
        let mut rows = self.database.select(&select).await?;
        let mut is_end = rows.len() < self.limit;
        // The first pages of a backfill only show how the source writes times.
        let is_format_sample = scan == Scan::Range && cursor.main.sweep.since.is_none();
        scan.move_past(table, &mut cursor.main, &rows, is_end, self.now);
        if is_format_sample {
            rows.clear();
            let SweepPosition { since, newest, .. } = &cursor.main.sweep;
            is_end &= since.is_none();
            if since.is_none() && newest.is_some() {
                return Err(Fault::stopped("the column of `changes` contains numbers, not times")
                    .at(format!("table {}", table.name))
                    .remedy("if the numbers are times, set `format` to their format, like %s"));
            }
        }
        if scan == Scan::Pending {
            self.remove_unsettled(&mut rows);
        }
        if scan == Scan::Sweep && is_end && !rows.is_empty() && cursor.main.sweep.since.is_none() {
            tracing::warn!(
                table = table.name,
                "no value of the `changes` column can be read as a time, so the whole table is \
                 read again and again; check `format`"
            );
        }
        let entries = self.entries(rows, cursor).await?;
        Ok(Page { entries, is_end })
    }

    /// Removes rows that the previous batch has read and that have not changed since: they are still
    /// pending only because that batch is not settled yet.
    fn remove_unsettled(&self, rows: &mut Vec<Row>) {
        let table = &self.plan.main;
        let dated = self.unsettled.iter().filter(|ack| ack.changed.is_some());
        let unsettled: HashMap<_, _> = dated.map(|ack| (ack.key.join_key(), ack)).collect();
        rows.retain(|row| {
            let ack = unsettled.get(&row.value(&table.key).join_key());
            ack.is_none_or(|ack| **ack != pending_ack(table, row))
        });
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
        let mut rows = self.database.select(&select).await?;
        let mut is_end = rows.len() < limit;
        let first = rows.first().map(|row| row.value(&part.table.key));
        let after = unfinished.filter(|it| Some(&it.part) == first.as_ref()).map(|it| it.after);
        let mut parents = self.select_parents(part, &rows, after.as_ref()).await?;
        while parents.len() > self.limit && rows.len() > 1 {
            rows.truncate(rows.len() / 2);
            is_end = false;
            parents = self.select_parents(part, &rows, None).await?;
        }
        let does_not_fit = parents.len() > self.limit;
        parents.truncate(self.limit);
        let scan_index = cursor.next_scan;
        let positions = cursor.parts.entry(part.name.clone()).or_default();
        if let (true, Some(row), Some(last)) = (does_not_fit, rows.first(), parents.last()) {
            let (part, after) = (row.value(&part.table.key), last.value(&self.plan.main.key));
            positions.unfinished = Some(UnfinishedPart { scan: scan_index, part, after });
            is_end = false;
        } else {
            positions.unfinished = positions.unfinished.take().filter(|it| it.scan != scan_index);
            scan.move_past(&part.table, positions, &rows, is_end, self.now);
            let acks = rows.iter().filter(|row| row.is_pending);
            let acks: Vec<PendingAck> = acks.map(|row| pending_ack(&part.table, row)).collect();
            if !acks.is_empty() {
                cursor.to_acknowledge.insert(part.name.clone(), acks);
            }
        }
        let entries = self.entries(parents, cursor).await?;
        Ok(Page { entries, is_end })
    }

    /// The rows of the main table to which `rows` of a part belong, with keys after `after`: at most one
    /// more than fit into a batch, which shows that not all fit.
    async fn select_parents(
        &mut self,
        part: &PartPlan,
        rows: &[Row],
        after: Option<&Value>,
    ) -> Result<Vec<Row>, Fault> {
        let values = distinct_values(rows.iter().map(|row| row.value(&part.column)));
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.plan.main.key.as_str();
        let mut conditions = vec![Condition::NotNull(key), Condition::In(&part.parent, &values)];
        conditions.extend(after.map(|after| Condition::Compare(key, ">", after.clone())));
        let limit = self.limit + 1;
        let select = Select { table: &self.plan.main, conditions, order: Order::Key, limit };
        self.database.select(&select).await
    }

    /// The entries for rows of the main table, each key once. Pending rows are added to
    /// `to_acknowledge`.
    async fn entries(&mut self, rows: Vec<Row>, cursor: &mut Cursor) -> Result<Vec<Entry>, Fault> {
        let plan = self.plan;
        let mut parts: Vec<Parts> = rows.iter().map(|_| Parts::new()).collect();
        for part in &plan.parts {
            self.add_part(part, &rows, &mut parts).await?;
        }
        let mut keys = HashSet::new();
        let mut entries = Vec::with_capacity(rows.len());
        for (row, parts) in rows.iter().zip(&parts) {
            let key = record::key(&plan.config, &row.value(&plan.main.key));
            if key.is_some_and(|key| !keys.insert(key)) {
                continue;
            }
            entries.push(record::entry(plan, row, parts));
            if row.is_pending && !row.value(&plan.main.key).is_null() {
                let acks = cursor.to_acknowledge.entry(String::new()).or_default();
                acks.push(pending_ack(&plan.main, row));
            }
        }
        Ok(entries)
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
        let mut owners: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (index, row) in rows.iter().enumerate() {
            owners.entry(row.value(&part.parent).join_key()).or_default().push(index);
        }
        let (key, mut after) = (part.table.key.as_str(), None);
        loop {
            let mut conditions =
                vec![Condition::NotNull(key), Condition::In(&part.column, &values)];
            conditions.extend(after.map(|after| Condition::Compare(key, ">", after)));
            let limit = self.plan.page;
            let select = Select { table: &part.table, conditions, order: Order::Key, limit };
            let part_rows = self.database.select(&select).await?;
            let is_end = part_rows.len() < limit;
            after = part_rows.last().map(|row| row.value(key));
            for row in part_rows {
                let join_key = row.value(&part.column).join_key();
                for index in owners.get(&join_key).into_iter().flatten() {
                    if let Some(parts) = parts.get_mut(*index) {
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

fn pending_ack(table: &TablePlan, row: &Row) -> PendingAck {
    let changed = table.changes.as_ref().map(|changes| row.value(&changes.column));
    PendingAck { key: row.value(&table.key), changed: changed.filter(|changed| !changed.is_null()) }
}

fn distinct_values(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    values
        .filter(|value| !value.is_null())
        .filter(|value| seen.insert((std::mem::discriminant(value), value.join_key())))
        .collect()
}
