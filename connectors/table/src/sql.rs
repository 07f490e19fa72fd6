//! All SQL text of this crate.
//!
//! Names come from the channel's settings, are checked in `plan.rs` and quoted here; values are
//! always bound. SQL is put together in this file only, so an audit has one place to read.

use sqlx::AssertSqlSafe;

use crate::{
    config::Pending,
    cursor::PendingAck,
    plan::TablePlan,
    value::{Class, Value},
};

/// Name of the extra column that says whether a row is pending.
pub(crate) const PENDING: &str = "tonghui_pending";

/// The SQL of one kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// A statement and its values.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    binds: Vec<Value>,
}

/// A page of a table. Always with a limit.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    pub(crate) table: &'a TablePlan,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) order: Order<'a>,
    pub(crate) limit: usize,
}

/// A condition on the rows of a page.
#[derive(Debug)]
pub(crate) enum Condition<'a> {
    /// All flags say that the row is pending.
    Pending,
    /// The column has a value.
    NotNull(&'a str),
    Null(&'a str),
    /// The column has no value, or, in a text column, an empty one.
    Undated {
        column: &'a str,
        is_text: bool,
    },
    /// The column compares with the value by this operator.
    Is(&'a str, &'static str, Value),
    /// After this (value, key) in the order of both.
    After(&'a str, &'a (Value, Value)),
    In(&'a str, &'a [Value]),
}

/// The order of the rows.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    Key,
    /// By this column, then by key.
    Column(&'a str),
    /// No defined order: from this row on.
    Offset(u64),
}

impl Sql {
    /// The statement for the driver.
    pub(crate) fn into_parts(self) -> (AssertSqlSafe<String>, Vec<Value>) {
        (AssertSqlSafe(self.text), self.binds)
    }

    /// The source's own clock: one text, `2026-10-09T02:30:00.123456`, UTC.
    pub(crate) fn now(dialect: Dialect) -> Self {
        let text = match dialect {
            Dialect::Sqlite => "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')",
            Dialect::Postgres => {
                "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
            }
            Dialect::MySql => "SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%f')",
        };
        Self { text: text.to_owned(), binds: Vec::new() }
    }

    /// A page.
    pub(crate) fn select(dialect: Dialect, select: &Select<'_>) -> Self {
        let Select { table, conditions, order, limit } = select;
        let mut writer = Writer { dialect, table, binds: Vec::new() };
        let mut columns = match &table.columns {
            None => "t.*".to_owned(),
            Some(columns) => list(columns, |column| writer.column(column)),
        };
        if !table.flags.is_empty() {
            let pending = writer.pending("");
            columns.push_str(&format!(", CASE WHEN {pending} THEN 1 ELSE 0 END AS {PENDING}"));
        }
        let conditions = conditions.iter().map(|condition| writer.condition(condition));
        let conditions = conditions.collect::<Vec<_>>().join(" AND ");
        let (name, key) = (writer.table(), writer.column(&table.key));
        let order = match order {
            Order::Key => format!("{key} LIMIT {limit}"),
            Order::Column(column) => format!("{}, {key} LIMIT {limit}", writer.column(column)),
            Order::Offset(skip) => format!("{key} LIMIT {limit} OFFSET {skip}"),
        };
        let text = format!("SELECT {columns} FROM {name} WHERE {conditions} ORDER BY {order}");
        Self { text, binds: writer.binds }
    }

    /// Sets the flags, and nothing else, of those rows that are still as they were read.
    pub(crate) fn acknowledge(dialect: Dialect, table: &TablePlan, acks: &[PendingAck]) -> Self {
        let mut writer = Writer { dialect, table, binds: Vec::new() };
        let set = list(&table.flags, |flag| {
            format!("{} = {}", writer.quoted(&flag.column), writer.bind(&Value::from(&flag.done)))
        });
        let (name, key) = (writer.table(), writer.column(&table.key));
        // The keys are here so that the database finds the rows by their index.
        let keys = list(acks, |ack| writer.bind(&ack.key));
        // Thousands of rows may be pending where a hundred are meant: SQLite, which keeps no
        // statistics, would search the index of the flag for each statement. The prefix hides the
        // column from it (https://sqlite.org/optoverview.html, §2).
        let pending = writer.pending(if dialect == Dialect::Sqlite { "+" } else { "" });
        let mut text = format!("UPDATE {name} SET {set} WHERE {key} IN ({keys}) AND {pending}");
        if let Some(changes) = &table.changes {
            text.push_str(&format!(" AND ({})", writer.as_read(&changes.column, acks)));
        }
        Self { text, binds: writer.binds }
    }
}

/// Writes the parts of a statement, and collects its values in their order.
struct Writer<'a> {
    dialect: Dialect,
    table: &'a TablePlan,
    binds: Vec<Value>,
}

impl Writer<'_> {
    fn condition(&mut self, condition: &Condition<'_>) -> String {
        match condition {
            Condition::Pending => self.pending(""),
            Condition::NotNull(column) => format!("{} IS NOT NULL", self.column(column)),
            Condition::Null(column) => format!("{} IS NULL", self.column(column)),
            Condition::Undated { column, is_text } => {
                let column = self.column(column);
                // In SQLite any column may contain a text.
                if *is_text || self.dialect == Dialect::Sqlite {
                    format!("({column} IS NULL OR LENGTH({column}) = 0)")
                } else {
                    format!("{column} IS NULL")
                }
            }
            Condition::Is(column, operator, value) => {
                format!("{} {operator} {}", self.column(column), self.bind(value))
            }
            Condition::After(column, (value, after)) => {
                let (column, key) = (self.column(column), self.column(&self.table.key));
                let (from, above) = (self.bind(value), self.bind(value));
                let after = self.bind(after);
                // The first part lets the database use an index of the column.
                format!("{column} >= {from} AND ({column} > {above} OR {key} > {after})")
            }
            Condition::In(column, values) => {
                format!("{} IN ({})", self.column(column), list(values, |value| self.bind(value)))
            }
        }
    }

    /// The condition that all flags say pending. `prefix` is written before each column.
    fn pending(&mut self, prefix: &str) -> String {
        let flags = self.table.flags.iter().map(|flag| {
            let column = self.column(&flag.column);
            match &flag.pending {
                Pending::Is(value) => format!("{prefix}{column} = {}", self.bind(&value.into())),
                Pending::Range(range) => {
                    let from = self.bind(&Value::Int(range.from));
                    let below = self.bind(&Value::Int(range.below));
                    format!("{prefix}{column} >= {from} AND {prefix}{column} < {below}")
                }
            }
        });
        flags.collect::<Vec<_>>().join(" AND ")
    }

    /// The condition that a row is one of these and still has the value of `column` that was read. Written
    /// as a list of rows, because a database would try a chain of comparisons one by one.
    fn as_read(&mut self, column: &str, acks: &[PendingAck]) -> String {
        let (key, column) = (self.column(&self.table.key), self.column(column));
        let (dated, undated): (Vec<&PendingAck>, Vec<&PendingAck>) =
            acks.iter().partition(|ack| ack.changed.is_some());
        let mut alternatives = Vec::new();
        if !dated.is_empty() {
            // SQLite takes a list of rows as a table only.
            let values = if self.dialect == Dialect::Sqlite { "VALUES " } else { "" };
            let rows = list(&dated, |ack| {
                let changed = ack.changed.as_ref().unwrap_or(&Value::Null);
                format!("({}, {})", self.bind(&ack.key), self.bind(changed))
            });
            alternatives.push(format!("({key}, {column}) IN ({values}{rows})"));
        }
        if !undated.is_empty() {
            let keys = list(&undated, |ack| self.bind(&ack.key));
            alternatives.push(format!("{column} IS NULL AND {key} IN ({keys})"));
        }
        alternatives.join(" OR ")
    }

    fn table(&self) -> String {
        let pieces = self.table.name.split('.').map(|piece| self.quoted(piece));
        format!("{} AS t", pieces.collect::<Vec<_>>().join("."))
    }

    /// Always with its table: SQLite takes an unknown quoted name alone for a text.
    fn column(&self, column: &str) -> String {
        format!("t.{}", self.quoted(column))
    }

    fn quoted(&self, name: &str) -> String {
        let quote = if self.dialect == Dialect::MySql { '`' } else { '"' };
        format!("{quote}{name}{quote}")
    }

    /// A placeholder of the class of the value.
    fn bind(&mut self, value: &Value) -> String {
        self.binds.push(value.clone());
        let placeholder = match self.dialect {
            Dialect::Postgres => format!("${}", self.binds.len()),
            Dialect::Sqlite | Dialect::MySql => "?".to_owned(),
        };
        // A class that the driver cannot send is sent as text or bytes and cast back.
        let class = match (value, self.dialect) {
            (Value::BrokenText(_), Dialect::Sqlite) => "TEXT",
            (Value::Decimal(_) | Value::Unsigned(_), Dialect::Postgres) => "NUMERIC",
            (Value::Decimal(_), Dialect::MySql) => "DECIMAL(65, 30)",
            (Value::Spelled(class, _), Dialect::Postgres) => match class {
                Class::Uuid => "UUID",
                Class::Date => "DATE",
                Class::Timestamp => "TIMESTAMP",
                Class::TimestampWithZone => "TIMESTAMPTZ",
            },
            _ => return placeholder,
        };
        format!("CAST({placeholder} AS {class})")
    }
}

fn list<T>(items: &[T], write: impl FnMut(&T) -> String) -> String {
    items.iter().map(write).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Flag, Scalar},
        plan::ChangesPlan,
    };

    fn table() -> TablePlan {
        TablePlan {
            name: "city.CNS_CINFO".into(),
            key: "ROWGUID".into(),
            columns: Some(vec!["ROWGUID".into(), "T".into()]),
            changes: Some(ChangesPlan {
                column: "T".into(),
                format: crate::time::ColumnFormat::new(None, chrono_tz::UTC).unwrap(),
                overlap: std::time::Duration::ZERO,
                range: None,
            }),
            flags: vec![Flag {
                column: "ISFETCH".into(),
                pending: Pending::Is(Scalar::Number(0)),
                done: Scalar::Number(1),
            }],
        }
    }

    #[test]
    fn a_page_names_its_columns_conditions_order_and_limit() {
        let (table, after) =
            (table(), (Value::Text("x".into()), Value::Spelled(Class::Uuid, "y".into())));
        let select = Select {
            table: &table,
            conditions: vec![Condition::NotNull("ROWGUID"), Condition::After("T", &after)],
            order: Order::Column("T"),
            limit: 7,
        };
        let sql = Sql::select(Dialect::Postgres, &select);
        assert_eq!(
            sql.text,
            "SELECT t.\"ROWGUID\", t.\"T\", CASE WHEN t.\"ISFETCH\" = $1 THEN 1 ELSE 0 END AS \
             tonghui_pending FROM \"city\".\"CNS_CINFO\" AS t WHERE t.\"ROWGUID\" IS NOT NULL AND \
             t.\"T\" >= $2 AND (t.\"T\" > $3 OR t.\"ROWGUID\" > CAST($4 AS UUID)) \
             ORDER BY t.\"T\", t.\"ROWGUID\" LIMIT 7"
        );
        assert_eq!(sql.binds.len(), 4);
    }

    #[test]
    fn an_acknowledgement_sets_flags_of_unchanged_pending_rows_only() {
        let acks = [
            PendingAck { key: Value::Int(1), changed: Some(Value::Text("x".into())) },
            PendingAck { key: Value::Int(2), changed: None },
        ];
        let sql = Sql::acknowledge(Dialect::MySql, &table(), &acks);
        assert_eq!(
            sql.text,
            "UPDATE `city`.`CNS_CINFO` AS t SET `ISFETCH` = ? WHERE t.`ROWGUID` IN (?, ?) AND \
             t.`ISFETCH` = ? AND ((t.`ROWGUID`, t.`T`) IN ((?, ?)) OR t.`T` IS NULL AND \
             t.`ROWGUID` IN (?))"
        );
    }

    #[test]
    fn an_acknowledgement_does_not_search_all_pending_rows() {
        let acks = [PendingAck { key: Value::Int(1), changed: None }];
        let sql = Sql::acknowledge(Dialect::Sqlite, &table(), &acks);
        assert!(sql.text.contains("AND +t.\"ISFETCH\" = ?"), "{}", sql.text);
    }
}
