//! `advance` and `keep`: what a store must promise to the ingest half and to the sink, and the proof
//! that an intake is kept.

use std::{future::Future, ops::Range};

use crate::{ChannelId, Confirmed, Cursor, Digest, Fault, Intake, MappingNo, Timestamp};

/// The position of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// The position to read after; `None` before the first read.
    pub cursor: Option<Cursor>,
    /// Number of moves so far: two processes cannot both make the same one.
    pub step: u64,
    /// Fence of the lease under which it was loaded: every write of an earlier holder fails.
    pub fence: u64,
}

impl Position {
    /// The fence of push channels, which need no lease: every process receives on its own listener, and
    /// all of them move the same position, in any order. The cursor means nothing to another process.
    pub const UNLEASED: u64 = 0x7fff_ffff_ffff_ffff;

    /// The position after a read from here to `upto` is advanced.
    #[must_use]
    pub fn moved(&self, upto: Cursor) -> Self {
        Self { cursor: Some(upto), step: self.step + 1, fence: self.fence }
    }
}

/// Durable progress of the ingest half. It is stored beside the data, so that after restoring a backup
/// the lost records are read again.
pub trait Checkpoints: Send + Sync {
    /// Loads the position and claims it for the lease with this `fence`: a process that loaded it under an
    /// earlier lease can no longer move it. The default position if the channel was never read.
    ///
    /// # Errors
    /// `Transient`: it is claimed under a later lease, or the store is away.
    fn load(
        &self,
        channel: &ChannelId,
        fence: u64,
    ) -> impl Future<Output = Result<Position, Fault>> + Send;

    /// Reserves `n` read numbers durably; no number is ever given twice. Only the process that has claimed
    /// the position gets any: numbers drawn after losing the lease would make the reads of the next holder
    /// look old.
    ///
    /// # Errors
    /// `Transient`: the position is claimed under another lease, or the store is away.
    fn reserve(
        &self,
        channel: &ChannelId,
        fence: u64,
        n: u64,
    ) -> impl Future<Output = Result<Range<u64>, Fault>> + Send;

    /// The number of the mapping with this fingerprint; a new one gets the next number.
    ///
    /// # Errors
    /// The store is away.
    fn mapping(
        &self,
        channel: &ChannelId,
        fingerprint: Digest,
    ) -> impl Future<Output = Result<MappingNo, Fault>> + Send;

    /// In one transaction, moves the cursor if step and fence are unchanged (for an unleased position, the
    /// fence alone), and writes the books of the read.
    ///
    /// # Errors
    /// `Transient`: another process has moved the position; load it again. Or the store is away.
    fn advance(&self, step: &Confirmed) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Records the fault that stopped the channel at `at`, for `status`. The next read clears it; nothing
    /// else depends on it.
    ///
    /// # Errors
    /// The store is away.
    fn note(
        &self,
        channel: &ChannelId,
        fault: &Fault,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Where demands are kept.
pub trait Store: Send + Sync {
    /// In one transaction, judges the events, writes them, quarantines those that cannot be written, and
    /// writes the receipts. Idempotent: a message that has a receipt already is only counted.
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
    /// Newer version with the same content.
    pub unchanged: u64,
    /// Older than the current state.
    pub stale: u64,
    /// Put into quarantine.
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
#[must_use = "what is kept and not acked comes again"]
pub struct Kept {
    tags: Vec<u64>,
    outcomes: Outcomes,
}

impl Kept {
    /// The delivery tags, in the order of the bus.
    pub fn tags(&self) -> &[u64] {
        &self.tags
    }

    /// What became of them.
    pub fn outcomes(&self) -> Outcomes {
        self.outcomes
    }
}

/// Stores an intake: rows, quarantine and receipts are committed when this returns `Ok`.
///
/// # Errors
/// As [`Store::store`].
pub async fn keep(store: &impl Store, intake: Intake) -> Result<Kept, Fault> {
    let outcomes = store.store(&intake).await?;
    let tags = intake.deliveries().iter().map(|delivery| delivery.tag).collect();
    Ok(Kept { tags, outcomes })
}
