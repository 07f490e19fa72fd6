//! Bugs that are planted between the loops and the parts in memory. The simulation must find each of them.

use std::{collections::HashSet, ops::Range};

use contract::{
    Batch, Delivery, Entry, Event, Fault, Intake, MappingNo, Message, MessageId, Publisher as _,
    ReadNo, RecordKey, Version,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sink::store::Memory as MemoryStore;

use super::world::World;

/// A planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    PublishesNothing,
    PublishesAllButTheLast,
    AdvancesBeforeItDelivers,
    AdvancesWithoutBooks,
    IgnoresTheFence,
    ReusesAReadNumber,
    AcksBeforeItKeeps,
    DropsARedelivery,
    KeepsRowsWithoutAReceipt,
    CountsALossAsQuarantined,
    CountsALossAsKept,
    CountsARedeliveryTwice,
    LeavesTheVersionOfTheUnchanged,
    StoresTheStaleOverTheNewer,
    SettlesBeforeItAdvances,
    ForgetsToSettle,
    DropsAReject,
    GivesARepeatedRecordANewId,
    MovesPastWhatItLeavesOut,
}

/// All of them, how likely each does harm where it can, and a part of the text by which it is noticed. The memory store
/// writes nothing off, so a lost message whose receipt says that it was kept stands for a write-off that counts as stored.
pub(crate) const BUGS: &[(Bug, f64, &str)] = &[
    (Bug::PublishesNothing, 0.05, "in flight:"),
    (Bug::PublishesAllButTheLast, 1.0, "in flight:"),
    (Bug::AdvancesBeforeItDelivers, 1.0, "in flight:"),
    (Bug::AdvancesWithoutBooks, 0.05, "read:"),
    (Bug::IgnoresTheFence, 1.0, "loads after"),
    (Bug::ReusesAReadNumber, 0.5, "was reserved before"),
    (Bug::AcksBeforeItKeeps, 1.0, "in flight:"),
    (Bug::DropsARedelivery, 1.0, "in flight:"),
    (Bug::KeepsRowsWithoutAReceipt, 0.02, "in flight:"),
    (Bug::CountsALossAsQuarantined, 0.02, "quarantined:"),
    (Bug::CountsALossAsKept, 0.02, "was kept"),
    (Bug::CountsARedeliveryTwice, 1.0, "redelivered:"),
    (Bug::LeavesTheVersionOfTheUnchanged, 1.0, "was kept"),
    (Bug::StoresTheStaleOverTheNewer, 1.0, "MappingNo(2)"),
    (Bug::SettlesBeforeItAdvances, 0.05, "settled too early"),
    (Bug::ForgetsToSettle, 0.5, "does not know the last"),
    (Bug::DropsAReject, 0.1, "false in quarantine"),
    (Bug::GivesARepeatedRecordANewId, 0.02, "invented"),
    (Bug::MovesPastWhatItLeavesOut, 0.05, "false in quarantine"),
];

/// Decides where the bug does harm, and knows what it needs for that.
pub(crate) struct Planter {
    pub(super) bug: Option<Bug>,
    dice: ChaCha8Rng,
    keys: HashSet<RecordKey>,
    taken: HashSet<MessageId>,
    pub(super) kept: HashSet<MessageId>,
    /// Messages that were confirmed and are not published yet.
    pub(super) unpublished: Vec<Message>,
    pub(super) numbers: Option<Range<u64>>,
    pub(super) fence: u64,
}

impl Planter {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        Self {
            bug,
            dice: ChaCha8Rng::seed_from_u64(seed ^ 0xb06),
            keys: HashSet::new(),
            taken: HashSet::new(),
            kept: HashSet::new(),
            unpublished: Vec::new(),
            numbers: None,
            fence: 0,
        }
    }

    pub(super) fn has(&mut self, bug: Bug) -> bool {
        let chance = BUGS.iter().find(|(listed, ..)| *listed == bug).unwrap().1;
        self.bug == Some(bug) && self.dice.random_bool(chance)
    }

    /// What a crash of the process takes away.
    pub(crate) fn forget(&mut self) {
        self.unpublished.clear();
    }
}

impl Planter {
    /// The deliveries that the bug drops, and the others.
    pub(super) fn divide(&mut self, intake: Intake) -> (Vec<Delivery>, Vec<Delivery>) {
        let deliveries = intake.deliveries().iter().cloned();
        deliveries.partition(|delivery| {
            let id = &delivery.message.id;
            let is_dead = !self.taken.insert(id.clone()) && !self.kept.contains(id);
            is_dead && self.has(Bug::DropsARedelivery)
        })
    }
}

impl Planter {
    pub(super) fn spoil(&mut self, store: &MemoryStore, delivery: &mut Delivery) {
        let id = &mut delivery.message.id;
        if self.has(Bug::KeepsRowsWithoutAReceipt) {
            *id = MessageId { read_no: ReadNo(id.read_no.0 + (1 << 40)), ..id.clone() };
        }
        if self.kept.contains(id) && self.has(Bug::CountsARedeliveryTwice) {
            *id = MessageId { part: id.part + 1000, ..id.clone() };
        }
        if self.has(Bug::CountsALossAsQuarantined) {
            delivery.events.clear();
        }
        let known = if self.has(Bug::CountsALossAsKept) { store.demands().pop() } else { None };
        for event in &mut delivery.events {
            let Event::Demand(demand) = event else { continue };
            if let Some(known) = &known {
                **demand = known.clone();
            }
            let Some(stored) = store.current(&demand.channel, &demand.source_key) else { continue };
            let (is_newer, is_equal) =
                (demand.version > stored.version, demand.digest == stored.digest);
            if is_newer && is_equal && self.has(Bug::LeavesTheVersionOfTheUnchanged) {
                demand.version = stored.version;
            }
            if !is_newer && !is_equal && self.has(Bug::StoresTheStaleOverTheNewer) {
                // A version that no other state has.
                let mapping = MappingNo(stored.version.mapping.0 + 1);
                demand.version = Version { mapping, ..stored.version };
            }
        }
    }
}

impl World {
    /// What the bug makes of a batch.
    pub(crate) fn spoil_batch(&self, batch: &mut Batch) -> Result<(), Fault> {
        let mut planter = self.planter();
        if planter.has(Bug::SettlesBeforeItAdvances) {
            self.settle(&batch.upto)?;
        }
        let is_reject = |entry: &Entry| matches!(entry, Entry::Unreadable { .. });
        batch.entries.retain(|entry| !is_reject(entry) || !planter.has(Bug::DropsAReject));
        if planter.has(Bug::MovesPastWhatItLeavesOut) {
            batch.entries.pop();
        }
        for entry in &mut batch.entries {
            let Entry::Record(record) = entry else { continue };
            let is_repeated = !planter.keys.insert(record.key.clone());
            if is_repeated && planter.has(Bug::GivesARepeatedRecordANewId) {
                record.key = RecordKey::new(format!("{}-2", record.key));
            }
        }
        Ok(())
    }

    /// Publishes what was confirmed before it was published.
    pub(crate) async fn publish_late(&self) -> Result<(), Fault> {
        let unpublished = std::mem::take(&mut self.planter().unpublished);
        match &self.broker {
            Some(broker) => broker.publish(&unpublished).await,
            None => Ok(()),
        }
    }

    pub(crate) fn forgets_to_settle(&self) -> bool {
        self.planter().has(Bug::ForgetsToSettle)
    }
}
