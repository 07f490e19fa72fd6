//! All SQL of this crate, except the session settings in `driver`.
//!
//! Names come from the channel's settings; `plan.rs` checks them, and this file quotes them. Values are
//! always bound. Only `inspect.rs` writes names into SQL too, so an audit has two files to read.

use sqlx::AssertSqlSafe;

use crate::{
    config::Pending,
    cursor::PendingAck,
    plan::TablePlan,
    value::{TextType, Value},
};

/// Name of the extra column that says whether a row is pending.
pub(crate) const IS_PENDING: &str = "tonghui_pending";

/// The dialect of SQL that a database uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// A statement and the values bound to it.
#[derive(Debug)]
pub(crate) struct Sql {
    text: String,
    binds: Vec<Value>,
}

/// A query for a page of a table. It always has a limit.
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
    /// The column is not NULL.
    NotNull(&'a str),
    /// The column is NULL.
    Null(&'a str),
    /// The column is NULL or, if it is a text column, empty.
    Undated { column: &'a str, is_text: bool },
    /// A comparison of the column with a value, by this operator.
    Compare(&'a str, &'static str, Value),
    /// The row comes after this (value, key), in the order of value and key.
    After(&'a str, &'a (Value, Value)),
    /// The column has one of the values.
    In(&'a str, &'a [Value]),
}

/// The order of the rows.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    /// By key.
    Key,
    /// By this column, then by key.
    Column(&'a str),
    /// By key, from the row with this index on. Only for rows without a key, which have no other position.
    Offset(u64),
}

impl Sql {
    /// A statement without values.
    pub(crate) fn plain(text: String) -> Self {
        Self { text, binds: Vec::new() }
    }

    /// The text and the values, for the driver.
    pub(crate) fn into_parts(self) -> (AssertSqlSafe<String>, Vec<Value>) {
        (AssertSqlSafe(self.text), self.binds)
    }

    /// Asks for the time of the source's clock, as text in UTC: `2026-10-09T02:30:00.123456`.
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

    /// Selects a page.
    pub(crate) fn select(dialect: Dialect, select: &Select<'_>) -> Self {
        let Select { table, conditions, order, limit } = select;
        let mut writer = Writer { dialect, table, binds: Vec::new() };
        let mut columns = match &table.columns {
            None => "t.*".to_owned(),
            Some(columns) => join(columns, |column| writer.column(column)),
        };
        if !table.flags.is_empty() {
            let pending = writer.pending_condition("");
            columns.push_str(&format!(", CASE WHEN {pending} THEN 1 ELSE 0 END AS {IS_PENDING}"));
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

    /// Sets the flags of rows that have not changed since they were read. Sets no other column.
    pub(crate) fn acknowledge(dialect: Dialect, table: &TablePlan, acks: &[PendingAck]) -> Self {
        let mut writer = Writer { dialect, table, binds: Vec::new() };
        let set = join(&table.flags, |flag| {
            format!("{} = {}", writer.quote(&flag.column), writer.bind(&Value::from(&flag.done)))
        });
        let (name, key) = (writer.table(), writer.column(&table.key));
        // The keys let the database find the rows by their index.
        let keys = join(acks, |ack| writer.bind(&ack.key));
        // SQLite keeps no statistics. It would use the index of the flag, which may have thousands of
        // pending rows. The prefix keeps it from using that index (https://sqlite.org/optoverview.html,
        // §2).
        let pending = writer.pending_condition(if dialect == Dialect::Sqlite { "+" } else { "" });
        let mut text = format!("UPDATE {name} SET {set} WHERE {key} IN ({keys}) AND {pending}");
        if let Some(changes) = &table.changes {
            text.push_str(&format!(" AND ({})", writer.unchanged_condition(&changes.column, acks)));
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
            Condition::Pending => self.pending_condition(""),
            Condition::NotNull(column) => format!("{} IS NOT NULL", self.column(column)),
            Condition::Null(column) => format!("{} IS NULL", self.column(column)),
            Condition::Undated { column, is_text } => {
                let column = self.column(column);
                // In SQLite, any column may contain text.
                if *is_text || self.dialect == Dialect::Sqlite {
                    format!("({column} IS NULL OR LENGTH({column}) = 0)")
                } else {
                    format!("{column} IS NULL")
                }
            }
            Condition::Compare(column, operator, value) => {
                format!("{} {operator} {}", self.column(column), self.bind(value))
            }
            Condition::After(column, (value, after)) => {
                let (column, key) = (self.column(column), self.column(&self.table.key));
                let (from, above) = (self.bind(value), self.bind(value));
                let after = self.bind(after);
                // The first comparison lets the database use an index on the column.
                format!("{column} >= {from} AND ({column} > {above} OR {key} > {after})")
            }
            Condition::In(column, values) => {
                format!("{} IN ({})", self.column(column), join(values, |value| self.bind(value)))
            }
        }
    }

    /// The condition that all flags say that a row is pending. `prefix` is written before each column.
    fn pending_condition(&mut self, prefix: &str) -> String {
        let flags = self.table.flags.iter().map(|flag| {
            let column = self.column(&flag.column);
            match &flag.pending {
                Pending::Value(value) => format!("{prefix}{column} = {}", self.bind(&value.into())),
                Pending::Range(range) => {
                    let from = self.bind(&Value::Int(range.from));
                    let below = self.bind(&Value::Int(range.below));
                    format!("{prefix}{column} >= {from} AND {prefix}{column} < {below}")
                }
            }
        });
        flags.collect::<Vec<_>>().join(" AND ")
    }

    /// The condition that a row is one of `acks` and still has the value of `column` that was read. It
    /// compares with a list of rows, because a database would evaluate a chain of comparisons one by
    /// one.
    fn unchanged_condition(&mut self, column: &str, acks: &[PendingAck]) -> String {
        let (key, column) = (self.column(&self.table.key), self.column(column));
        let (dated, undated): (Vec<&PendingAck>, Vec<&PendingAck>) =
            acks.iter().partition(|ack| ack.changed.is_some());
        let mut alternatives = Vec::new();
        if !dated.is_empty() {
            // SQLite accepts a list of rows only as a table.
            let values = if self.dialect == Dialect::Sqlite { "VALUES " } else { "" };
            let rows = join(&dated, |ack| {
                let changed = ack.changed.as_ref().unwrap_or(&Value::Null);
                format!("({}, {})", self.bind(&ack.key), self.bind(changed))
            });
            alternatives.push(format!("({key}, {column}) IN ({values}{rows})"));
        }
        if !undated.is_empty() {
            let keys = join(&undated, |ack| self.bind(&ack.key));
            alternatives.push(format!("{column} IS NULL AND {key} IN ({keys})"));
        }
        alternatives.join(" OR ")
    }

    fn table(&self) -> String {
        let pieces = self.table.name.split('.').map(|piece| self.quote(piece));
        format!("{} AS t", pieces.collect::<Vec<_>>().join("."))
    }

    /// A column, always with its table: without it, SQLite takes an unknown quoted name for text.
    fn column(&self, column: &str) -> String {
        format!("t.{}", self.quote(column))
    }

    fn quote(&self, name: &str) -> String {
        let quote = if self.dialect == Dialect::MySql { '`' } else { '"' };
        format!("{quote}{name}{quote}")
    }

    /// Binds a value and returns its placeholder, cast to the type of the value if necessary.
    fn bind(&mut self, value: &Value) -> String {
        self.binds.push(value.clone());
        let placeholder = match self.dialect {
            Dialect::Postgres => format!("${}", self.binds.len()),
            Dialect::Sqlite | Dialect::MySql => "?".to_owned(),
        };
        // If the driver cannot send a type, the value is sent as text or bytes, and cast.
        let sql_type = match (value, self.dialect) {
            (Value::BrokenText(_), Dialect::Sqlite) => "TEXT",
            (Value::Decimal(_) | Value::Unsigned(_), Dialect::Postgres) => "NUMERIC",
            (Value::Decimal(_), Dialect::MySql) => "DECIMAL(65, 30)",
            (Value::TypedText(text_type, _), Dialect::Postgres) => match text_type {
                TextType::Uuid => "UUID",
                TextType::Date => "DATE",
                TextType::Timestamp => "TIMESTAMP",
                TextType::TimestampWithZone => "TIMESTAMPTZ",
            },
            _ => return placeholder,
        };
        format!("CAST({placeholder} AS {sql_type})")
    }
}

fn join<T>(items: &[T], write: impl FnMut(&T) -> String) -> String {
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
                pending: Pending::Value(Scalar::Number(0)),
                done: Scalar::Number(1),
            }],
        }
    }

    #[test]
    fn a_page_names_its_columns_conditions_order_and_limit() {
        let (table, after) =
            (table(), (Value::Text("x".into()), Value::TypedText(TextType::Uuid, "y".into())));
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
