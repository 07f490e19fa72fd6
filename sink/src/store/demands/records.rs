//! What a store shows of itself: plain structs for the command line, the console and tests.

use contract::{ChannelId, Demand, DemandId, Digest, SealedBytes, Timestamp, Version};
use serde::Serialize;

use crate::store::Outcome;

/// The books of a channel. Read = accepted + skipped + rejected; published = stored + unchanged +
/// stale + quarantined + in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BooksRow {
    /// The channel.
    pub channel: ChannelId,
    /// Entries the connector gave.
    pub read: u64,
    /// Became demands.
    pub accepted: u64,
    /// Are none, by a rule of the channel.
    pub skipped: u64,
    /// Went to quarantine before they were published as demands.
    pub rejected: u64,
    /// Events of all messages of advanced reads.
    pub published: u64,
    /// New states.
    pub stored: u64,
    /// Seen again with the same content.
    pub unchanged: u64,
    /// Older than what was there.
    pub stale: u64,
    /// Put into quarantine, rejected ones among them.
    pub quarantined: u64,
    /// Events of messages that have no receipt yet.
    pub in_flight: u64,
    /// Events of messages that came once more; they are in no other number.
    pub redelivered: u64,
    /// Messages that were kept and whose read never advanced: a crash in between, or a read that is
    /// about to advance. Their events are in no other number.
    pub orphans: u64,
    /// Whether every message of every advanced read has an equal receipt. `None` while something is
    /// in flight; `Some(false)` can only be mended by somebody who finds out why.
    pub balanced: Option<bool>,
}

impl BooksRow {
    pub(crate) fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            read: 0,
            accepted: 0,
            skipped: 0,
            rejected: 0,
            published: 0,
            stored: 0,
            unchanged: 0,
            stale: 0,
            quarantined: 0,
            in_flight: 0,
            redelivered: 0,
            orphans: 0,
            balanced: None,
        }
    }

    /// Draws the line, where `unequal` messages have a receipt that says something else.
    pub(crate) fn close(mut self, unequal: u64) -> Self {
        let adds_up = self.read == self.accepted + self.skipped + self.rejected
            && self.published == self.accepted + self.rejected;
        self.balanced = match (unequal, adds_up, self.in_flight) {
            (0, true, 0) => Some(true),
            (0, true, _) => None,
            _ => Some(false),
        };
        self
    }
}

/// Where a channel stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: ChannelId,
    /// Moves of its position so far.
    pub step: u64,
    /// When it was last read, be it in vain.
    pub last_read_at: Option<Timestamp>,
    /// What has kept it from being read since then.
    pub fault: Option<String>,
    /// Demands it has.
    pub demands: u64,
    /// Things of it that wait in quarantine.
    pub quarantined: u64,
}

/// A demand with what the store knows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemandRow {
    /// Its current state. The version moves with every sight, `origin` tells where the content came
    /// from.
    pub demand: Demand,
    /// When it was first stored: time of the read.
    pub first_seen_at: Timestamp,
    /// When this content was last seen.
    pub last_seen_at: Timestamp,
}

/// One state that a demand had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryRow {
    /// Names the row; ascends in the order of judgement.
    pub seq: i64,
    /// The version it came with.
    pub version: Version,
    /// What became of it.
    pub outcome: Outcome,
    /// Its status code.
    pub status: Option<String>,
    /// Stands for its content.
    pub digest: Digest,
    /// Names of the fields that differed from the state before; empty for the first one.
    pub changed: Vec<String>,
    /// Time of the read that saw it.
    pub seen_at: Timestamp,
}

/// Something in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// Id of its key, or of its bytes.
    pub id: DemandId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The source's key, where it could be read.
    pub source_key: Option<String>,
    /// Its newest version.
    pub version: Version,
    /// Stable word to group by.
    pub reason: String,
    /// For people.
    pub detail: String,
    /// Where it stood.
    pub place: String,
    /// The message it came in.
    pub message: String,
    /// The record as the source said it, compressed and sealed.
    pub raw: Option<SealedBytes>,
    /// The event, where it is one of ours that this version cannot read.
    pub event: Option<String>,
    /// When it was first seen, where the message says.
    pub first_seen_at: Option<Timestamp>,
    /// When it was last seen, where the message says.
    pub last_seen_at: Option<Timestamp>,
    /// How often it came; a redelivery does not count.
    pub times_seen: u64,
    /// When a newer good state of the same thing was seen.
    pub resolved_at: Option<Timestamp>,
}
