//! Looks in the source for what would go wrong later, beside what every read checks: missing rights, rows without
//! a key, a slow search, and times that are ahead of the clock. Changes nothing: an UPDATE is only explained,
//! which needs the same rights.
//!
//! Like `sql.rs`, this file writes SQL with the names that `plan.rs` has checked.

use chrono::TimeDelta;
use contract::Fault;

use crate::{
    database::Database,
    driver::DbError,
    fault::Operation,
    plan::{ChangesPlan, PartPlan, TablePlan},
    sql::{self, Dialect, Sql},
    time::ChangeValue,
    value::Value,
};

/// How far the newest row may be ahead of the database's clock.
const MAX_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// How far a newest row in UTC may be behind the clock in UTC: a table where nothing is written is no evidence.
const MAX_APART: TimeDelta = TimeDelta::minutes(2);

/// What to do about times that seem to be in another zone.
const ZONE_ADVICE: &str =
    "check `zone` in gateway.toml and `format`: the source may write its times in another zone";

/// What is wrong with a table.
///
/// # Errors
/// The source cannot be read at all, or not at the moment.
pub(crate) async fn inspect(
    database: &mut Database,
    table: &TablePlan,
) -> Result<Vec<Fault>, Fault> {
    let dialect = database.dialect();
    let names = Names { dialect, table };
    let mut found = Vec::new();
    let n_missing = n_null(database, &names, &table.key).await?;
    if n_missing > 0 {
        found.push(
            Fault::stopped(format!("{n_missing} rows have no value in the key {}", table.key))
                .remedy(
                    "set `key` to a column without NULL: rows without a key cannot be told apart",
                ),
        );
    }
    if !table.flags.is_empty() {
        found.extend(rights(database, &names).await?);
    }
    if let Some(changes) = &table.changes {
        found.extend(times(database, &names, changes).await?);
        let (column, n_missing) =
            (&changes.column, n_null(database, &names, &changes.column).await?);
        if n_missing > 0 && table.flags.is_empty() {
            let what = format!(
                "{n_missing} rows have no value in the column {column} of `changes`, so what changes in them is \
                 read only every hour"
            );
            found.push(Fault::stopped(what).remedy(format!(
                "ask the owner to set {column} in these rows, and with every change"
            )));
        }
    } else {
        for flag in &table.flags {
            let (column, n_missing) = (&flag.column, n_null(database, &names, &flag.column).await?);
            if n_missing > 0 {
                let what = format!(
                    "{n_missing} rows have no value in the flag {column}, so they are never read"
                );
                found.push(Fault::stopped(what).remedy(format!(
                    "ask the owner to set {column} in these rows, and to give it the pending value by default"
                )));
            }
        }
    }
    let place = format!("table {}", table.name);
    Ok(found.into_iter().map(|fault| fault.at(place.clone())).collect())
}

/// Says that nothing finds new rows of a part.
pub(crate) fn unfound_part(part: &PartPlan) -> Option<Fault> {
    let PartPlan { table, moves_record, .. } = part;
    let is_unfound = table.changes.is_none() && table.flags.is_empty() && !moves_record;
    is_unfound.then(|| {
        Fault::stopped(
            "neither `changes` nor `flag` finds new rows of this part, so they are read only when the row to which \
             they belong changes",
        )
        .at(format!("table {}", table.name))
        .remedy(
            "add `changes` or `flag` to [[table.part]], or `moves_record = true` if the source moves the column of \
             `changes` of the record whenever it changes a row here",
        )
    })
}

/// Whether rows have no value in one of the flags.
pub(crate) async fn lacks_flags(database: &mut Database, table: &TablePlan) -> Result<bool, Fault> {
    let names = Names { dialect: database.dialect(), table };
    let lack = table.flags.iter().map(|flag| format!("{} IS NULL", names.quote(&flag.column)));
    let lack = lack.collect::<Vec<_>>().join(" OR ");
    let first = format!("SELECT 1 FROM {} WHERE {lack} LIMIT 1", names.table());
    Ok(!values(database, first, table, Operation::Read).await?.is_empty())
}

/// Number of rows without a value in this column.
async fn n_null(database: &mut Database, names: &Names<'_>, column: &str) -> Result<u64, Fault> {
    let count = format!("SELECT COUNT(*) - COUNT({}) FROM {}", names.quote(column), names.table());
    let counted = values(database, count, names.table, Operation::Read).await?;
    Ok(number(counted.first()))
}

/// Whether the flags may be set.
async fn rights(database: &mut Database, names: &Names<'_>) -> Result<Option<Fault>, Fault> {
    let table = names.table;
    let set = table.flags.iter().map(|flag| names.quote(&flag.column));
    let set = set.map(|column| format!("{column} = {column}")).collect::<Vec<_>>().join(", ");
    let update = format!("EXPLAIN UPDATE {} SET {set} WHERE 1 = 0", names.table());
    if let Err(fault) = values(database, update, table, Operation::Acknowledge).await {
        return if fault.is_stopped() { Ok(Some(fault)) } else { Err(fault) };
    }
    let read_only = match names.dialect {
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => {
            "SELECT CASE WHEN current_setting('transaction_read_only') = 'on' THEN 1 ELSE 0 END"
        }
        Dialect::MySql => "SELECT @@global.read_only",
    };
    let is_read_only = values(database, read_only.to_owned(), table, Operation::Read).await?;
    Ok((number(is_read_only.first()) > 0)
        .then(|| database.fault(DbError::ReadOnly, Operation::Acknowledge, table)))
}

/// Whether the column of `changes` can be searched fast, and what its newest value says.
async fn times(
    database: &mut Database,
    names: &Names<'_>,
    changes: &ChangesPlan,
) -> Result<Vec<Fault>, Fault> {
    let (table, column) = (names.table, &changes.column);
    let mut found = Vec::new();
    let lacks_index = values(database, names.lacks_index(column), table, Operation::Read).await?;
    if number(lacks_index.first()) > 0 {
        found.push(
            Fault::stopped(format!(
                "no index begins with the column {column}, so each read searches all rows"
            ))
            .remedy(format!("ask the owner to CREATE INDEX on {} ({column})", table.name)),
        );
    }
    let newest = format!("SELECT MAX({}) FROM {}", names.quote(column), names.table());
    let newest = values(database, newest, table, Operation::Read).await?.into_iter().next();
    let newest = newest.unwrap_or_default();
    let now = database.now(table).await?;
    match changes.format.read(&newest) {
        None if newest.is_null() => {}
        None => found.push(
            Fault::stopped(format!(
                "the newest value of the column {column} is not a time in the declared format"
            ))
            .remedy("correct `format` under [table.changes]"),
        ),
        Some(ChangeValue::Time(time)) if time - now > MAX_AHEAD => {
            let minutes = (time - now).num_minutes();
            found.push(
                Fault::stopped(format!(
                    "the newest row is {} h {} min ahead of the clock of the database",
                    minutes / 60,
                    minutes % 60
                ))
                .remedy(ZONE_ADVICE),
            );
        }
        Some(ChangeValue::Number(_)) => {
            if database.transactions(table).await?.is_none() {
                let what = "the account may not see which transactions are open, so each pass may read up to a \
                            day of rows again";
                found.push(
                    Fault::stopped(what).remedy("MySQL: GRANT PROCESS ON *.* TO the account"),
                );
            }
        }
        Some(ChangeValue::Time(time)) => {
            let (behind, offset) = (now - time, changes.format.offset(now));
            let is_local = matches!(newest, Value::Local(_) | Value::Text(_) | Value::Bytes(_));
            let is_utc = (behind - offset).abs() < MAX_APART && offset > MAX_APART;
            if is_local && is_utc {
                found.push(
                    Fault::stopped(format!(
                        "the newest row is {} h behind the clock of the database, as far as UTC is behind the zone of the \
                         gateway",
                        offset.num_hours()
                    ))
                    .remedy(ZONE_ADVICE),
                );
            }
        }
    }
    Ok(found)
}

/// The values of the first row of an answer.
async fn values(
    database: &mut Database,
    text: String,
    table: &TablePlan,
    operation: Operation,
) -> Result<Vec<Value>, Fault> {
    let rows = database.query(Sql::plain(text), table, operation).await?;
    let first = rows.into_iter().next().map(|row| row.columns).unwrap_or_default();
    Ok(first.into_iter().map(|(_, value)| value).collect())
}

fn number(value: Option<&Value>) -> u64 {
    value.and_then(|value| value.to_text().parse().ok()).unwrap_or_default()
}

/// Writes the names of a table in a dialect.
struct Names<'a> {
    dialect: Dialect,
    table: &'a TablePlan,
}

impl Names<'_> {
    fn quote(&self, name: &str) -> String {
        sql::quote(self.dialect, name)
    }

    fn table(&self) -> String {
        self.table.pieces.iter().map(|part| self.quote(part)).collect::<Vec<_>>().join(".")
    }

    /// A name as the text of a literal.
    fn literal(&self, name: &str) -> String {
        let name = name.replace('\'', "''");
        if self.dialect == Dialect::MySql { name.replace('\\', "\\\\") } else { name }
    }

    /// Asks whether the table has no index that begins with `column`: 1 or 0. A view has none, and needs none.
    fn lacks_index(&self, column: &str) -> String {
        let mut pieces = self.table.pieces.iter().rev().map(|piece| self.literal(piece));
        let table = pieces.next().unwrap_or_default();
        let (schema, column) = (pieces.next().unwrap_or_default(), self.literal(column));
        match self.dialect {
            Dialect::Sqlite => format!(
                "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '{table}' COLLATE NOCASE
                    AND NOT EXISTS (
                        SELECT 1 FROM pragma_index_list('{table}') AS l, pragma_index_info(l.name) AS c
                        WHERE c.seqno = 0 AND c.name = '{column}' COLLATE NOCASE)
                    AND NOT EXISTS (
                        SELECT 1 FROM pragma_table_info('{table}')
                        WHERE pk = 1 AND name = '{column}' COLLATE NOCASE)"
            ),
            Dialect::Postgres => format!(
                "SELECT COUNT(*) FROM pg_class c
                 WHERE c.oid = to_regclass('{}') AND c.relkind IN ('r', 'p') AND NOT EXISTS (
                    SELECT 1 FROM pg_index i
                    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                    WHERE i.indrelid = c.oid AND a.attname = '{column}')",
                self.literal(&self.table())
            ),
            Dialect::MySql => {
                let schema = if schema.is_empty() { "DATABASE()".to_owned() } else { format!("'{schema}'") };
                format!(
                    "SELECT COUNT(*) FROM information_schema.tables t
                     WHERE t.table_schema = {schema} AND t.table_name = '{table}'
                        AND t.table_type = 'BASE TABLE' AND NOT EXISTS (
                            SELECT 1 FROM information_schema.statistics s
                            WHERE s.table_schema = t.table_schema AND s.table_name = t.table_name
                                AND s.column_name = '{column}' AND s.seq_in_index = 1)"
                )
            }
        }
    }
}
