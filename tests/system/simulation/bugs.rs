//! Bugs that are planted between the loops and the parts in memory. The simulation must find each of them.

use std::{collections::HashSet, ops::Range, sync::Arc};

use contract::{
    Batch, Channel, ChannelId, Checkpoints, Confirmed, Consumer, Delivery, Digest, Entry, Event,
    Fault, Intake, Kept, MappingNo, Message, MessageId, Outcomes, Position, Publisher, ReadNo,
    RecordKey, Store, Timestamp, Version, deliver, keep, pack,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use sink::store::Memory as MemoryStore;

use super::{
    connector::SimulatedMapping,
    world::{World, hotline},
};

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
    DropsADeadLetter,
    KeepsRowsWithoutAReceipt,
    KeepsAReceiptWithoutRows,
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

/// All of them, and how likely each does harm where it can. The memory store writes nothing off, so a lost message
/// whose receipt says that it was kept stands for a write-off that counts as stored.
pub(crate) const BUGS: &[(Bug, f64)] = &[
    (Bug::PublishesNothing, 0.05),
    (Bug::PublishesAllButTheLast, 1.0),
    (Bug::AdvancesBeforeItDelivers, 1.0),
    (Bug::AdvancesWithoutBooks, 0.05),
    (Bug::IgnoresTheFence, 1.0),
    (Bug::ReusesAReadNumber, 0.5),
    (Bug::AcksBeforeItKeeps, 1.0),
    (Bug::DropsADeadLetter, 1.0),
    (Bug::KeepsRowsWithoutAReceipt, 0.02),
    (Bug::KeepsAReceiptWithoutRows, 0.02),
    (Bug::CountsALossAsKept, 0.02),
    (Bug::CountsARedeliveryTwice, 1.0),
    (Bug::LeavesTheVersionOfTheUnchanged, 1.0),
    (Bug::StoresTheStaleOverTheNewer, 1.0),
    (Bug::SettlesBeforeItAdvances, 0.05),
    (Bug::ForgetsToSettle, 0.5),
    (Bug::DropsAReject, 0.1),
    (Bug::GivesARepeatedRecordANewId, 0.02),
    (Bug::MovesPastWhatItLeavesOut, 0.05),
];

/// Decides where the bug does harm, and knows what it needs for that.
pub(crate) struct Planter {
    bug: Option<Bug>,
    dice: ChaCha8Rng,
    keys: HashSet<RecordKey>,
    taken: HashSet<MessageId>,
    kept: HashSet<MessageId>,
    /// Messages that were confirmed and are not published yet.
    unpublished: Vec<Message>,
    numbers: Option<Range<u64>>,
    fence: u64,
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

    fn has(&mut self, bug: Bug) -> bool {
        let chance = BUGS.iter().find(|(listed, _)| *listed == bug).unwrap().1;
        self.bug == Some(bug) && self.dice.random_bool(chance)
    }

    /// What a crash of the process takes away.
    pub(crate) fn forget(&mut self) {
        self.unpublished.clear();
    }
}

/// A part with the bug.
pub(crate) struct Planted<T> {
    pub(crate) inner: T,
    pub(crate) world: Arc<World>,
}

impl<T: Publisher> Publisher for Planted<T> {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let mut sent = messages;
        {
            let mut planter = self.world.planter();
            if planter.has(Bug::PublishesNothing) {
                return Ok(());
            }
            if planter.has(Bug::PublishesAllButTheLast) && messages.len() > 1 {
                sent = &messages[..messages.len() - 1];
            }
            if planter.has(Bug::AdvancesBeforeItDelivers) && self.world.broker.is_some() {
                planter.unpublished = messages.to_vec();
                return Ok(());
            }
        }
        self.inner.publish(sent).await
    }
}

impl Checkpoints for Planted<Arc<MemoryStore>> {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let fence = self.fence(fence);
        self.inner.load(channel, fence).await
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let fence = self.fence(fence);
        let numbers = self.inner.reserve(channel, fence, n).await?;
        let mut planter = self.world.planter();
        let first = planter.numbers.get_or_insert(numbers.clone()).clone();
        Ok(if planter.has(Bug::ReusesAReadNumber) { first } else { numbers })
    }

    async fn mapping(&self, channel: &ChannelId, print: Digest) -> Result<MappingNo, Fault> {
        self.inner.mapping(channel, print).await
    }

    async fn advance(&self, read: &Confirmed) -> Result<(), Fault> {
        let has_no_books = self.world.planter().has(Bug::AdvancesWithoutBooks);
        if has_no_books {
            return self.inner.advance(&without_entries(read).await?).await;
        }
        self.inner.advance(read).await
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        self.inner.note(channel, fault, at).await
    }
}

impl<T> Planted<T> {
    fn fence(&self, fence: u64) -> u64 {
        let mut planter = self.world.planter();
        planter.fence = planter.fence.max(fence);
        if planter.has(Bug::IgnoresTheFence) { planter.fence } else { fence }
    }
}

/// A read that moves the position and has nothing for the books.
async fn without_entries(read: &Confirmed) -> Result<Confirmed, Fault> {
    let normalizer = Arc::new(SimulatedMapping);
    let channel = Channel { id: hotline(), mapping: MappingNo(1), normalizer };
    let (upto, trouble) = (read.upto().clone(), Vec::new());
    let batch = Batch { entries: Vec::new(), upto, end: None, trouble };
    let outbox = pack(&channel, read.from().clone(), read.read_no(), batch, read.read_at());
    deliver(&Nowhere, outbox).await
}

/// Says that it did what it did not.
struct Nowhere;

impl Publisher for Nowhere {
    async fn publish(&self, _: &[Message]) -> Result<(), Fault> {
        Ok(())
    }
}

impl Store for Nowhere {
    async fn store(&self, _: &Intake) -> Result<Outcomes, Fault> {
        Ok(Outcomes::default())
    }
}

impl<T: Consumer> Consumer for Planted<T> {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        loop {
            let intake = self.inner.take(max).await?;
            if self.world.planter().bug.is_none() {
                return Ok(intake);
            }
            if self.world.planter().has(Bug::AcksBeforeItKeeps) {
                let kept = keep(&Nowhere, intake.clone()).await?;
                self.inner.ack(kept).await?;
                return Ok(intake);
            }
            let (dead, alive) = self.world.planter().divide(intake);
            if !dead.is_empty() {
                let kept = keep(&Nowhere, Intake::of(dead)).await?;
                self.inner.ack(kept).await?;
            }
            if !alive.is_empty() {
                return Ok(Intake::of(alive));
            }
        }
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        self.inner.ack(kept).await
    }
}

impl Planter {
    /// The deliveries that the bug drops, and the others.
    fn divide(&mut self, intake: Intake) -> (Vec<Delivery>, Vec<Delivery>) {
        let deliveries = intake.deliveries().iter().cloned();
        deliveries.partition(|delivery| {
            let id = &delivery.message.id;
            let is_dead = !self.taken.insert(id.clone()) && !self.kept.contains(id);
            is_dead && self.has(Bug::DropsADeadLetter)
        })
    }
}

impl Store for Planted<Arc<MemoryStore>> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        if self.world.planter().bug.is_none() {
            return self.inner.store(intake).await;
        }
        let mut deliveries = intake.deliveries().to_vec();
        {
            let mut planter = self.world.planter();
            for delivery in &mut deliveries {
                planter.spoil(&self.inner, delivery);
            }
            planter.kept.extend(intake.deliveries().iter().map(|one| one.message.id.clone()));
        }
        self.inner.store(&Intake::of(deliveries)).await
    }
}

impl Planter {
    fn spoil(&mut self, store: &MemoryStore, delivery: &mut Delivery) {
        let id = &mut delivery.message.id;
        if self.has(Bug::KeepsRowsWithoutAReceipt) {
            *id = MessageId { read_no: ReadNo(id.read_no.0 + (1 << 40)), ..id.clone() };
        }
        if self.kept.contains(id) && self.has(Bug::CountsARedeliveryTwice) {
            *id = MessageId { part: id.part + 1000, ..id.clone() };
        }
        if self.has(Bug::KeepsAReceiptWithoutRows) {
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
                let read_no = ReadNo(stored.version.read_no.0 + 1);
                demand.version = Version { read_no, ..stored.version };
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
