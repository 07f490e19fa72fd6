//! The embedded store: one SQLite file. A commit confirms the messages of the in-process bus, so it must
//! be on the disk when it returns (`synchronous = FULL`). To write fast, each statement writes many rows, and
//! each intake is one commit.
//!
//! SQLite allows only one writer, so one connection writes. Other connections read at the same time (WAL).
//! Another process may have the same file open.

pub(super) mod copy;
mod fault;
mod sql;

#[cfg(test)]
mod tests;

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{Datelike as _, NaiveTime};
use contract::{Fault, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, Connection as _, Sqlite as Driver, SqliteConnection, SqlitePool, Transaction,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tracing::warn;

use super::{
    Access,
    damage::Damage,
    database::{ensure_current, migrations, other_version, transaction::Failure},
    demands::claims::ClaimWait,
};
use crate::bus::BusKey;
use fault::{fault, is_damage};

pub(super) use fault::{is_refusal, message};
pub(super) use sql::{bind, fetch, write_rows};

/// How long to wait while another process holds the write lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_READERS: u32 = 4;
/// Maximum number of prepared statements of a connection: enough for each table and size of chunk. New demands need
/// more if their empty columns vary; the statements that were not used for longest are then prepared again.
const MAX_STATEMENTS: usize = 256;

/// Time limit for closing. What is not done by then is done when the file is closed the next time.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Page cache of the writer: 8 MiB (SQLite reads a negative number as KiB). What is not in it is in the cache of the
/// system, so a larger one was not faster when measured.
const CACHE_SIZE: &str = "-8192";
/// Size of the pages of a new file, in bytes. In smaller pages, two demands leave a quarter of the page empty.
const PAGE_SIZE: u32 = 8192;
/// SQLite copies the write-ahead log into the file when the log has this many pages (64 MiB in a new file). The
/// number is large, so that an index page that several intakes change is copied once.
const MAX_LOG_PAGES: &str = "8192";

/// What tells a file from every other one, and from its own earlier copies. SQLite keeps both numbers in the header of
/// the file, where no restore of single tables changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// A random number; 0 in a file that no process has used yet.
    pub id: i64,
    /// How often it was opened for writing.
    pub uses: i64,
}

/// A handle to one file. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// One connection; `None` if the store is open for reading only.
    writer: Option<SqlitePool>,
    pub(super) readers: SqlitePool,
    place: String,
    file: PathBuf,
    /// Its write-ahead log.
    log: PathBuf,
    pub(super) damage: Damage,
    pub(super) claim_wait: ClaimWait,
    pub(super) audit_key: Option<BusKey>,
}

impl Sqlite {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// `Stopped` if the file does not exist or has other tables and the access is `ReadOnly`, if it is not a
    /// database, or if a newer version of the gateway created it; `Transient` if another process has locked it.
    pub async fn open(path: impl AsRef<Path>, access: Access) -> Result<Self, Fault> {
        let path = path.as_ref();
        let place = format!("sqlite file {}", path.display());
        if access == Access::ReadOnly && !path.exists() {
            return Err(Fault::stopped("there is no store yet").at(place).remedy(
                "start the gateway once, or name the folder of its configuration with --config",
            ));
        }
        ensure_usable(path, &place)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(LOCK_TIMEOUT)
            .statement_cache_capacity(MAX_STATEMENTS)
            .synchronous(SqliteSynchronous::Full);
        let writer = match access {
            Access::ReadOnly => None,
            Access::ReadWrite => {
                // SQLite gives its own files the mode of this one. If it cannot be made, SQLite says why.
                let _ = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
                let options = options
                    .clone()
                    .create_if_missing(true)
                    .page_size(PAGE_SIZE)
                    .journal_mode(SqliteJournalMode::Wal)
                    .pragma("cache_size", CACHE_SIZE)
                    .pragma("temp_store", "MEMORY")
                    // What is deleted is overwritten, so that it does not stay in free pages.
                    .pragma("secure_delete", "ON")
                    .pragma("wal_autocheckpoint", MAX_LOG_PAGES);
                let writer = pool(1, options)
                    .await
                    .map_err(|error| fault(&place, "open the store", &error))?;
                migrate(&writer, &place).await?;
                Some(writer)
            }
        };
        let readers = pool(MAX_READERS, options.pragma("query_only", "ON"))
            .await
            .map_err(|error| fault(&place, "open the store", &error))?;
        if access == Access::ReadOnly {
            check_version(&readers, &place).await?;
        }
        let (damage, claim_wait) = (Damage::default(), ClaimWait::default());
        let log = PathBuf::from(format!("{}-wal", path.display()));
        let file = path.to_owned();
        Ok(Self { writer, readers, place, file, log, damage, claim_wait, audit_key: None })
    }

    /// The identity of the file at `path`, which must exist. Changes nothing.
    ///
    /// # Errors
    /// `Stopped` if this account may not open the file or it is not a database; `Transient` if another process has
    /// locked it.
    pub async fn identity(path: &Path) -> Result<Identity, Fault> {
        let place = format!("sqlite file {}", path.display());
        ensure_usable(path, &place)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(LOCK_TIMEOUT)
            .pragma("query_only", "ON");
        let work = async {
            let readers = pool(1, options).await?;
            let mut conn = readers.acquire().await?;
            let identity = identity(&mut conn).await;
            drop(conn);
            readers.close().await;
            identity
        };
        work.await.map_err(|error: sqlx::Error| fault(&place, "open the store", &error))
    }

    /// Counts that the file is used, and gives it an id if it has none. Returns its identity from now on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn count_use(&self) -> Result<Identity, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let Identity { id, uses } = identity(&mut tx).await?;
            let new_id = "SELECT 1 + abs(random() % 2000000000)";
            let id =
                if id == 0 { sqlx::query_scalar(new_id).fetch_one(&mut *tx).await? } else { id };
            let used = Identity { id, uses: uses + 1 };
            for (name, value) in [("application_id", used.id), ("user_version", used.uses)] {
                let sql = AssertSqlSafe(format!("PRAGMA {name} = {value}"));
                sqlx::query(sql).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(used)
        };
        work.await.map_err(|error: sqlx::Error| self.fault("count its uses", error.into()))
    }

    /// Waits until running queries have ended, and closes the file. If no other process uses it, everything is in
    /// the file itself after that, so it can be copied without its write-ahead log. Does nothing to a damaged file.
    pub async fn close(&self) {
        if self.damage.fault().is_some() {
            return;
        }
        let work = async {
            if let Some(writer) = &self.writer {
                // Does not wait for processes that use the file now: the last one to close it does the same. Those
                // that only have it open do not matter.
                let log = "PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE)";
                let _ = sqlx::raw_sql(log).execute(writer).await;
                writer.close().await;
            }
            self.readers.close().await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, work).await;
        if self.writer.is_some() && fs::metadata(&self.log).is_ok_and(|log| log.len() > 0) {
            warn!(
                "{}: another process is using it, or the disk is full, so rows are still in its -wal file; \
                 copy both files together",
                self.place
            );
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Begins a transaction and takes the write lock at once, so that no row changes between reading
    /// and writing.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Driver>, Fault> {
        if let Some(damage) = self.damage.fault() {
            return Err(damage);
        }
        let Some(writer) = &self.writer else {
            return Err(Fault::stopped("the store is open for reading only").at(&self.place));
        };
        writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| self.fault("begin a transaction", error.into()))
    }

    /// See [`Database::scrub`]: writes the file anew, and empties the write-ahead log.
    ///
    /// [`Database::scrub`]: crate::store::Database::scrub
    pub(super) async fn scrub(&self) -> Result<bool, Fault> {
        let Some(writer) = &self.writer else { return Ok(false) };
        let work = async {
            // The copy may be larger than the memory.
            sqlx::query("PRAGMA temp_store = FILE").execute(writer).await?;
            sqlx::query("VACUUM").execute(writer).await?;
            let is_busy = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
            let is_busy: i64 = is_busy.fetch_one(writer).await?;
            Ok(is_busy == 0)
        };
        work.await.map_err(|error: sqlx::Error| self.fault("write the file anew", error.into()))
    }

    pub(super) fn fault(&self, action: &str, failure: Failure) -> Fault {
        match failure {
            Failure::Fault(fault) => fault,
            Failure::Database(error) => {
                let fault = fault(&self.place, action, &error);
                if is_damage(&error) {
                    self.damage.report(&fault);
                }
                fault
            }
        }
    }
}

/// Refuses what cannot be the file of a store. One that does not exist is not refused.
fn ensure_usable(path: &Path, place: &str) -> Result<(), Fault> {
    if let Err(error) = fs::File::open(path).and_then(|file| file.metadata())
        && error.kind() == ErrorKind::PermissionDenied
    {
        return Err(Fault::stopped("this account may not open the store")
            .at(place)
            .remedy("give it the right to read and write the file and its folder"));
    }
    if path.is_dir() {
        return Err(Fault::stopped("this is a folder, not a file")
            .at(place)
            .remedy("set `sqlite` under [store] in gateway.toml to a file"));
    }
    Ok(())
}

/// The numbers in the header of a file.
async fn identity(conn: &mut SqliteConnection) -> Result<Identity, sqlx::Error> {
    let id = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    let uses = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await?;
    Ok(Identity { id, uses })
}

async fn pool(size: u32, options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .idle_timeout(None)
        .max_lifetime(None) // a new connection has no prepared statements
        .acquire_timeout(Duration::from_secs(30))
        // When the disk is full, SQLite rolls back by itself, but the driver still counts the
        // transaction as open. Such a connection is replaced.
        .before_acquire(|connection, _| {
            let is_free = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_free) })
        })
        .connect_with(options)
        .await
}

/// Runs all migrations in one transaction, because two processes may open a new file at the same time.
async fn migrate(writer: &SqlitePool, place: &str) -> Result<(), Fault> {
    let failed = |error: sqlx::Error| fault(place, "bring the tables up to date", &error);
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    migrations::SQLITE.run_direct(None, &mut *tx, false).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failed(error),
        error => other_version(place).because(error),
    })?;
    tx.commit().await.map_err(failed)
}

/// Checks that the tables are those that this version of the gateway reads.
async fn check_version(readers: &SqlitePool, place: &str) -> Result<(), Fault> {
    let work = async {
        let names: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master").fetch_all(readers).await?;
        if !names.iter().any(|name| name == "_sqlx_migrations") {
            return Ok((names.is_empty(), None));
        }
        let version = "SELECT max(version) FROM _sqlx_migrations WHERE success";
        Ok((false, sqlx::query_scalar(version).fetch_one(readers).await?))
    };
    let found: Result<(bool, Option<i64>), sqlx::Error> = work.await;
    let (is_empty, version) = found.map_err(|error| fault(place, "look for the tables", &error))?;
    if is_empty {
        // A start would fill the file with empty tables, and lose what its own -wal file has.
        return Err(Fault::stopped("the file has no tables: it was copied without its -wal file, or its first start has not ended")
            .at(place)
            .remedy("restore the file and its -wal file together; only a new store can be started without them"));
    }
    ensure_current(place, version, &migrations::SQLITE)
}

/// Formats a time as ISO 8601 with a fixed width, so that the order of texts is the order of times.
fn iso(time: Timestamp) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

/// Maximum number of rows of a table that one transaction deletes. The sink waits until it ends.
const MAX_DROPPED_ROWS: u32 = 2_000;

impl Sqlite {
    /// See [`Database::drop_before`]. It examines rows in the order of their numbers, which is nearly the order
    /// of their times: an old row after many newer ones stays until those are dropped.
    ///
    /// [`Database::drop_before`]: crate::store::Database::drop_before
    pub(in crate::store) async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        let Some(first) = before.date_naive().with_day(1) else { return Ok(false) };
        let month = iso(first.and_time(NaiveTime::MIN).and_utc());
        let mut has_dropped = false;
        while self.drop_batch(&month).await? {
            has_dropped = true;
        }
        Ok(has_dropped)
    }

    /// Drops the rows of before `month` among the first rows of history; false if there are none. `month` is the
    /// time at which a month begins, as [`iso`] formats it.
    async fn drop_batch(&self, month: &str) -> Result<bool, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let mut n_deleted = 0;
            for (table, key) in [("demand_raw", "history"), ("demand_history", "seq")] {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN (SELECT seq FROM (
                         SELECT seq, seen_at FROM demand_history ORDER BY seq LIMIT {MAX_DROPPED_ROWS})
                     WHERE seen_at < ?)"
                );
                let deleted = sqlx::query(AssertSqlSafe(sql)).bind(month).execute(&mut *tx).await?;
                n_deleted = deleted.rows_affected();
            }
            tx.commit().await?;
            Ok(n_deleted > 0)
        };
        work.await.map_err(|error: sqlx::Error| self.fault("drop old months", error.into()))
    }
}
