//! The parts that a loop awaits, with what the seed decides around each verb, and notes of what they say they did.

use std::{ops::Range, sync::Arc};

use contract::{
    ChannelId, Checkpoints, Confirmed, Consumer, Delivery, Digest, Fault, Intake, Kept, MappingNo,
    Message, Outcomes, Position, Publisher, SealedBytes, Store, Timestamp,
};
use rand::seq::SliceRandom as _;

use super::{
    fate::{Await, Disorder, Harm},
    world::{Actor, World},
};

/// A delivery tag that no bus gives.
const NO_TAG: u64 = u64::MAX;
/// How many of the last messages may be delivered again.
const MAX_DELIVERED: usize = 20;

pub(crate) struct Faulty<T> {
    pub(crate) inner: T,
    pub(crate) world: Arc<World>,
    pub(crate) actor: Actor,
    /// Deliveries that are late; they are not acked yet.
    pub(crate) late: Vec<Delivery>,
}

impl<T> Faulty<T> {
    pub(crate) fn new(inner: T, world: &Arc<World>, actor: Actor) -> Self {
        Self { inner, world: Arc::clone(world), actor, late: Vec::new() }
    }
}

impl<T: Publisher> Publisher for Faulty<T> {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        let plan = self.world.plan(&self.actor, Await::Deliver);
        let is_partly = matches!(plan.harm, Some((_, Harm::Partly)));
        let sent = if is_partly { &messages[..1] } else { messages };
        self.world.run(&self.actor, plan, self.inner.publish(sent)).await
    }
}

impl<T: Checkpoints> Checkpoints for Faulty<T> {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let work = async {
            let position = self.inner.load(channel, fence).await?;
            self.world.notes().loaded(fence);
            Ok(position)
        };
        self.world.around(&self.actor, Await::Load, work).await
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let work = async {
            let numbers = self.inner.reserve(channel, fence, n).await?;
            self.world.notes().reserved(fence, &numbers);
            Ok(numbers)
        };
        self.world.around(&self.actor, Await::Reserve, work).await
    }

    async fn mapping(&self, channel: &ChannelId, print: Digest) -> Result<MappingNo, Fault> {
        self.inner.mapping(channel, print).await
    }

    async fn advance(&self, read: &Confirmed) -> Result<(), Fault> {
        let work = async {
            self.inner.advance(read).await?;
            self.world.notes().advanced(read);
            Ok(())
        };
        self.world.around(&self.actor, Await::Advance, work).await
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        self.inner.note(channel, fault, at).await
    }

    async fn keep_exchange(
        &self,
        channel: &ChannelId,
        exchange: &SealedBytes,
        at: Timestamp,
    ) -> Result<(), Fault> {
        let work = self.inner.keep_exchange(channel, exchange, at);
        self.world.around(&self.actor, Await::KeepExchange, work).await
    }
}

impl<T: Store> Store for Faulty<T> {
    async fn store(&self, intake: &Intake) -> Result<Outcomes, Fault> {
        let work = async {
            let outcomes = self.inner.store(intake).await?;
            self.world.notes().kept(intake);
            Ok(outcomes)
        };
        self.world.around(&self.actor, Await::Keep, work).await
    }
}

impl<T: Consumer> Consumer for Faulty<T> {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        let Self { inner, world, actor, late } = self;
        let plan = world.plan(actor, Await::Take);
        let now = world.now();
        let disorder = world.fate().disorder(now);
        let work = async {
            if late.is_empty() {
                return inner.take(max).await;
            }
            // They come when nothing else does.
            tokio::select! { biased;
                intake = inner.take(max) => intake,
                () = world.pause(actor, 3) => Ok(Intake::of(std::mem::take(late))),
            }
        };
        let intake = world.run(actor, plan, work).await?;
        Ok(match disorder {
            Some(disorder) => disorder.apply(world, &intake, late),
            None => world.delivers(intake),
        })
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        self.world.around(&self.actor, Await::Ack, self.inner.ack(kept)).await
    }
}

impl Disorder {
    fn apply(self, world: &World, intake: &Intake, late: &mut Vec<Delivery>) -> Intake {
        let mut deliveries = intake.deliveries().to_vec();
        match self {
            Self::Shuffled(mut dice) => deliveries.shuffle(&mut *dice),
            Self::Late(n) => {
                let n = n.min(deliveries.len().saturating_sub(1));
                let held: Vec<_> = deliveries.drain(..n).collect();
                // The embedded bus gives again by itself whatever is not acked.
                if world.broker.is_some() {
                    late.extend(held);
                }
            }
            Self::Again(back) => {
                let message = world.delivered.lock().unwrap().iter().rev().nth(back).cloned();
                deliveries.extend(message.map(|message| Delivery::read(NO_TAG, message)));
            }
        }
        world.delivers(Intake::of(deliveries))
    }
}

impl World {
    /// Remembers the messages, which may be delivered again.
    fn delivers(&self, intake: Intake) -> Intake {
        let mut delivered = self.delivered.lock().unwrap();
        delivered.extend(intake.deliveries().iter().map(|delivery| delivery.message.clone()));
        let n_old = delivered.len().saturating_sub(MAX_DELIVERED);
        delivered.drain(..n_old);
        intake
    }
}
