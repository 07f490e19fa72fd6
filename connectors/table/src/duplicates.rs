//! Rows of a view that have the same key, where the channel says what becomes of them.
//!
//! All rows with the keys of a page are looked at, so that the answer does not depend on which of them are on
//! the page: however often they are read, they become the same record.

use std::collections::{HashMap, HashSet};

use contract::Fault;
use document::Duplicates;

use crate::{
    page::{PageReader, distinct_values, repeated_key_fault},
    plan::TablePlan,
    sql::{Condition, Order, Select},
    value::{Row, Value},
};

/// Maximum number of rows that have the keys of a page.
const MAX_ROWS: usize = 20_000;

/// What becomes of the rows of a key that more than one row has.
#[derive(Debug)]
pub(crate) enum Duplicate {
    /// They are one record: this row.
    Last(Row),
    /// These different rows go to quarantine. Some of them may be on no page: a scan goes on after a key.
    Quarantined(Vec<Row>),
}

impl PageReader<'_> {
    /// The keys of these rows that more than one row has, as text. Empty if the channel stops at them.
    ///
    /// # Errors
    /// For the database, two of the texts are one key. Then it would skip one of them at the end of a page,
    /// and acknowledge and count both as one.
    pub(crate) async fn duplicates(
        &mut self,
        rows: &[Row],
    ) -> Result<HashMap<String, Duplicate>, Fault> {
        let (table, rule) = (&self.plan.main, self.plan.config.duplicates);
        let key = table.key.as_str();
        let catalog = self.database.catalog(table).await?;
        let keys = distinct_values(rows.iter().map(|row| row.value(key)));
        let column = catalog.get(key);
        if rule == Duplicates::Stop || keys.is_empty() || column.is_some_and(|it| it.is_unique) {
            return Ok(HashMap::new());
        }
        let conditions = vec![Condition::In(key, &keys, column)];
        let select = Select { table, conditions, order: Order::Key, limit: MAX_ROWS };
        let (found, is_end) = self.database.select(select).await?;
        if !is_end {
            let what = "the rows that have the keys of one page are too many or too large";
            return Err(Fault::stopped(what)
                .at(format!("table {}", table.name))
                .remedy("set `key` to a column with other values, or lower `page`"));
        }
        let mut groups: HashMap<String, Vec<Row>> = HashMap::new();
        let asked: HashSet<String> = keys.iter().map(Value::to_text).collect();
        for mut row in found {
            let text = row.value(key).to_text();
            if !asked.contains(&text) {
                return Err(repeated_key_fault(table, &text));
            }
            set_flags(table, &mut row);
            groups.entry(text).or_default().push(row);
        }
        groups.retain(|_, rows| rows.len() > 1);
        let duplicates = groups.into_iter().filter_map(|(key, mut rows)| {
            rows.sort_by_cached_key(|row| order(table, row));
            rows.dedup_by(|a, b| a.columns == b.columns);
            Some(if rule == Duplicates::Quarantine && rows.len() > 1 {
                (key, Duplicate::Quarantined(rows))
            } else {
                (key, Duplicate::Last(rows.pop()?))
            })
        });
        Ok(duplicates.collect())
    }
}

/// Writes the flags of a pending row as set: its content must be the same before and after it is acknowledged,
/// because in quarantine it is known by its content.
fn set_flags(table: &TablePlan, row: &mut Row) {
    if !row.is_pending {
        return;
    }
    for (name, value) in &mut row.columns {
        if let Some(flag) = table.flags.iter().find(|it| it.column.eq_ignore_ascii_case(name)) {
            *value = Value::from(&flag.done);
        }
    }
}

/// Rows are ordered by the column of `changes`. If two have the same value there, their contents decide: the
/// database may return them in any order.
fn order(table: &TablePlan, row: &Row) -> impl Ord + use<> {
    let changes = table.changes.as_ref();
    let changed = changes.and_then(|it| it.format.read(row.get(&it.column)?));
    (changed, row.columns.iter().map(|(_, value)| value.to_text()).collect::<Vec<_>>())
}
