//! The embedded store: one SQLite file. The commit is the confirmation of the in-process bus, so it
//! is made durable (`synchronous = FULL`) and never traded for speed; what makes it fast is many rows
//! per statement and one commit per intake.
//!
//! One connection writes, because SQLite has one writer anyway and waiting for it in a queue of ours
//! is fair where its busy handler is not. A few others read beside it (WAL). Another process may
//! have the same file open.

mod fault;
mod keep;
mod known;
mod old;
mod rows;
mod sql;
mod statements;
#[cfg(test)]
mod tests;
mod write;

use std::{fmt, path::Path, time::Duration};

use contract::{Fault, Timestamp};
use sqlx::{
    Connection as _, Sqlite as Driver, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::Access;
use fault::fault;

pub(super) use sql::{bind, fetch};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How long another process may hold the write lock before a try is given up.
const BUSY: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
/// Full chunks and powers of two of every table; each is prepared once.
const STATEMENTS: usize = 256;

/// Of the writer, in KiB (negative means that): ids are random, so an insert touches any page of
/// their index.
const CACHE: &str = "-65536";
/// Pages of log (64 MiB) before they are copied into the file: an index page that many intakes
/// touch is copied once.
const CHECKPOINT: &str = "16384";

/// A handle on one file; clones share it.
#[derive(Clone)]
pub struct Sqlite {
    writer: Option<SqlitePool>,
    readers: SqlitePool,
    place: String,
}

impl Sqlite {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// `Stopped` where there is no such file to look at, it is no database, or it was made by a newer
    /// version; `Transient` where another process holds it locked.
    pub async fn open(path: impl AsRef<Path>, access: Access) -> Result<Self, Fault> {
        let path = path.as_ref();
        let place = format!("sqlite file {}", path.display());
        if access == Access::ReadOnly && !path.exists() {
            return Err(Fault::stopped("there is no store yet")
                .at(place)
                .remedy("start the gateway once, or name the folder of its configuration"));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY)
            .statement_cache_capacity(STATEMENTS)
            .synchronous(SqliteSynchronous::Full);
        let writer = match access {
            Access::ReadOnly => None,
            Access::ReadWrite => {
                let options = options
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .pragma("cache_size", CACHE)
                    .pragma("temp_store", "MEMORY")
                    .pragma("wal_autocheckpoint", CHECKPOINT);
                let writer = pool(1, options).await.map_err(|e| fault(&place, "open", e))?;
                migrate(&writer, &place).await?;
                Some(writer)
            }
        };
        let readers = pool(READERS, options.pragma("query_only", "ON"))
            .await
            .map_err(|error| fault(&place, "open", error))?;
        Ok(Self { writer, readers, place })
    }

    /// Waits for running work and closes the file.
    pub async fn close(&self) {
        if let Some(writer) = &self.writer {
            writer.close().await;
        }
        self.readers.close().await;
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Begins to write: takes the lock at once, so that what is read cannot change before it is
    /// written.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Driver>, Fault> {
        let Some(writer) = &self.writer else {
            return Err(Fault::stopped("the file is open for reading only").at(&self.place));
        };
        writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.fault("begin", error))
    }

    pub(super) fn fault(&self, doing: &str, error: sqlx::Error) -> Fault {
        fault(&self.place, doing, error)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sqlite({})", self.place)
    }
}

async fn pool(size: u32, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .idle_timeout(None)
        .max_lifetime(None) // prepared statements live with a connection
        .acquire_timeout(Duration::from_secs(30))
        // SQLite itself rolls back what a full disk interrupts, and the driver still counts the
        // transaction as open: it would refuse to begin another one for ever.
        .before_acquire(|connection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
        .connect_with(options)
        .await
}

/// All in one transaction: two processes may open a new file at the same moment.
async fn migrate(writer: &SqlitePool, place: &str) -> Result<(), Fault> {
    let wrap = |error| fault(place, "begin to migrate", error);
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(wrap)?;
    MIGRATIONS.run_direct(None, &mut *tx, false).await.map_err(|error| {
        Fault::stopped("its tables cannot be brought up to date")
            .at(place)
            .because(error)
            .remedy("use the version that made the file, or a newer one")
    })?;
    tx.commit().await.map_err(|error| fault(place, "migrate", error))
}

/// Fixed width, so that text sorts as time does.
fn iso(time: Timestamp) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
