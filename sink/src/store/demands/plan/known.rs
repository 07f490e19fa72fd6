//! What a store must look up before it can plan, and which keys to look up.

use std::collections::{HashMap, HashSet};

use contract::{Current, DemandId, Digest, Event, Intake, MessageId, Timestamp, Version};

/// What a store must know before it can plan.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of the messages of the intake, those kept before, with their hashes.
    pub(crate) receipts: HashMap<MessageId, Digest>,
    /// Of the things of the intake, those that have a demand.
    pub(crate) demands: HashMap<DemandId, KnownDemand>,
    /// What history holds of those that [`doubtful`] named: (demand, digest).
    pub(crate) history: HashSet<(i64, Digest)>,
}

/// A demand as the store holds it.
#[derive(Debug, Clone)]
pub(crate) struct KnownDemand {
    pub(crate) seq: i64,
    pub(crate) current: Current,
    pub(crate) last_seen_at: Timestamp,
}

/// The demands in an intake, each thing once.
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
/// what is current. Naming one too many costs a look, one too few a row twice.
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
