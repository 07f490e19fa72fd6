//! What a store must look up before it can plan, and which keys to look up.

use std::collections::{HashMap, HashSet};

use contract::{
    Current, DemandId, Digest, Event, Intake, MessageId, ReadNo, Timestamp, Tracked, Version,
};
use sqlx::Error;

use crate::store::database::row::{Columns, decode};

/// What a store must know before it can plan.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The messages of the intake that were kept before, with their hashes.
    pub(crate) receipts: HashMap<MessageId, Digest>,
    /// The demands of the intake that the store has already.
    pub(crate) demands: HashMap<DemandId, KnownDemand>,
    /// The history of those that [`doubtful`] named: (demand, digest).
    pub(crate) history: HashSet<(i64, Digest)>,
}

/// A demand as the store holds it.
#[derive(Debug, Clone)]
pub(crate) struct KnownDemand {
    pub(crate) seq: i64,
    pub(crate) current: Current,
    pub(crate) last_seen_at: Timestamp,
}

impl KnownDemand {
    /// What the judge must know of a demand, and its id.
    pub(crate) fn read(row: &dyn Columns) -> Result<(DemandId, Self), Error> {
        let tracked = Tracked {
            status: row.text("status")?,
            status_raw: row.text("status_raw")?,
            kind: row.text("kind")?,
            region: row.text("region")?,
            org: row.text("org")?,
            urgency: row.text("urgency")?,
            due_at: row.time("due_at")?.map(|due| due.timestamp_micros()),
            urged: row.int("urged")?.and_then(|urged| u32::try_from(urged).ok()),
        };
        let current = Current { version: row.version()?, digest: row.digest("digest")?, tracked };
        let (seq, last_seen_at) = (row.some_int("seq")?, row.some_time("last_seen_at")?);
        Ok((row.demand_id()?, Self { seq, current, last_seen_at }))
    }
}

/// A message that was kept before, and its hash.
pub(crate) fn receipt(row: &dyn Columns) -> Result<(MessageId, Digest), Error> {
    let part = u32::try_from(row.some_int("part")?).map_err(|error| decode("part", error))?;
    let read_no = ReadNo(row.count("read_no")?);
    let message = MessageId { channel: row.channel()?, read_no, part };
    Ok((message, row.digest("hash")?))
}

/// A state in history: (demand, digest).
pub(crate) fn past(row: &dyn Columns) -> Result<(i64, Digest), Error> {
    Ok((row.some_int("demand")?, row.digest("digest")?))
}

/// The keys of the demands in an intake, each once.
pub(crate) fn things(intake: &Intake) -> HashMap<DemandId, (&str, &str)> {
    let mut things = HashMap::new();
    for delivery in intake.deliveries() {
        let channel = &delivery.message.id.channel;
        for event in &delivery.events {
            let (id, key) = match event {
                Event::Demand(demand) => (demand.id, Some(&demand.source_key)),
                Event::Reject(reject) => (reject.id, reject.source_key.as_ref()),
                Event::Unreadable { .. } => continue,
            };
            if let Some(key) = key {
                things.insert(id, (channel.as_str(), key.as_str()));
            }
        }
    }
    things
}

/// The demands whose history has to be known: something of them may arrive that is older than
/// what is current. One too many costs a lookup, one too few a duplicate row.
pub(crate) fn doubtful(intake: &Intake, known: &HashMap<DemandId, KnownDemand>) -> Vec<i64> {
    let mut newest: HashMap<DemandId, Version> = HashMap::new();
    let mut doubtful = HashSet::new();
    let events = intake.deliveries().iter().flat_map(|delivery| &delivery.events);
    for demand in events.filter_map(|event| match event {
        Event::Demand(demand) => Some(demand),
        Event::Reject(_) | Event::Unreadable { .. } => None,
    }) {
        let Some(held) = known.get(&demand.id) else { continue };
        let newest = newest.entry(demand.id).or_insert(held.current.version);
        if demand.version > *newest {
            *newest = demand.version;
        } else {
            doubtful.insert(held.seq);
        }
    }
    doubtful.into_iter().collect()
}
