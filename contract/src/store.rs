//! `advance` and `keep`: what a store must promise to the two loops, and the proof that an intake is
//! stored.

use std::{future::Future, ops::Range};

use crate::{ChannelId, Confirmed, Cursor, Digest, Fault, Intake, MappingNo, Timestamp};

/// The position of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The position to read after; `None` before the first read.
    pub cursor: Option<Cursor>,
    /// Number of moves so far, so that two processes cannot both make the same move.
    pub step: u64,
    /// The fence of the lease under which it was loaded. Writes of earlier holders fail.
    pub fence: u64,
}

impl Position {
    /// The fence of push channels, which need no lease: every process receives requests, and all
    /// processes move the same position, in any order. The cursor means nothing to another process.
    pub const UNLEASED: u64 = 0x7fff_ffff_ffff_ffff;

    /// The position after it has moved to `upto`.
    #[must_use]
    pub fn moved(&self, upto: Cursor) -> Self {
        Self { cursor: Some(upto), step: self.step + 1, fence: self.fence }
    }
}

/// The stored positions of channels. They are in the same database as the demands: after a backup is
/// restored, the records that it lacks are read again.
pub trait Checkpoints: Send + Sync {
    /// Loads the position and claims it for the lease with this `fence`: a process that loaded it under
    /// an earlier lease can no longer move it. Returns the default position if the channel was never
    /// read.
    ///
    /// # Errors
    /// `Transient`: it is claimed under a later lease, or the store cannot be reached.
    fn load(
        &self,
        channel: &ChannelId,
        fence: u64,
    ) -> impl Future<Output = Result<Position, Fault>> + Send;

    /// Reserves `n` read numbers durably; no number is ever given twice. Only the process that has
    /// claimed the position gets any: if it drew numbers after losing its lease, the reads of the next
    /// holder would look older.
    ///
    /// # Errors
    /// `Transient`: the position is claimed under another lease, or the store cannot be reached.
    fn reserve(
        &self,
        channel: &ChannelId,
        fence: u64,
        n: u64,
    ) -> impl Future<Output = Result<Range<u64>, Fault>> + Send;

    /// The number of the mapping with this fingerprint; a new one gets the next number.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn mapping(
        &self,
        channel: &ChannelId,
        fingerprint: Digest,
    ) -> impl Future<Output = Result<MappingNo, Fault>> + Send;

    /// In one transaction, moves the cursor and writes the books of the read, if step and fence are
    /// unchanged (for push channels, only the fence).
    ///
    /// # Errors
    /// `Transient`: another process has moved the position, so it must be loaded again; or the store
    /// cannot be reached.
    fn advance(&self, step: &Confirmed) -> impl Future<Output = Result<(), Fault>> + Send;

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
}

/// Where demands are kept.
pub trait Store: Send + Sync {
    /// In one transaction, judges the events, writes them, quarantines those that cannot be written,
    /// and writes the receipts. Idempotent: if a message already has a receipt, its events are only
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
    /// States with a newer version and the same content.
    pub unchanged: u64,
    /// States that are older than the current one.
    pub stale: u64,
    /// Events that were put into quarantine.
    pub quarantined: u64,
    /// Events of messages that were stored before.
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
