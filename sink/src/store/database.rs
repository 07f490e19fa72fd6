//! The store that the configuration chose. Closed and chosen once: an enum, so that nothing above it
//! is generic over databases.

pub(crate) mod access;
mod private;
pub(crate) mod row;
pub(crate) mod shared_sql;

use std::ops::Range;

use contract::{
    ChannelId, Checkpoints, Confirmed, Demand, DemandId, Digest, Fault, Intake, MappingNo,
    Outcomes, Position, RecordKey, SealedBytes, Store, Timestamp,
};

use super::{BooksRow, ChannelStatus, DemandRow, HistoryRow, Postgres, Quarantined, Sqlite};

/// One of the two databases. Clones are handles on the same one.
#[derive(Debug, Clone)]
pub enum Database {
    /// The embedded one.
    Sqlite(Sqlite),
    /// The one that several processes share.
    Postgres(Postgres),
}

macro_rules! either {
    ($self:ident, $store:ident => $answer:expr) => {
        match $self {
            Database::Sqlite($store) => $answer.await,
            Database::Postgres($store) => $answer.await,
        }
    };
}

pub(crate) use either;

impl Database {
    /// A handle whose writes do not wait behind those of this one, where the database lets several
    /// write at a time.
    #[must_use]
    pub fn apart(&self) -> Self {
        match self {
            Self::Sqlite(store) => Self::Sqlite(store.clone()),
            Self::Postgres(store) => Self::Postgres(store.apart()),
        }
    }
}

/// What people and programs ask; each answer is described at [`Sqlite`].
impl Database {
    /// The current state of what has this id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        either!(self, store => store.demand(id))
    }

    /// The current state of what has this key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn current(
        &self,
        channel: &ChannelId,
        key: &RecordKey,
    ) -> Result<Option<Demand>, Fault> {
        either!(self, store => store.current(channel, key))
    }

    /// All states of it, in the order of judgement.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        either!(self, store => store.history(id))
    }

    /// The record behind a row of history.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        either!(self, store => store.raw(history_seq))
    }

    /// The books of one channel or of all.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn books(
        &self,
        channel: Option<&ChannelId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<BooksRow>, Fault> {
        either!(self, store => store.books(channel, since))
    }

    /// Where each channel stands.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn status(&self) -> Result<Vec<ChannelStatus>, Fault> {
        either!(self, store => store.status())
    }

    /// What waits in quarantine, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        either!(self, store => store.quarantine_list(channel, limit))
    }

    /// What is in quarantine under this id, resolved or not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        either!(self, store => store.quarantine_show(id))
    }

    /// Binds the store to the keys that seal personal values: ids and values that prove them, the
    /// set in use first. A store that was bound to one of the others follows to the one in use.
    ///
    /// # Errors
    /// `Stopped` where the store was last used with a key that is not among them.
    pub async fn bind_key(&self, keys: &[(u32, String)]) -> Result<(), Fault> {
        either!(self, store => store.bind_key(keys))
    }
}

impl Store for Database {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        either!(self, store => store.store(intake))
    }
}

impl Checkpoints for Database {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        either!(self, store => store.load(channel, fence))
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        either!(self, store => store.reserve(channel, fence, n))
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        either!(self, store => store.mapping(channel, fingerprint))
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        either!(self, store => store.advance(step))
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        either!(self, store => store.note(channel, fault, at))
    }
}
