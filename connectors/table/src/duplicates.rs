//! Rows of a view that have the same key, where the channel says what becomes of them.
//!
//! All rows with the keys of a page are looked at, so that the answer does not depend on which of them are on
//! the page: however often they are read, they become the same record.

use std::collections::HashMap;

use contract::Fault;
use document::Duplicates;

use crate::{
    page::{PageReader, distinct_values},
    plan::TablePlan,
    sql::{Condition, Order, Select},
    value::Row,
};

/// Maximum number of rows that have the keys of a page.
const MAX_ROWS: usize = 20_000;

/// What becomes of the rows of a key that more than one row has.
#[derive(Debug)]
pub(crate) enum Doubled {
    /// They are one record: this row.
    Last(Row),
    /// They go to quarantine.
    Quarantined,
}

impl PageReader<'_> {
    /// The keys of these rows that more than one row has, as text. Empty if the channel stops at them.
    pub(crate) async fn doubled(
        &mut self,
        rows: &[Row],
    ) -> Result<HashMap<String, Doubled>, Fault> {
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
        let found = self.database.select(&select).await?;
        if found.len() >= MAX_ROWS {
            let what = format!("{MAX_ROWS} rows or more have the keys of one page");
            return Err(Fault::stopped(what)
                .at(format!("table {}", table.name))
                .remedy("set `key` to a column with other values, or lower `page`"));
        }
        let mut groups: HashMap<String, Vec<Row>> = HashMap::new();
        for row in found {
            groups.entry(row.value(key).to_text()).or_default().push(row);
        }
        groups.retain(|_, rows| rows.len() > 1);
        let doubled = groups.into_iter().filter_map(|(key, mut rows)| {
            let are_equal = rows.windows(2).all(|pair| pair[0].columns == pair[1].columns);
            rows.sort_by_cached_key(|row| order(table, row));
            Some(if rule == Duplicates::Quarantine && !are_equal {
                (key, Doubled::Quarantined)
            } else {
                (key, Doubled::Last(rows.pop()?))
            })
        });
        Ok(doubled.collect())
    }
}

/// Rows are ordered by the column of `changes`. If two have the same value there, their contents decide: the
/// database may return them in any order.
fn order(table: &TablePlan, row: &Row) -> impl Ord + use<> {
    let changes = table.changes.as_ref();
    let changed = changes.and_then(|it| it.format.read(row.get(&it.column)?));
    (changed, row.columns.iter().map(|(_, value)| value.to_text()).collect::<Vec<_>>())
}
