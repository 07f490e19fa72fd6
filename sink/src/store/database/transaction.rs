//! Statements on the configured database. `doing` is part of the message of a fault: "cannot …".

use contract::Fault;
use sqlx::PgTransaction;
use tokio::time::{Instant, timeout_at};

use super::{
    Database,
    sql::{Read, Row, Sql, Value},
};
use crate::store::{Postgres, Sqlite, postgres, sqlite};

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
            Self::Sqlite(store) => {
                let work = async {
                    let mut conn = store.readers.acquire().await?;
                    sqlite::fetch(&mut conn, sql.sqlite, values, read).await
                };
                work.await.map_err(|error: sqlx::Error| store.fault(doing, error.into()))
            }
            Self::Postgres(store) => {
                let work = async {
                    let mut conn = store.readers().await?.acquire().await?;
                    Ok(postgres::fetch(&mut conn, sql.postgres, values, read).await?)
                };
                store.until(store.deadline(), doing, work).await
            }
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
        if tx.is_shared() {
            tx.execute("SELECT pg_advisory_xact_lock($1)", &[postgres::EXCLUSIVE_LOCK.into()])
                .await?;
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

/// Why work on a database failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not because of an error of the driver.
    Fault(Fault),
    Database(sqlx::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Transaction<'_> {
    /// Whether other processes may write at the same time: in PostgreSQL they may.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.open, Open::Postgres(..))
    }

    /// The rows that a statement returns.
    pub(crate) async fn query<T: Send>(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.try_query(sql, values, read).await;
        rows.map_err(|failure| self.fault(failure))
    }

    /// As [`Transaction::query`], for callers that look at the error.
    pub(crate) async fn try_query<T: Send>(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Failure> {
        let (sql, doing) = (sql.into(), self.doing);
        match &mut self.open {
            Open::Sqlite(_, tx) => Ok(sqlite::fetch(tx, sql.sqlite, values, read).await?),
            Open::Postgres(store, tx, deadline) => {
                let work = postgres::fetch(tx, sql.postgres, values, read);
                store.in_time(*deadline, doing, work).await
            }
        }
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
    ) -> Result<u64, Fault> {
        let (sql, doing) = (sql.into(), self.doing);
        let done = match &mut self.open {
            Open::Sqlite(_, tx) => {
                let done = sqlite::bind(sql.sqlite, values).execute(&mut **tx).await;
                done.map(|done| done.rows_affected()).map_err(Failure::Database)
            }
            Open::Postgres(store, tx, deadline) => {
                let work = postgres::bind(sql.postgres, values).execute(&mut **tx);
                let done = store.in_time(*deadline, doing, work).await;
                done.map(|done| done.rows_affected())
            }
        };
        done.map_err(|failure| self.fault(failure))
    }

    /// Writes rows by a template for [`fill`]; returns the number of rows that were changed.
    ///
    /// [`fill`]: super::sql::fill
    pub(crate) async fn write_rows(
        &mut self,
        template: &str,
        rows: &[Row<'_>],
    ) -> Result<u64, Failure> {
        let doing = self.doing;
        match &mut self.open {
            Open::Sqlite(_, tx) => Ok(sqlite::write_rows(tx, template, rows).await?),
            Open::Postgres(store, tx, deadline) => {
                store.in_time(*deadline, doing, postgres::write_rows(tx, template, rows)).await
            }
        }
    }

    /// Commits everything.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        let doing = self.doing;
        match self.open {
            Open::Sqlite(store, tx) => {
                tx.commit().await.map_err(|error| store.fault(doing, error.into()))
            }
            Open::Postgres(store, tx, deadline) => {
                store.until(deadline, doing, async { Ok(tx.commit().await?) }).await
            }
        }
    }

    /// Undoes everything. An error is ignored: it ends the connection too, and the next transaction
    /// begins on another one.
    pub(crate) async fn roll_back(self) {
        let _ = match self.open {
            Open::Sqlite(_, tx) => tx.rollback().await,
            Open::Postgres(_, tx, deadline) => {
                timeout_at(deadline, tx.rollback()).await.unwrap_or(Ok(()))
            }
        };
    }

    /// The fault of a failure in this transaction.
    pub(crate) fn fault(&self, failure: Failure) -> Fault {
        match &self.open {
            Open::Sqlite(store, _) => store.fault(self.doing, failure),
            Open::Postgres(store, ..) => store.fault(self.doing, failure),
        }
    }
}
