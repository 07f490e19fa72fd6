//! How SQLite runs the statements that both databases share. Ids, times and JSON are text.

use contract::DemandId;
use sqlx::{
    AssertSqlSafe, Error, Row as _, Sqlite as Driver, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::iso;
use crate::store::database::sql::{
    Columns, Dialect, Row, RowReader, Value, decode, fill, in_dialect, plain_columns,
};

/// If a row is rejected, the store rolls back the whole transaction. So with `OR FAIL`, SQLite need not
/// keep a copy of each changed page to roll back the statement alone. No row is locked: there is one
/// writer, which locks the whole file.
const DIALECT: Dialect = [
    ("{now}", "CAST(unixepoch('subsec') * 1000 AS INTEGER)"),
    ("{each}", "json_each"),
    ("{lock}", ""),
    ("{insert}", "INSERT OR FAIL"),
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

/// Writes all rows, in order; returns the number of changed rows. It writes full chunks and then chunks of
/// powers of two, so that eight statements are enough for any number of rows, and each is prepared once.
pub(in crate::store) async fn write_rows(
    conn: &mut SqliteConnection,
    template: &str,
    rows: &[Row<'_>],
) -> Result<u64, Error> {
    let template = in_dialect(template, &DIALECT);
    let mut remaining = rows;
    let mut n_written = 0;
    while let Some(first) = remaining.first() {
        let (chunk, after) = remaining.split_at(chunk_size(remaining.len()));
        remaining = after;
        let row = format!("({})", vec!["?"; first.len()].join(", "));
        let values = format!("VALUES {}", vec![row; chunk.len()].join(", "));
        let sql = AssertSqlSafe(fill(&template, first, &values));
        let values = chunk.iter().flatten().map(|(_, value)| value);
        let query = values.fold(sqlx::query(sql), bind_value);
        n_written += query.execute(&mut *conn).await?.rows_affected();
    }
    Ok(n_written)
}

/// Rows of a full chunk: with 59 columns they stay far below SQLite's limit of 32,766 parameters. Larger
/// chunks were not faster (measured).
const MAX_CHUNK_ROWS: usize = 128;

/// The largest power of two that exceeds neither `n_rows` nor the limit.
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
