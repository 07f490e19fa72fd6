//! The embedded store: one SQLite file. The commit is the confirmation of the in-process bus, so it
//! is made durable (`synchronous = FULL`) and never traded for speed; what makes it fast is many rows
//! per statement and one commit per intake.
//!
//! One connection writes, because SQLite has one writer anyway and waiting for it in a queue of ours
//! is fair where its busy handler is not. A few others read beside it (WAL). Another process may
//! have the same file open.

mod books;
mod checkpoints;
mod fault;
mod keep;
mod known;
mod old;
mod quality;
mod records;
mod row;
mod rows;
mod sealed;
mod small;
mod statements;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use std::{fmt, path::Path, time::Duration};

use contract::{Fault, Timestamp};
use sqlx::{
    Sqlite as Driver, SqlitePool, Transaction,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    Access,
    privacy::key::{Bind, BoundKey},
};
use fault::fault;

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

    /// Binds this file to the keys that seal personal values: the first use records them, and a
    /// rotation is followed.
    ///
    /// # Errors
    /// `Stopped` where the file was sealed with a key that is not among them.
    pub async fn bind_key(&self, keys: &[(u32, String)]) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        let known: Option<(i64, String)> =
            sqlx::query_as("SELECT key_id, check_value FROM sealing_key")
                .fetch_optional(&mut *tx)
                .await
                .map_err(|error| self.fault("read the sealing key", error))?;
        let known = known.map(|(key_id, check_value)| BoundKey { key_id, check_value });
        let Bind::Write(key_id, check_value) = BoundKey::check(known.as_ref(), keys, &self.place)?
        else {
            return Ok(());
        };
        let work = async {
            sqlx::query("DELETE FROM sealing_key").execute(&mut *tx).await?;
            sqlx::query("INSERT INTO sealing_key (key_id, check_value) VALUES (?, ?)")
                .bind(i64::from(key_id))
                .bind(check_value)
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        work.await.map_err(|error| self.fault("record the sealing key", error))
    }

    /// Begins to write: takes the lock at once, so that what is read cannot change before it is
    /// written.
    async fn begin(&self) -> Result<Transaction<'static, Driver>, Fault> {
        let Some(writer) = &self.writer else {
            return Err(Fault::stopped("the file is open for reading only").at(&self.place));
        };
        writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.fault("begin", error))
    }

    fn fault(&self, doing: &str, error: sqlx::Error) -> Fault {
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
