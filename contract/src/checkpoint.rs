//! `advance`: the one row that is a channel's progress.

use std::{future::Future, ops::Range};

use crate::{ChannelId, Confirmed, Cursor, Digest, Fault, MappingNo, Timestamp};

/// Where a channel stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// After what to read; `None` before the first read.
    pub cursor: Option<Cursor>,
    /// Counts the moves: two processes cannot both make the same one.
    pub step: u64,
    /// The lease this position was loaded under: what an earlier holder still does with it fails.
    pub fence: u64,
}

impl Position {
    /// In place of a lease, for channels that are sent to: every process takes what arrives at its
    /// own door, and all of them move the one position, in no order. What a move says of the cursor
    /// is of no use to another process.
    pub const UNLEASED: u64 = 0x7fff_ffff_ffff_ffff;

    /// Where it will be once a read from here to `upto` is advanced.
    #[must_use]
    pub fn moved(&self, upto: Cursor) -> Self {
        Self { cursor: Some(upto), step: self.step + 1, fence: self.fence }
    }
}

/// Durable progress of the ingest side. It lives beside the data, so that an old backup reads again
/// what it has lost.
pub trait Checkpoints: Send + Sync {
    /// The stored position, claimed for the holder of the lease with this `fence`: who loaded it
    /// under an earlier lease can no longer move it. The default one for a channel never read.
    ///
    /// # Errors
    /// `Transient` where it is claimed under a later lease; the store cannot be reached.
    fn load(
        &self,
        channel: &ChannelId,
        fence: u64,
    ) -> impl Future<Output = Result<Position, Fault>> + Send;

    /// Reserves `n` read numbers that nobody has had or will have, durably. Only who has claimed the
    /// position gets any: numbers of a holder that has lost its lease would make the reads of the
    /// next one look old.
    ///
    /// # Errors
    /// `Transient` where the position is claimed under another lease; the store cannot be reached.
    fn reserve(
        &self,
        channel: &ChannelId,
        fence: u64,
        n: u64,
    ) -> impl Future<Output = Result<Range<u64>, Fault>> + Send;

    /// The number of the mapping with this fingerprint: the one it has, or the next.
    ///
    /// # Errors
    /// The store cannot be reached.
    fn mapping(
        &self,
        channel: &ChannelId,
        fingerprint: Digest,
    ) -> impl Future<Output = Result<MappingNo, Fault>> + Send;

    /// One transaction: the cursor moves where step and fence are still ours (of an unleased
    /// position, the fence alone), and the books of the read are written.
    ///
    /// # Errors
    /// `Transient` where another process moved the position: whoever loads it again goes on.
    fn advance(&self, step: &Confirmed) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Notes what stopped the channel at `at`, for people who look from another process. The next
    /// read makes it history; nothing is decided by it.
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
