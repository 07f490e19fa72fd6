//! SQL that both SQLite and PostgreSQL understand, for everything but the rows of an intake: those
//! have statements of their own in each database (`sqlite/write.rs`, `postgres/write.rs`).
//!
//! Rules for such statements: parameters are `$1`, `$2`, …; sums are cast (in PostgreSQL the sum of
//! integers is a decimal); ORDER BY says where nulls go; booleans are not summed; a list is one JSON
//! parameter. The few words that differ are in [`Dialect`].

use std::sync::OnceLock;

use contract::{DemandId, Fault, Timestamp};
use sqlx::{Error, PgTransaction};
use tokio::time::Instant;

use super::{Database, row::Columns};
use crate::store::{Postgres, Sqlite, postgres, sqlite};

/// A parameter, in the order of `$1`, `$2`, …
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Int(i64),
    Bool(bool),
    Bytes(Option<&'a [u8]>),
    Id(DemandId),
    Time(Option<Timestamp>),
    /// The text of a JSON value.
    Json(Option<&'a str>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }
}

/// Reads one row.
pub(crate) type Read<T> = fn(&dyn Columns) -> Result<T, Error>;

/// For statements that return nothing.
pub(crate) const NOTHING: Read<()> = |_| Ok(());

/// The words in which the two databases differ.
pub(crate) struct Dialect {
    /// The clock of the database, as an expression: milliseconds since 1970.
    pub(crate) now: &'static str,
    /// The function that turns a JSON list into rows, with the column `value`.
    pub(crate) each: &'static str,
    /// At the end of a SELECT: locks its rows until the transaction ends. SQLite has one writer, which
    /// locks the whole file.
    pub(crate) lock: &'static str,
}

const SQLITE: Dialect =
    Dialect { now: "CAST(unixepoch('subsec') * 1000 AS INTEGER)", each: "json_each", lock: "" };

const POSTGRES: Dialect = Dialect {
    now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    each: "jsonb_array_elements",
    lock: "FOR NO KEY UPDATE",
};

/// A statement in the words of each database.
pub(crate) struct InDialects {
    write: fn(&Dialect) -> String,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl InDialects {
    pub(crate) const fn new(write: fn(&Dialect) -> String) -> Self {
        Self { write, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }
}

/// A statement for both databases. Its text is static: each connection prepares it once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// A question whose plan each database is told in its own words.
    pub(crate) const fn in_each(sqlite: &'static str, postgres: &'static str) -> Self {
        Self { sqlite, postgres }
    }
}

impl From<&'static str> for Sql {
    fn from(sql: &'static str) -> Self {
        Self { sqlite: sql, postgres: sql }
    }
}

impl From<&'static InDialects> for Sql {
    fn from(sql: &'static InDialects) -> Self {
        Self {
            sqlite: sql.sqlite.get_or_init(|| (sql.write)(&SQLITE)),
            postgres: sql.postgres.get_or_init(|| (sql.write)(&POSTGRES)),
        }
    }
}

/// `doing` is part of the message of a fault: "cannot …".
impl Database {
    /// The rows of a SELECT.
    pub(crate) async fn query<T: Send>(
        &self,
        doing: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(store) => store.query(doing, sql.sqlite, values, read).await,
            Self::Postgres(store) => store.query(doing, sql.postgres, values, read).await,
        }
    }

    /// The first row of a SELECT, if there is one.
    pub(crate) async fn query_first<T: Send>(
        &self,
        doing: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.query(doing, sql, values, read).await?.into_iter().next())
    }

    /// Runs one statement in a transaction of its own; the answer is the rows of its RETURNING.
    pub(crate) async fn write<T: Send>(
        &self,
        doing: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut tx = self.begin(doing).await?;
        let rows = tx.query(sql, values, read).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Begins a transaction.
    pub(crate) async fn begin<'a>(&'a self, doing: &'a str) -> Result<Transaction<'a>, Fault> {
        let open = match self {
            Self::Sqlite(store) => Open::Sqlite(store, store.begin().await?),
            Self::Postgres(store) => {
                let deadline = store.deadline();
                let work = store.begin();
                Open::Postgres(store, store.until(deadline, doing, work).await?, deadline)
            }
        };
        Ok(Transaction { doing, open })
    }

    /// Begins a transaction that only one process has at a time.
    pub(crate) async fn begin_alone<'a>(
        &'a self,
        doing: &'a str,
    ) -> Result<Transaction<'a>, Fault> {
        let mut tx = self.begin(doing).await?;
        if matches!(tx.open, Open::Postgres(..)) {
            tx.execute("SELECT pg_advisory_xact_lock($1)", &[postgres::ALONE.into()]).await?;
        }
        Ok(tx)
    }
}

/// A transaction: dropped before its commit, it is rolled back.
pub(crate) struct Transaction<'a> {
    doing: &'a str,
    open: Open<'a>,
}

enum Open<'a> {
    Sqlite(&'a Sqlite, sqlx::Transaction<'static, sqlx::Sqlite>),
    /// With the time by which all of it must be done.
    Postgres(&'a Postgres, PgTransaction<'static>, Instant),
}

impl Transaction<'_> {
    /// The rows that a statement returns.
    pub(crate) async fn query<T: Send>(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let (sql, doing) = (sql.into(), self.doing);
        match &mut self.open {
            Open::Sqlite(store, tx) => {
                let rows = sqlite::fetch(tx, sql.sqlite, values, read).await;
                rows.map_err(|error| store.fault(doing, error))
            }
            Open::Postgres(store, tx, deadline) => {
                let work = async { Ok(postgres::fetch(tx, sql.postgres, values, read).await?) };
                store.until(*deadline, doing, work).await
            }
        }
    }

    /// Runs a statement; says how many rows it has touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
    ) -> Result<u64, Fault> {
        let (sql, doing) = (sql.into(), self.doing);
        match &mut self.open {
            Open::Sqlite(store, tx) => {
                let done = sqlite::bind(sql.sqlite, values).execute(&mut **tx).await;
                let done = done.map_err(|error| store.fault(doing, error))?;
                Ok(done.rows_affected())
            }
            Open::Postgres(store, tx, deadline) => {
                let statement = postgres::bind(sql.postgres, values);
                let work = async { Ok(statement.execute(&mut **tx).await?.rows_affected()) };
                store.until(*deadline, doing, work).await
            }
        }
    }

    /// Commits everything.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        match self.open {
            Open::Sqlite(store, tx) => {
                tx.commit().await.map_err(|error| store.fault(self.doing, error))
            }
            Open::Postgres(store, tx, deadline) => {
                store.until(deadline, self.doing, async { Ok(tx.commit().await?) }).await
            }
        }
    }
}
