//! What a store must promise: `advance` moves the position of a channel, and `keep` stores messages and
//! returns the proof of it.

use std::{future::Future, ops::Range};

use crate::{
    ChannelId, Confirmed, Cursor, Digest, Fault, Intake, MappingNo, SealedBytes, Timestamp,
};

/// How far a channel has been read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The next read begins after it; `None` before the first read.
    pub cursor: Option<Cursor>,
    /// How often the position has moved. If another process moved it since it was loaded, `advance` fails.
    pub step: u64,
    /// The fence of the lease under which it was loaded: a number that grows with each process that holds
    /// the lease. Writes with a lower fence than the last one fail.
    pub fence: u64,
}

impl Position {
    /// The fence of push channels, which need no lease: every process receives requests, and all
    /// processes move the same position, in any order.
    pub const UNLEASED: u64 = 0x7fff_ffff_ffff_ffff;

    /// The position after it has moved to `upto`.
    #[must_use]
    pub fn moved(&self, upto: Cursor) -> Self {
        Self { cursor: Some(upto), step: self.step + 1, fence: self.fence }
    }
}

/// The stored positions of channels. They are in the same database as the demands: if an old backup is
/// restored, the records that it does not contain are read again.
pub trait Checkpoints: Send + Sync {
    /// Loads the position and claims it for the lease with this `fence`: a process that loaded it with a
    /// lower fence can no longer move it. If the channel was never read, the cursor is `None`.
    ///
    /// # Errors
    /// `Transient`: it is claimed with a higher fence, or the store cannot be reached.
    fn load(
        &self,
        channel: &ChannelId,
        fence: u64,
    ) -> impl Future<Output = Result<Position, Fault>> + Send;

    /// Reserves the next `n` read numbers; no number is given twice. Only the process that has claimed the
    /// position gets any: if an earlier holder of the lease still got numbers, its reads would look newer
    /// than those of the present holder.
    ///
    /// # Errors
    /// `Transient`: the position is claimed with another fence, or the store cannot be reached.
    fn reserve(
        &self,
        channel: &ChannelId,
        fence: u64,
        n: u64,
    ) -> impl Future<Output = Result<Range<u64>, Fault>> + Send;

    /// The number of the mapping with this fingerprint. A mapping that is new to the store gets the next
    /// number, and so does one that is used again after another: what it makes of a record replaces what the
    /// other one made.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn mapping(
        &self,
        channel: &ChannelId,
        fingerprint: Digest,
    ) -> impl Future<Output = Result<MappingNo, Fault>> + Send;

    /// In one transaction, moves the position to the end of a read and writes its books, if the stored step
    /// and fence are those with which the read began (for push channels, only the fence).
    ///
    /// # Errors
    /// `Transient`: another process has moved the position, so it must be loaded again; or the store
    /// cannot be reached.
    fn advance(&self, read: &Confirmed) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Records the fault that stopped the channel at the time `at`, so that `status` can show it. The
    /// next read clears it.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn note(
        &self,
        channel: &ChannelId,
        fault: &Fault,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Keeps an exchange with the source that ended in a fault at the time `at`, in place of the last one;
    /// by default, does nothing.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn keep_exchange(
        &self,
        _channel: &ChannelId,
        _exchange: &SealedBytes,
        _at: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}

/// Keeps demands.
pub trait Store: Send + Sync {
    /// In one transaction, judges the events, writes them, quarantines those that cannot be written,
    /// and writes the receipts. It may be repeated: if a message already has a receipt, its events are only
    /// counted.
    ///
    /// # Errors
    /// The database failed; nothing was written.
    fn store(&self, intake: &Intake) -> impl Future<Output = Result<Outcomes, Fault>> + Send;
}

/// What became of the events of an intake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes {
    /// New states in history, including those superseded within the same intake.
    pub stored: u64,
    /// States with the content of the current state, and its version or a newer one.
    pub unchanged: u64,
    /// States that are older than the current one, or have its version and another content.
    pub stale: u64,
    /// Events that were put into quarantine.
    pub quarantined: u64,
    /// Events of messages that were stored before. They count nowhere else.
    pub redelivered: u64,
}

impl std::ops::AddAssign for Outcomes {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.quarantined += other.quarantined;
        self.redelivered += other.redelivered;
    }
}

/// Proof that an intake is stored. Only [`keep`] makes it.
#[derive(Debug)]
#[must_use = "messages that are kept and not acked are delivered again"]
pub struct Kept {
    tags: Vec<u64>,
    outcomes: Outcomes,
}

impl Kept {
    /// The delivery tags, in the order of delivery.
    pub fn tags(&self) -> &[u64] {
        &self.tags
    }

    /// What became of its events.
    pub fn outcomes(&self) -> Outcomes {
        self.outcomes
    }
}

/// Stores an intake: rows, quarantine and receipts are committed when this returns `Ok`.
///
/// # Errors
/// See [`Store::store`].
pub async fn keep(store: &impl Store, intake: Intake) -> Result<Kept, Fault> {
    let outcomes = store.store(&intake).await?;
    let tags = intake.deliveries().iter().map(|delivery| delivery.tag).collect();
    Ok(Kept { tags, outcomes })
}
