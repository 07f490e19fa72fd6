//! Runs statements on the configured database. The argument `action` says what they do: the message of a
//! fault is "cannot" and the action.

use contract::Fault;
use sqlx::PgTransaction;
use tokio::time::{Instant, timeout_at};

use super::{
    Database,
    sql::{Row, RowReader, Sql, Value},
};
use crate::{
    bus::BusKey,
    store::{Postgres, Sqlite, postgres, sqlite},
};

impl Database {
    /// Returns the rows of a SELECT.
    pub(crate) async fn query<T: Send>(
        &self,
        action: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: RowReader<T>,
    ) -> Result<Vec<T>, Fault> {
        let sql = sql.into();
        match self {
            Self::Sqlite(store) => {
                let work = async {
                    let mut conn = store.readers.acquire().await?;
                    sqlite::fetch(&mut conn, sql.sqlite, values, read).await
                };
                work.await.map_err(|error: sqlx::Error| store.fault(action, error.into()))
            }
            Self::Postgres(store) => {
                let work = async {
                    let mut conn = store.readers().await?.acquire().await?;
                    Ok(postgres::fetch(&mut conn, sql.postgres, values, read).await?)
                };
                store.run(store.deadline(), action, work).await
            }
        }
    }

    /// Returns the first row of a SELECT, if there is one.
    pub(crate) async fn query_first<T: Send>(
        &self,
        action: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: RowReader<T>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.query(action, sql, values, read).await?.into_iter().next())
    }

    /// Runs one statement in a transaction of its own; returns the rows of its RETURNING clause.
    pub(crate) async fn write<T: Send>(
        &self,
        action: &str,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: RowReader<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut tx = self.begin(action).await?;
        let rows = tx.query(sql, values, read).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Begins a transaction.
    pub(crate) async fn begin<'a>(&'a self, action: &'a str) -> Result<Transaction<'a>, Fault> {
        let inner = match self {
            Self::Sqlite(store) => Inner::Sqlite(store, store.begin().await?),
            Self::Postgres(store) => {
                let deadline = store.deadline();
                let work = store.begin();
                Inner::Postgres(store, store.run(deadline, action, work).await?, deadline)
            }
        };
        Ok(Transaction { action, inner })
    }

    /// Begins a transaction that runs alone among those that begin with this function, also in other
    /// processes. It waits for the others.
    pub(crate) async fn begin_exclusive<'a>(
        &'a self,
        action: &'a str,
    ) -> Result<Transaction<'a>, Fault> {
        let mut tx = self.begin(action).await?;
        tx.lock_others_out().await?;
        Ok(tx)
    }
}

/// A transaction. If it is dropped before its commit, it is rolled back.
pub(crate) struct Transaction<'a> {
    action: &'a str,
    inner: Inner<'a>,
}

enum Inner<'a> {
    Sqlite(&'a Sqlite, sqlx::Transaction<'static, sqlx::Sqlite>),
    /// The `Instant` is the deadline of the whole transaction.
    Postgres(&'a Postgres, PgTransaction<'static>, Instant),
}

/// Why work on a database failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum Failure {
    /// A failure that is already a fault, such as a deadline that passed.
    Fault(#[from] Fault),
    /// An error of the driver or the database.
    Database(#[from] sqlx::Error),
}

impl Transaction<'_> {
    /// Whether other transactions may write at the same time: true for PostgreSQL.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.inner, Inner::Postgres(..))
    }

    /// The key that proves the rows of the audit log, and the name of the database in messages.
    pub(crate) fn audit_key(&self) -> (Option<BusKey>, String) {
        match &self.inner {
            Inner::Sqlite(store, _) => (store.audit_key.clone(), store.place().to_owned()),
            Inner::Postgres(store, ..) => (store.audit_key.clone(), store.place().to_owned()),
        }
    }

    /// From now on, this transaction runs alone among those that have called this function. It waits for the others.
    pub(crate) async fn lock_others_out(&mut self) -> Result<(), Fault> {
        if self.is_shared() {
            let lock = [postgres::EXCLUSIVE_LOCK.into()];
            self.execute("SELECT pg_advisory_xact_lock($1)", &lock).await?;
        }
        Ok(())
    }

    /// Runs a statement; returns its rows.
    pub(crate) async fn query<T: Send>(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: RowReader<T>,
    ) -> Result<Vec<T>, Fault> {
        let rows = self.try_query(sql, values, read).await;
        rows.map_err(|failure| self.fault(failure))
    }

    /// Like [`Transaction::query`], for callers that inspect the error.
    pub(crate) async fn try_query<T: Send>(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
        read: RowReader<T>,
    ) -> Result<Vec<T>, Failure> {
        let (sql, action) = (sql.into(), self.action);
        match &mut self.inner {
            Inner::Sqlite(_, tx) => Ok(sqlite::fetch(tx, sql.sqlite, values, read).await?),
            Inner::Postgres(store, tx, deadline) => {
                let work = postgres::fetch(tx, sql.postgres, values, read);
                store.try_run(*deadline, action, work).await
            }
        }
    }

    /// Runs a statement; returns the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql> + Send,
        values: &[Value<'_>],
    ) -> Result<u64, Fault> {
        let (sql, action) = (sql.into(), self.action);
        let done = match &mut self.inner {
            Inner::Sqlite(_, tx) => {
                let done = sqlite::bind(sql.sqlite, values).execute(&mut **tx).await;
                done.map(|done| done.rows_affected()).map_err(Failure::Database)
            }
            Inner::Postgres(store, tx, deadline) => {
                let work = postgres::bind(sql.postgres, values).execute(&mut **tx);
                let done = store.try_run(*deadline, action, work).await;
                done.map(|done| done.rows_affected())
            }
        };
        done.map_err(|failure| self.fault(failure))
    }

    /// Writes rows with a template for [`fill`]; returns the number of changed rows.
    ///
    /// [`fill`]: super::sql::fill
    pub(crate) async fn write_rows(
        &mut self,
        template: &str,
        rows: &[Row<'_>],
    ) -> Result<u64, Failure> {
        let action = self.action;
        match &mut self.inner {
            Inner::Sqlite(_, tx) => Ok(sqlite::write_rows(tx, template, rows).await?),
            Inner::Postgres(store, tx, deadline) => {
                store.try_run(*deadline, action, postgres::write_rows(tx, template, rows)).await
            }
        }
    }

    /// Commits the transaction.
    pub(crate) async fn commit(self) -> Result<(), Fault> {
        let action = self.action;
        match self.inner {
            Inner::Sqlite(store, tx) => {
                tx.commit().await.map_err(|error| store.fault(action, error.into()))
            }
            Inner::Postgres(store, tx, deadline) => {
                store.run(deadline, action, async { Ok(tx.commit().await?) }).await
            }
        }
    }

    /// Rolls the transaction back. Ignores an error: after it the connection is not used again, and the
    /// database rolls back by itself.
    pub(crate) async fn roll_back(self) {
        let _ = match self.inner {
            Inner::Sqlite(_, tx) => tx.rollback().await,
            Inner::Postgres(_, tx, deadline) => {
                timeout_at(deadline, tx.rollback()).await.unwrap_or(Ok(()))
            }
        };
    }

    /// Turns a failure in this transaction into a fault.
    pub(crate) fn fault(&self, failure: Failure) -> Fault {
        match &self.inner {
            Inner::Sqlite(store, _) => store.fault(self.action, failure),
            Inner::Postgres(store, ..) => store.fault(self.action, failure),
        }
    }
}
