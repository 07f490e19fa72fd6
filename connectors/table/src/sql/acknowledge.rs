//! The statements that acknowledge rows: they set the flags of rows that have not changed since they were read.

use super::{Dialect, Select, Sql, Writer, join};
use crate::{catalog::Catalog, cursor::PendingAck, plan::TablePlan, value::Value};

impl Sql {
    /// Locks the rows of a page, in the order of their keys: nobody else changes them until the transaction ends. If
    /// it waits while somebody deletes a row and inserts it again, PostgreSQL finds neither. So the rows are read
    /// after it.
    pub(crate) fn lock(dialect: Dialect, select: &Select<'_>, catalog: &Catalog) -> Self {
        let Select { table, conditions, order: _, limit } = select;
        let mut writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let rows = writer.conditions(conditions);
        let (name, key) = (writer.table(), writer.ordered(&table.key));
        let text =
            format!("SELECT 1 FROM {name} WHERE {rows} ORDER BY {key} LIMIT {limit} FOR UPDATE");
        Self { text, binds: writer.binds }
    }

    /// Sets the flags of rows that have not changed since they were read. A column that would change by
    /// itself keeps its value if `keep`; no other column is set.
    pub(crate) fn acknowledge(
        dialect: Dialect,
        table: &TablePlan,
        catalog: &Catalog,
        acks: &[PendingAck],
        keep: bool,
    ) -> Self {
        let mut writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let mut set = join(&table.flags, |flag| {
            let done = writer.scalar(&flag.column, &flag.done);
            format!("{} = {done}", writer.quote(&flag.column))
        });
        for moved in catalog.moved().filter(|_| keep) {
            let own = writer.column(&moved.name);
            set.push_str(&format!(", {} = {own}", writer.quote(&moved.name)));
        }
        let owed = writer.owed_condition(acks);
        let text = format!("UPDATE {} SET {set} WHERE {owed}", writer.table());
        Self { text, binds: writer.binds }
    }

    /// Counts the rows that should be acknowledged and are not.
    pub(crate) fn count_owed(
        dialect: Dialect,
        table: &TablePlan,
        catalog: &Catalog,
        acks: &[PendingAck],
    ) -> Self {
        let mut writer = Writer { dialect, table, catalog, binds: Vec::new() };
        let owed = writer.owed_condition(acks);
        let text = format!("SELECT COUNT(*) FROM {} WHERE {owed}", writer.table());
        Self { text, binds: writer.binds }
    }
}

impl Writer<'_> {
    /// The condition that a row is one of `acks`, is still pending, and has not changed since it was read.
    fn owed_condition(&mut self, acks: &[PendingAck]) -> String {
        let key = self.column(&self.table.key);
        // The keys let the database find the rows by their index.
        let keys = join(acks, |ack| self.bind(&self.table.key, &ack.key));
        // SQLite keeps no statistics. It would use the index of the flag, which may have thousands of
        // pending rows. The prefix keeps it from using that index (https://sqlite.org/optoverview.html,
        // §2).
        let pending =
            self.pending_condition(if self.dialect == Dialect::Sqlite { "+" } else { "" });
        let mut owed = format!("{key} IN ({keys}) AND {pending}");
        if let Some(changes) = &self.table.changes {
            owed.push_str(&format!(" AND ({})", self.unchanged_condition(&changes.column, acks)));
        }
        owed
    }

    /// The condition that a row is one of `acks` and still has the value of `column` that was read. It
    /// compares with a list of rows, because a database would evaluate a chain of comparisons one by
    /// one.
    fn unchanged_condition(&mut self, column: &str, acks: &[PendingAck]) -> String {
        let (key_name, name) = (self.table.key.as_str(), column);
        let (key, column) = (self.column(key_name), self.column(name));
        let (dated, undated): (Vec<&PendingAck>, Vec<&PendingAck>) =
            acks.iter().partition(|ack| ack.changed.is_some());
        let mut alternatives = Vec::new();
        if !dated.is_empty() {
            // SQLite accepts a list of rows only as a table.
            let values = if self.dialect == Dialect::Sqlite { "VALUES " } else { "" };
            let rows = join(&dated, |ack| {
                let changed = ack.changed.as_ref().unwrap_or(&Value::Null);
                format!("({}, {})", self.bind(key_name, &ack.key), self.bind(name, changed))
            });
            alternatives.push(format!("({key}, {column}) IN ({values}{rows})"));
        }
        if !undated.is_empty() {
            let keys = join(&undated, |ack| self.bind(key_name, &ack.key));
            alternatives.push(format!("{column} IS NULL AND {key} IN ({keys})"));
        }
        alternatives.join(" OR ")
    }
}
