//! How far each channel of the memory store has come, and its books, read by read.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
};

use contract::{
    ChannelId, Checkpoints, Confirmed, Digest, Fault, MappingNo, MessageId, Position, Timestamp,
};

use super::{Memory, Read, Tables};
use crate::store::{
    BooksRow,
    books::{lease_lost, moved_elsewhere},
};

const PLACE: &str = "memory store";

impl Checkpoints for Memory {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let mut state = self.lock();
        let position = &mut state.checkpoints.entry(channel.clone()).or_default().position;
        if position.fence > fence && position.fence != Position::UNLEASED {
            return Err(lease_lost(PLACE));
        }
        position.fence = fence;
        Ok(position.clone())
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        if checkpoint.position.fence != fence {
            return Err(lease_lost(PLACE));
        }
        let first = checkpoint.reserved + 1;
        checkpoint.reserved += n;
        Ok(first..first + n)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        let mut state = self.lock();
        let known = state.mappings.entry(channel.clone()).or_default();
        let at = known.iter().position(|digest| *digest == fingerprint).unwrap_or_else(|| {
            known.push(fingerprint);
            known.len() - 1
        });
        Ok(MappingNo(u32::try_from(at + 1).unwrap_or(u32::MAX)))
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(step.channel().clone()).or_default();
        let (at, from) = (&mut checkpoint.position, step.from());
        if at.fence != from.fence || at.step != from.step && at.fence != Position::UNLEASED {
            return Err(moved_elsewhere(PLACE));
        }
        at.cursor = Some(step.upto().clone());
        at.step += 1;
        checkpoint.read_at = Some(step.read_at());
        if step.tally().read > 0 {
            let read =
                Read { read_at: step.read_at(), tally: step.tally(), parts: step.parts().to_vec() };
            state.reads.insert((step.channel().clone(), step.read_no()), read);
        }
        Ok(())
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        let mut state = self.lock();
        let checkpoint = state.checkpoints.entry(channel.clone()).or_default();
        checkpoint.fault = Some((at, fault.to_string()));
        Ok(())
    }
}

pub(super) fn books(
    state: &Tables,
    channel: Option<&ChannelId>,
    since: Option<Timestamp>,
) -> Vec<BooksRow> {
    let wanted = |other: &ChannelId| channel.is_none_or(|channel| channel == other);
    let mut rows: BTreeMap<ChannelId, (BooksRow, u64)> = BTreeMap::new();
    let mut owed: HashSet<MessageId> = HashSet::new();
    for ((channel, read_no), read) in &state.reads {
        let is_wanted = wanted(channel) && since.is_none_or(|since| read.read_at >= since);
        let ids = read.parts.iter().map(|part| {
            (MessageId { channel: channel.clone(), read_no: *read_no, part: part.part }, part)
        });
        if !is_wanted {
            owed.extend(ids.map(|(id, _)| id));
            continue;
        }
        let (row, unequal) = entry(&mut rows, channel);
        row.read += read.tally.read;
        row.accepted += read.tally.accepted;
        row.skipped += read.tally.skipped;
        row.rejected += read.tally.rejected;
        for (id, part) in ids {
            let events = u64::from(part.events);
            row.published += events;
            match state.receipts.get(&id) {
                None => row.in_flight += events,
                Some(kept) => {
                    let outcomes = kept.outcomes;
                    row.stored += outcomes.stored;
                    row.unchanged += outcomes.unchanged;
                    row.stale += outcomes.stale;
                    row.quarantined += outcomes.quarantined;
                    row.redelivered += (kept.deliveries - 1) * events;
                    let sum = outcomes.stored
                        + outcomes.unchanged
                        + outcomes.stale
                        + outcomes.quarantined;
                    let is_equal =
                        kept.hash == part.hash && kept.events == part.events && sum == events;
                    *unequal += u64::from(!is_equal);
                }
            }
            owed.insert(id);
        }
    }
    for id in state.receipts.keys().filter(|id| wanted(&id.channel) && !owed.contains(id)) {
        entry(&mut rows, &id.channel).0.orphans += 1;
    }
    rows.into_values().map(|(row, unequal)| row.close(unequal)).collect()
}

fn entry<'a>(
    rows: &'a mut BTreeMap<ChannelId, (BooksRow, u64)>,
    channel: &ChannelId,
) -> &'a mut (BooksRow, u64) {
    rows.entry(channel.clone()).or_insert_with(|| (BooksRow::new(channel.clone()), 0))
}
