//! Small statements that SQLite and PostgreSQL read alike, for what is not demands: leases, requests.

use std::future::Future;

use contract::Fault;
use sqlx::Error;

use crate::store::database::row::Columns;

/// A parameter, in the order of `$1`, `$2`, …
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Int(i64),
    Bool(bool),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

/// Reads one row.
pub(crate) type Read<T> = fn(&dyn Columns) -> Result<T, Error>;

/// A database that runs them. `doing` is for the fault: "cannot …".
pub(crate) trait Small {
    /// Its clock, as an expression: milliseconds since 1970.
    const NOW: &'static str;

    /// Looks.
    fn look<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> impl Future<Output = Result<Vec<T>, Fault>> + Send;

    /// Writes, and commits; gives the rows that were asked back (`RETURNING`).
    fn write<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> impl Future<Output = Result<Vec<T>, Fault>> + Send;
}

/// Runs `$query`, which takes values by `bind`, with all `$values`.
macro_rules! bind_all {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match *value {
                Value::Text(text) => query.bind(text.map(str::to_owned)),
                Value::Int(int) => query.bind(int),
                Value::Bool(bool) => query.bind(bool),
            };
        }
        query
    }};
}
pub(crate) use bind_all;
