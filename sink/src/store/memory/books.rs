//! The books of the memory store, read by read.

use std::collections::{BTreeMap, HashSet};

use contract::{ChannelId, MessageId, Timestamp};

use super::State;
use crate::store::BooksRow;

pub(super) fn books(
    state: &State,
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
