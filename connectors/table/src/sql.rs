//! All SQL text of this crate.
//!
//! Names come from the channel's settings, are checked in `plan.rs` and quoted here; values are
//! only ever bound. Nothing outside this file puts SQL together, so this is the one place to read
//! for whoever audits it.

use sqlx::AssertSqlSafe;

use crate::{
    cursor::Debt,
    plan::{PendingPlan, Target},
    value::{Class, Value},
};

/// Name of the extra column that says whether a row is pending.
pub(crate) const PENDING: &str = "tonghui_pending";

/// Whose SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    MySql,
}

/// A statement and its values.
#[derive(Debug)]
pub(crate) struct Sql {
    dialect: Dialect,
    text: String,
    binds: Vec<Value>,
}

/// A page of a table. Never without a limit.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    pub(crate) target: &'a Target,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) order: Order<'a>,
    pub(crate) limit: usize,
}

/// What the rows of a page have in common.
#[derive(Debug)]
pub(crate) enum Condition<'a> {
    /// All flags say so.
    Pending,
    HasKey,
    HasNoKey,
    /// The column has a value.
    Dated(&'a str),
    /// The column has no value, or, in a text column, an empty one.
    Undated {
        column: &'a str,
        is_text: bool,
    },
    From(&'a str, Value),
    Before(&'a str, Value),
    AfterKey(&'a Value),
    /// Behind this (value, key) in the order of both.
    After(&'a str, &'a (Value, Value)),
    In(&'a str, &'a [Value]),
}

/// In which order.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    Key,
    Then(&'a str),
    /// None to speak of: from this row on.
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
        Self { dialect, text: text.to_owned(), binds: Vec::new() }
    }

    /// A page.
    pub(crate) fn select(dialect: Dialect, select: &Select<'_>) -> Self {
        let target = select.target;
        let mut sql = Self { dialect, text: "SELECT ".to_owned(), binds: Vec::new() };
        match &target.columns {
            None => sql.text.push_str("t.*"),
            Some(columns) => sql.list(columns, |sql, column| sql.column(column)),
        }
        if !target.flags.is_empty() {
            sql.text.push_str(", CASE WHEN ");
            sql.pending(target, "");
            sql.text.push_str(" THEN 1 ELSE 0 END AS ");
            sql.text.push_str(PENDING);
        }
        sql.text.push_str(" FROM ");
        sql.table(&target.table);
        for (index, condition) in select.conditions.iter().enumerate() {
            sql.text.push_str(if index == 0 { " WHERE " } else { " AND " });
            sql.condition(target, condition);
        }
        sql.text.push_str(" ORDER BY ");
        match select.order {
            Order::Key | Order::Offset(_) => sql.column(&target.key),
            Order::Then(column) => {
                sql.column(column);
                sql.text.push_str(", ");
                sql.column(&target.key);
            }
        }
        sql.text.push_str(&format!(" LIMIT {}", select.limit));
        if let Order::Offset(skip) = select.order {
            sql.text.push_str(&format!(" OFFSET {skip}"));
        }
        sql
    }

    /// Sets the flags, and nothing else, of those rows that are still as they were read.
    pub(crate) fn acknowledge(dialect: Dialect, target: &Target, debts: &[Debt]) -> Self {
        let mut sql = Self { dialect, text: "UPDATE ".to_owned(), binds: Vec::new() };
        sql.table(&target.table);
        sql.text.push_str(" SET ");
        sql.list(&target.flags, |sql, flag| {
            sql.quoted(&flag.column);
            sql.text.push_str(" = ");
            sql.bind(&flag.done);
        });
        // The list of keys alone would do for the database to find the rows by their index.
        sql.text.push_str(" WHERE ");
        sql.column(&target.key);
        sql.text.push_str(" IN (");
        sql.list(debts, |sql, debt| sql.bind(&debt.key));
        sql.text.push_str(") AND ");
        // Thousands of rows may be pending and a hundred are meant: SQLite, which keeps no
        // statistics, would search the flag's index for each statement. The sign hides the column
        // from it (https://sqlite.org/optoverview.html, §2); the others know what a key is.
        sql.pending(target, if dialect == Dialect::Sqlite { "+" } else { "" });
        if let Some(changes) = &target.changes {
            sql.text.push_str(" AND (");
            sql.as_read(target, &changes.column, debts);
            sql.text.push(')');
        }
        sql
    }

    fn condition(&mut self, target: &Target, condition: &Condition<'_>) {
        match condition {
            Condition::Pending => self.pending(target, ""),
            Condition::HasKey => self.compare(&target.key, " IS NOT NULL"),
            Condition::HasNoKey => self.compare(&target.key, " IS NULL"),
            Condition::Dated(column) => self.compare(column, " IS NOT NULL"),
            // In SQLite any column may hold a text.
            Condition::Undated { column, is_text }
                if !is_text && self.dialect != Dialect::Sqlite =>
            {
                self.compare(column, " IS NULL");
            }
            Condition::Undated { column, .. } => {
                self.text.push('(');
                self.compare(column, " IS NULL OR LENGTH(");
                self.compare(column, ") = 0)");
            }
            Condition::From(column, value) => {
                self.compare(column, " >= ");
                self.bind(value);
            }
            Condition::Before(column, value) => {
                self.compare(column, " < ");
                self.bind(value);
            }
            Condition::AfterKey(key) => {
                self.compare(&target.key, " > ");
                self.bind(key);
            }
            // The first part lets the database use an index of the column.
            Condition::After(column, (value, key)) => {
                self.compare(column, " >= ");
                self.bind(value);
                self.text.push_str(" AND (");
                self.compare(column, " > ");
                self.bind(value);
                self.text.push_str(" OR ");
                self.compare(&target.key, " > ");
                self.bind(key);
                self.text.push(')');
            }
            Condition::In(column, values) => {
                self.compare(column, " IN (");
                self.list(values, |sql, value| sql.bind(value));
                self.text.push(')');
            }
        }
    }

    /// All flags say pending; `sign` stands before each column.
    fn pending(&mut self, target: &Target, sign: &str) {
        for (index, flag) in target.flags.iter().enumerate() {
            if index > 0 {
                self.text.push_str(" AND ");
            }
            self.text.push_str(sign);
            match &flag.pending {
                PendingPlan::Is(value) => {
                    self.compare(&flag.column, " = ");
                    self.bind(value);
                }
                PendingPlan::Range(from, below) => {
                    self.compare(&flag.column, " >= ");
                    self.bind(from);
                    self.text.push_str(" AND ");
                    self.text.push_str(sign);
                    self.compare(&flag.column, " < ");
                    self.bind(below);
                }
            }
        }
    }

    /// One of the debts, with the value of `column` that was read. Rows of values, not a chain of
    /// comparisons: a database searches a list, and a chain it tries link by link.
    fn as_read(&mut self, target: &Target, column: &str, debts: &[Debt]) {
        let (dated, undated): (Vec<_>, Vec<_>) =
            debts.iter().map(|debt| (&debt.key, &debt.seen)).partition(|(_, seen)| seen.is_some());
        if !dated.is_empty() {
            self.text.push('(');
            self.column(&target.key);
            self.text.push_str(", ");
            self.column(column);
            // SQLite takes a list of rows as a table only.
            self.text.push_str(if self.dialect == Dialect::Sqlite {
                ") IN (VALUES "
            } else {
                ") IN ("
            });
            self.list(&dated, |sql, (key, seen)| {
                sql.text.push('(');
                sql.bind(key);
                sql.text.push_str(", ");
                sql.bind(seen.as_ref().unwrap_or(&Value::Null));
                sql.text.push(')');
            });
            self.text.push(')');
        }
        if !undated.is_empty() {
            self.text.push_str(if dated.is_empty() { "" } else { " OR " });
            self.compare(column, " IS NULL AND ");
            self.compare(&target.key, " IN (");
            self.list(&undated, |sql, (key, _)| sql.bind(key));
            self.text.push(')');
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            write(self, item);
        }
    }

    fn table(&mut self, table: &str) {
        for (index, piece) in table.split('.').enumerate() {
            if index > 0 {
                self.text.push('.');
            }
            self.quoted(piece);
        }
        self.text.push_str(" AS t");
    }

    fn compare(&mut self, column: &str, rest: &str) {
        self.column(column);
        self.text.push_str(rest);
    }

    /// Always with its table: SQLite takes an unknown quoted name alone for a text.
    fn column(&mut self, column: &str) {
        self.text.push_str("t.");
        self.quoted(column);
    }

    fn quoted(&mut self, name: &str) {
        let quote = if self.dialect == Dialect::MySql { '`' } else { '"' };
        self.text.push(quote);
        self.text.push_str(name);
        self.text.push(quote);
    }

    /// A placeholder of the class of the value.
    fn bind(&mut self, value: &Value) {
        self.binds.push(value.clone());
        let mark = match self.dialect {
            Dialect::Postgres => format!("${}", self.binds.len()),
            Dialect::Sqlite | Dialect::MySql => "?".to_owned(),
        };
        // What no driver can send as what it is travels as text or bytes and is cast back.
        let cast = match (value, self.dialect) {
            (Value::BrokenText(_), Dialect::Sqlite) => Some("TEXT"),
            (Value::Decimal(_) | Value::Unsigned(_), Dialect::Postgres) => Some("NUMERIC"),
            (Value::Decimal(_), Dialect::MySql) => Some("DECIMAL(65, 30)"),
            (Value::Spelled(class, _), Dialect::Postgres) => Some(match class {
                Class::Uuid => "UUID",
                Class::Date => "DATE",
                Class::Timestamp => "TIMESTAMP",
                Class::TimestampWithZone => "TIMESTAMPTZ",
            }),
            _ => None,
        };
        match cast {
            Some(class) => self.text.push_str(&format!("CAST({mark} AS {class})")),
            None => self.text.push_str(&mark),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ChangesPlan, FlagPlan};

    fn target() -> Target {
        Target {
            table: "city.CNS_CINFO".into(),
            key: "ROWGUID".into(),
            columns: Some(vec!["ROWGUID".into(), "T".into()]),
            changes: Some(ChangesPlan {
                column: "T".into(),
                form: crate::time::TimeForm::new(None, chrono_tz::UTC).unwrap(),
                overlap: std::time::Duration::ZERO,
                range: None,
            }),
            flags: vec![FlagPlan {
                column: "ISFETCH".into(),
                pending: PendingPlan::Is(Value::Int(0)),
                done: Value::Int(1),
            }],
        }
    }

    #[test]
    fn a_page_names_its_columns_conditions_order_and_limit() {
        let (target, after) =
            (target(), (Value::Text("x".into()), Value::Spelled(Class::Uuid, "y".into())));
        let select = Select {
            target: &target,
            conditions: vec![Condition::HasKey, Condition::After("T", &after)],
            order: Order::Then("T"),
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
        let debts = [
            Debt { key: Value::Int(1), seen: Some(Value::Text("x".into())) },
            Debt { key: Value::Int(2), seen: None },
        ];
        let sql = Sql::acknowledge(Dialect::MySql, &target(), &debts);
        assert_eq!(
            sql.text,
            "UPDATE `city`.`CNS_CINFO` AS t SET `ISFETCH` = ? WHERE t.`ROWGUID` IN (?, ?) AND \
             t.`ISFETCH` = ? AND ((t.`ROWGUID`, t.`T`) IN ((?, ?)) OR t.`T` IS NULL AND \
             t.`ROWGUID` IN (?))"
        );
    }

    #[test]
    fn an_acknowledgement_does_not_search_all_pending_rows() {
        let debts = [Debt { key: Value::Int(1), seen: None }];
        let sql = Sql::acknowledge(Dialect::Sqlite, &target(), &debts);
        assert!(sql.text.contains("AND +t.\"ISFETCH\" = ?"), "{}", sql.text);
    }
}
