//! Runs statements on SQLite: binds values, reads rows, and fills in the words of its dialect. Ids, times and
//! JSON are text.

use contract::DemandId;
use sqlx::{
    AssertSqlSafe, Error, Row as _, Sqlite as Driver, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::iso;
use crate::store::database::sql::{
    Columns, Dialect, NEXT_READ, Row, RowReader, TO_ALL, Value, decode, fill, in_dialect,
    plain_columns,
};

/// With `OR FAIL`, SQLite does not keep a copy of each changed page to roll back one statement: if a row is
/// refused, the store rolls back the whole transaction. No row is locked, because the only writer locks the
/// whole file.
const DIALECT: Dialect = [
    ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
    ("{each}", "json_each"),
    ("{lock}", ""),
    ("{insert}", "INSERT OR FAIL"),
    ("{next_read}", NEXT_READ),
    ("{to_all}", TO_ALL),
];

pub(in crate::store) async fn fetch<T: Send>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    values: &[Value<'_>],
    read: RowReader<T>,
) -> Result<Vec<T>, Error> {
    let rows = bind(sql, values).fetch_all(conn).await?;
    rows.iter().map(|row| read(row)).collect()
}

pub(in crate::store) fn bind(
    sql: &'static str,
    values: &[Value<'_>],
) -> Query<'static, Driver, SqliteArguments> {
    let sql = AssertSqlSafe(in_dialect(sql, &DIALECT));
    values.iter().fold(sqlx::query(sql), bind_value)
}

fn bind_value(
    query: Query<'static, Driver, SqliteArguments>,
    value: &Value<'_>,
) -> Query<'static, Driver, SqliteArguments> {
    match value {
        Value::Text(text) => query.bind(*text),
        Value::Json(text) => query.bind(text.as_deref()),
        Value::Int(int) => query.bind(*int),
        Value::Bool(bool) => query.bind(*bool),
        Value::Bytes(bytes) => query.bind(*bytes),
        Value::Id(id) => query.bind(id.to_string()),
        Value::Time(time) => query.bind(time.map(iso)),
    }
}

/// Writes all rows, in order; returns the number of changed rows. One statement writes 128 rows, or if fewer are
/// left, a power of two: so there are only eight statements to prepare, whatever the number of rows.
pub(in crate::store) async fn write_rows(
    conn: &mut SqliteConnection,
    template: &str,
    rows: &[Row<'_>],
) -> Result<u64, Error> {
    let template = in_dialect(template, &DIALECT);
    let mut remaining = rows;
    let mut n_written = 0;
    while let Some(first) = remaining.first() {
        let (chunk, later) = remaining.split_at(chunk_size(remaining.len()));
        remaining = later;
        let row = format!("({})", vec!["?"; first.len()].join(", "));
        let values = format!("VALUES {}", vec![row; chunk.len()].join(", "));
        let sql = AssertSqlSafe(fill(&template, first, &values));
        let values = chunk.iter().flatten().map(|(_, value)| value);
        let query = values.fold(sqlx::query(sql), bind_value);
        n_written += query.execute(&mut *conn).await?.rows_affected();
    }
    Ok(n_written)
}

/// Maximum number of rows of one statement: with 59 columns, they have far fewer parameters than SQLite allows
/// (32,766). Larger chunks were not faster when measured.
const MAX_CHUNK_ROWS: usize = 128;

/// The largest power of two that exceeds neither `n_rows` nor [`MAX_CHUNK_ROWS`].
fn chunk_size(n_rows: usize) -> usize {
    1 << n_rows.clamp(1, MAX_CHUNK_ROWS).ilog2()
}

impl Columns for SqliteRow {
    plain_columns!();

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        let text: Option<&str> = self.try_get(name)?;
        text.map(str::parse).transpose().map_err(|error| decode(name, error))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        self.try_get(name)
    }
}

#[cfg(test)]
mod tests;
