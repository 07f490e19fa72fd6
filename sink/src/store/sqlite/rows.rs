//! Many rows in one statement. Rows are written in full chunks and then in chunks of powers of two, so
//! that eight statements are enough for any number of rows and each is prepared once.

use std::borrow::Cow;

use sqlx::{
    Arguments, AssertSqlSafe, Encode, Sqlite, SqliteConnection, Type, error::BoxDynError,
    sqlite::SqliteArguments,
};

use super::iso;
use crate::store::{database::row::int, demands::columns::Cell};

/// Rows of a full chunk: 59 columns of them stay far below SQLite's 32,766 parameters. Four times as
/// many gained nothing (measured).
const CHUNK: usize = 128;

/// A statement around rows: `head (row), (row), … tail`. Its parts are constants, never data.
pub(super) struct Statement {
    pub(super) head: Cow<'static, str>,
    pub(super) row: Cow<'static, str>,
    pub(super) tail: Cow<'static, str>,
}

/// The parameters of a chunk, row after row.
#[derive(Default)]
pub(super) struct Values(SqliteArguments);

impl Values {
    pub(super) fn add<'t, T>(&mut self, value: T) -> Result<(), BoxDynError>
    where
        T: Encode<'t, Sqlite> + Type<Sqlite>,
    {
        self.0.add(value)
    }

    pub(super) fn add_cell(&mut self, cell: &Cell<'_>) -> Result<(), BoxDynError> {
        match cell {
            Cell::Null => self.add(None::<i64>),
            Cell::Id(id) => self.add(id.to_string()),
            Cell::Text(text) => self.add(*text),
            Cell::Int(number) => self.add(*number),
            Cell::Bool(yes) => self.add(*yes),
            Cell::Time(time) => self.add(iso(*time)),
            Cell::Json(json) => self.add(json.as_ref()),
            Cell::Bytes(bytes) => self.add(*bytes),
        }
    }

    /// Revision, read number and mapping.
    pub(super) fn add_version(&mut self, version: contract::Version) -> Result<(), BoxDynError> {
        self.add(version.revision.to_column())?;
        self.add(int(version.read_no.0))?;
        self.add(i64::from(version.mapping.0))
    }
}

/// Writes all rows, in order; returns how many the database counted.
pub(super) async fn write_rows<T: Sync>(
    conn: &mut SqliteConnection,
    statement: &Statement,
    rows: &[T],
    bind: impl Fn(&T, &mut Values) -> Result<(), BoxDynError> + Send + Sync,
) -> Result<u64, sqlx::Error> {
    let mut rest = rows;
    let mut affected = 0;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_of(rest.len()));
        rest = after;
        let mut values = Values::default();
        for row in chunk {
            bind(row, &mut values).map_err(sqlx::Error::Encode)?;
        }
        let sql = AssertSqlSafe(statement.text(chunk.len()));
        affected += sqlx::query_with(sql, values.0).execute(&mut *conn).await?.rows_affected();
    }
    Ok(affected)
}

impl Statement {
    pub(super) const fn of(head: &'static str, row: &'static str, tail: &'static str) -> Self {
        Self { head: Cow::Borrowed(head), row: Cow::Borrowed(row), tail: Cow::Borrowed(tail) }
    }

    fn text(&self, rows: usize) -> String {
        let Self { head, row, tail } = self;
        let mut sql = String::with_capacity(head.len() + rows * (row.len() + 2) + tail.len() + 2);
        sql.push_str(head);
        for index in 0..rows {
            sql.push_str(if index == 0 { " " } else { ", " });
            sql.push_str(row);
        }
        sql.push(' ');
        sql.push_str(tail);
        sql
    }
}

/// The largest power of two within `left` and the limit.
fn chunk_of(left: usize) -> usize {
    1 << left.clamp(1, CHUNK).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_statements_are_enough_for_any_number_of_rows() {
        for rows in 1..2_000 {
            let (mut left, mut shapes) = (rows, Vec::new());
            while left > 0 {
                shapes.push(chunk_of(left));
                left -= chunk_of(left);
            }
            assert_eq!(shapes.iter().sum::<usize>(), rows);
            assert!(shapes.iter().all(|shape| shape.is_power_of_two() && *shape <= CHUNK));
        }
    }
}
