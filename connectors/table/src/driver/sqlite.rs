//! SQLite: any column may contain values of any type, so the type of each value decides how it is read.

use std::time::Duration;

use sqlx::{
    Column as _, ConnectOptions as _, Connection as _, Row as _, Sqlite, SqliteConnection,
    SqlitePool, Transaction, TypeInfo as _, ValueRef as _,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

use super::{Answer, DbError};
use crate::{
    sql::Sql,
    value::{Row, Value},
};

pub(super) fn open(options: &SqliteConnectOptions, timeout: Duration, size: u32) -> SqlitePool {
    // Never create a file: a misspelt path would become an empty source that is always caught up.
    let options =
        options.clone().create_if_missing(false).busy_timeout(timeout).disable_statement_logging();
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(timeout)
        .connect_lazy_with(options)
}

pub(super) type SqliteQuery = Query<'static, Sqlite, SqliteArguments>;

pub(super) fn query(sql: Sql) -> SqliteQuery {
    let (text, binds) = sql.into_parts();
    binds.into_iter().fold(sqlx::query(text).persistent(false), bind)
}

/// Reads rows in a transaction of their own.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    sql: Sql,
) -> Result<Answer, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    load_schema(&mut transaction).await?;
    let answer = Answer::read(query(sql).fetch(&mut *transaction), read_row).await?;
    if !answer.is_cut {
        transaction.commit().await?;
    }
    Ok(answer)
}

/// Begins a transaction that writes. If it read first, it could not wait for the lock.
pub(super) async fn begin_write(
    pool: &SqlitePool,
) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    load_schema(&mut transaction).await?;
    Ok(transaction)
}

/// Notices tables that another program has altered. Otherwise SQLite notices that only when a statement runs, and
/// by then the driver has the names of the old columns for the values of the new ones.
async fn load_schema(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("SELECT 1 FROM sqlite_master LIMIT 0").execute(connection).await?;
    Ok(())
}

fn bind(query: SqliteQuery, value: Value) -> SqliteQuery {
    match value {
        Value::Null => query.bind(None::<i64>),
        Value::Bool(is) => query.bind(is),
        Value::Int(number) => query.bind(number),
        Value::Real(number) => query.bind(number),
        Value::Bytes(bytes) | Value::Id(bytes) | Value::BrokenText(bytes) => query.bind(bytes),
        other => query.bind(other.to_text()),
    }
}

pub(super) fn read_row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let columns = row.columns().iter().enumerate().map(|(index, column)| {
        let raw = row.try_get_raw(index)?;
        let value = match raw.type_info().name() {
            _ if raw.is_null() => Value::Null,
            "INTEGER" => Value::Int(row.try_get_unchecked(index)?),
            "REAL" => Value::Real(row.try_get_unchecked(index)?),
            "TEXT" => match String::from_utf8(row.try_get_unchecked(index)?) {
                Ok(text) => Value::Text(text),
                Err(broken) => Value::BrokenText(broken.into_bytes()),
            },
            _ => Value::Bytes(row.try_get_unchecked(index)?),
        };
        Ok((column.name().to_owned(), value))
    });
    super::to_row(columns)
}

/// The low byte of a result code is the primary code: see <https://www.sqlite.org/rescode.html>.
pub(super) fn classify(error: &sqlx::sqlite::SqliteError) -> DbError {
    use sqlx::error::DatabaseError as _;
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
    let name_after = |prefix: &str| error.message().strip_prefix(prefix).map(str::to_owned);
    match code & 0xff {
        5 | 6 => DbError::Locked,
        9 => DbError::TimedOut,
        10 | 13 | 15 => DbError::OutOfResources,
        14 => DbError::NoDatabase,
        3 | 23 => DbError::Denied,
        8 => DbError::ReadOnly,
        11 | 26 => DbError::BrokenFile,
        19 => DbError::RowRefused,
        1 => match (name_after("no such column: "), name_after("no such table: ")) {
            (Some(column), _) => DbError::NoColumn(column.trim_start_matches("t.").to_owned()),
            (_, Some(_)) => DbError::NoTable,
            _ => DbError::Other(code.to_string()),
        },
        _ => DbError::Other(code.to_string()),
    }
}
