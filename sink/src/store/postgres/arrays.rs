//! Many rows in one statement: an array per column (`unnest`). The server fills up shorter arrays with
//! nulls without an error, so all of them are made from the same rows.

use sqlx::{
    Arguments, Encode, PgConnection, Postgres, Type, error::BoxDynError, postgres::PgArguments,
};

use contract::Version;

use crate::store::database::row::int;

/// The columns of some rows, on their way into a statement.
pub(super) struct Arrays<'a, T> {
    rows: &'a [T],
    arguments: Result<PgArguments, BoxDynError>,
}

impl<'a, T> Arrays<'a, T> {
    pub(super) fn of(rows: &'a [T]) -> Self {
        Self { rows, arguments: Ok(PgArguments::default()) }
    }

    /// The next column.
    pub(super) fn column<'q, V>(mut self, get: impl Fn(&'a T) -> V) -> Self
    where
        Vec<V>: Encode<'q, Postgres> + Type<Postgres>,
    {
        self.arguments = self.arguments.and_then(|mut arguments| {
            arguments.add(self.rows.iter().map(get).collect::<Vec<V>>())?;
            Ok(arguments)
        });
        self
    }

    /// The next three columns: revision, read number and mapping.
    pub(super) fn version(self, get: impl Fn(&'a T) -> Version + Copy) -> Self {
        self.column(move |row| get(row).revision.to_column())
            .column(move |row| int(get(row).read_no.0))
            .column(move |row| i64::from(get(row).mapping.0))
    }

    /// Runs the statement; returns how many rows it changed. Without rows nothing is sent.
    pub(super) async fn execute(
        self,
        conn: &mut PgConnection,
        sql: &'static str,
    ) -> Result<u64, sqlx::Error> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        let arguments = self.arguments.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(sql, arguments).execute(conn).await?.rows_affected())
    }
}
