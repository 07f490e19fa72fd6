//! The parts in memory, with the planted bug.

use std::{ops::Range, sync::Arc};

use contract::{
    Batch, Channel, ChannelId, Checkpoints, Confirmed, Consumer, Digest, Fault, Intake, Kept,
    MappingNo, Message, Outcomes, Position, Publisher, Store, Timestamp, deliver, keep, pack,
};
use sink::store::Memory as MemoryStore;

use super::{
    bugs::Bug,
    connector::SimulatedMapping,
    world::{World, hotline},
};

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
                planter.unpublished.extend_from_slice(messages);
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
