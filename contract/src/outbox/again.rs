//! Packs records that were read before and are mapped again: by `replay`, and by `quarantine retry`.
//!
//! Such a record is the state that an earlier read returned, so its version is that of this state, with the number of
//! today's mapping: newer than the same state by an earlier mapping, and older than every later state. The messages
//! belong to a read of their own, in which the books count them.

use crate::{
    Accepted, Batch, Channel, Cursor, Outbox, Position, RawRecord, ReadBatch, ReadNo, Timestamp,
    demand::Cause,
};

use super::Packer;

/// The read that returned a record which is mapped again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierRead {
    /// Its number.
    pub read_no: ReadNo,
    /// When it was.
    pub read_at: Timestamp,
}

/// A record that was mapped again, and accepted.
#[derive(Debug)]
pub struct MappedAgain {
    /// The record.
    pub record: RawRecord,
    /// The read that returned it.
    pub earlier: EarlierRead,
    /// What the mapping made of it.
    pub accepted: Accepted,
}

/// Packs records that were mapped again as the read with number `read_no` at the time `now`. It begins and ends at
/// `position`. A record that cannot be packed counts as skipped, and is not published: its stored state stays.
pub fn pack_again(
    channel: &Channel,
    position: Position,
    read_no: ReadNo,
    records: Vec<MappedAgain>,
    now: Timestamp,
) -> Outbox {
    let upto = position.cursor.clone().unwrap_or_else(|| Cursor::from_text("null"));
    let batch = Batch { entries: Vec::new(), upto, end: None, trouble: Vec::new() };
    let (channel, cause) = (channel.clone(), Cause::Replay);
    let read = ReadBatch { channel, from: position, read_no, batch, read_at: now, cause };
    let mut packer = Packer::new(&read);
    for MappedAgain { record, earlier, accepted } in records {
        packer.earlier = Some(earlier);
        packer.outbox.tally.read += 1;
        if packer.add_accepted(&record, accepted).is_err() {
            packer.outbox.tally.skipped += 1;
        }
    }
    packer.close_message();
    packer.outbox
}
