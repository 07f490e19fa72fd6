//! The configured store: an enum, so that its users need no type parameter.

pub(crate) mod sql;
pub(crate) mod transaction;

use contract::{Fault, Timestamp};

use super::{Postgres, Sqlite};

/// What a handle to a store may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes; creates the tables and brings them up to date.
    ReadWrite,
    /// Reads a store that exists; another process may be writing to it.
    ReadOnly,
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

    /// The name of the database in messages.
    pub fn place(&self) -> &str {
        match self {
            Self::Sqlite(store) => store.place(),
            Self::Postgres(store) => store.place(),
        }
    }
}
