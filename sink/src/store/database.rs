//! The configured store: an enum, so that its users need no type parameter.

pub(super) mod migrations;
pub(crate) mod sql;
pub(crate) mod transaction;

use contract::{Fault, Timestamp};
use sqlx::migrate::Migrator;

use super::{Postgres, Sqlite, damage::Damage, demands::claims::ClaimWait};
use crate::bus::BusKey;

/// What a handle to a store may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes; creates the tables and brings them up to date.
    ReadWrite,
    /// Reads a store that exists; another process may be writing to it.
    ReadOnly,
}

/// Checks that the tables, of which `stored` is the version, are those of `migrations`; for access that cannot bring
/// them up to date.
pub(super) fn ensure_current(
    place: &str,
    stored: Option<i64>,
    migrations: &Migrator,
) -> Result<(), Fault> {
    let ours = migrations.iter().map(|migration| migration.version).max();
    if stored > ours {
        return Err(other_version(place));
    }
    if stored < ours {
        return Err(Fault::stopped("the tables of the store are missing or out of date")
            .at(place)
            .remedy("start the gateway once, which brings them up to date"));
    }
    Ok(())
}

/// The fault if the tables are of a version that this program does not know.
pub(super) fn other_version(place: &str) -> Fault {
    Fault::stopped("another version of the gateway created the tables")
        .at(place)
        .remedy("use that version, or a newer one")
}

/// One of the two databases. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub enum Database {
    /// The embedded database.
    Sqlite(Sqlite),
    /// The database that several processes share.
    Postgres(Postgres),
}

impl Database {
    /// Another handle. With PostgreSQL, its writes do not wait for the writes of this one; with SQLite they do.
    #[must_use]
    pub fn separate_handle(&self) -> Self {
        match self {
            Self::Sqlite(store) => Self::Sqlite(store.clone()),
            Self::Postgres(store) => Self::Postgres(store.separate_handle()),
        }
    }

    /// A handle that proves with this key what it writes to the audit log, and that can check the log.
    #[must_use]
    pub fn with_audit_key(mut self, key: Option<BusKey>) -> Self {
        match &mut self {
            Self::Sqlite(store) => store.audit_key = key,
            Self::Postgres(store) => store.audit_key = key,
        }
        self
    }

    pub(super) fn audit_key(&self) -> Option<&BusKey> {
        match self {
            Self::Sqlite(store) => store.audit_key.as_ref(),
            Self::Postgres(store) => store.audit_key.as_ref(),
        }
    }

    /// Drops history, with the records as their sources sent them, of the whole months that ended at or before
    /// `before`; returns whether there were any. The current states of demands stay. If a state whose month
    /// was dropped comes again, it is added to history again.
    ///
    /// # Errors
    /// The store cannot be written, or another process locks those tables for long.
    pub async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        match self {
            Self::Sqlite(store) => store.drop_before(before).await,
            Self::Postgres(store) => store.drop_before(before).await,
        }
    }

    /// Makes the database forget what deleted rows have left in its files. Returns whether nothing is left: SQLite
    /// cannot empty its write-ahead log while another process reads it, and PostgreSQL has its own times for it.
    ///
    /// # Errors
    /// The file cannot be written anew, for example because the disk has no room for it.
    pub async fn scrub(&self) -> Result<bool, Fault> {
        match self {
            Self::Sqlite(store) => store.scrub().await,
            Self::Postgres(_) => Ok(false),
        }
    }

    /// Waits until running queries have ended, and closes the connections of this handle. The file of an embedded
    /// store that no other process uses is whole then, without its write-ahead log.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }

    /// The fault with which the database reported that its data is damaged, if it did. The store writes nothing
    /// after it.
    pub fn damage(&self) -> Option<Fault> {
        self.damage_report().fault()
    }

    /// Waits until the database reports that its data is damaged.
    pub async fn damaged(&self) -> Fault {
        self.damage_report().reported().await
    }

    /// How long messages without proof may still hold up the store.
    pub(super) fn claim_wait(&self) -> &ClaimWait {
        match self {
            Self::Sqlite(store) => &store.claim_wait,
            Self::Postgres(store) => &store.claim_wait,
        }
    }

    fn damage_report(&self) -> &Damage {
        match self {
            Self::Sqlite(store) => &store.damage,
            Self::Postgres(store) => &store.damage,
        }
    }

    /// The name of the database in messages.
    pub fn place(&self) -> &str {
        match self {
            Self::Sqlite(store) => store.place(),
            Self::Postgres(store) => store.place(),
        }
    }
}
