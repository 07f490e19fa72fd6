//! A broker in memory, for tests.
//!
//! Like a real broker, it survives a crash of both loops, confirms a message without waiting for a sink,
//! and delivers unacked messages again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::Notify;

/// A broker with one queue, and a publisher to it. Clones are handles to the same queue.
#[derive(Debug, Clone)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Maximum size of all unacked messages, in bytes.
    capacity: usize,
    queue: Mutex<Queue>,
    /// Wakes consumers.
    arrived: Notify,
}

#[derive(Debug)]
struct Queue {
    /// Messages to deliver, by position in the queue. A message that is returned keeps its position.
    ready: BTreeMap<u64, Message>,
    next_position: u64,
    /// Size of all unacked messages, delivered or not.
    bytes: usize,
    /// Number of messages that were delivered and not acked.
    n_delivered: usize,
    /// Chooses the next message at random; `None` delivers messages in order.
    shuffle: Option<StdRng>,
}

impl MemoryBroker {
    /// A queue that delivers messages in order, and refuses messages that would exceed `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self::build(capacity, None)
    }

    /// Like [`MemoryBroker::new`], but delivers messages in a random order, which `seed` determines.
    pub fn shuffled(capacity: usize, seed: u64) -> Self {
        Self::build(capacity, Some(StdRng::seed_from_u64(seed)))
    }

    fn build(capacity: usize, shuffle: Option<StdRng>) -> Self {
        let queue =
            Queue { ready: BTreeMap::new(), next_position: 0, bytes: 0, n_delivered: 0, shuffle };
        let shared = Shared { capacity, queue: Mutex::new(queue), arrived: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// A publisher on this queue.
    pub fn publisher(&self) -> Self {
        self.clone()
    }

    /// A consumer on this queue. Several consumers share the messages.
    pub fn consumer(&self) -> BrokerConsumer {
        BrokerConsumer { shared: Arc::clone(&self.shared), unacked: BTreeMap::new() }
    }

    /// The number of unacked messages, delivered or not.
    pub fn in_flight(&self) -> usize {
        let queue = self.shared.lock();
        queue.ready.len() + queue.n_delivered
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publisher for MemoryBroker {
    /// If a message is refused, those before it stay in the queue, as with a real broker.
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        for message in messages {
            let mut queue = self.shared.lock();
            if queue.bytes + message.body.len() > self.shared.capacity {
                return Err(Fault::transient("the queue is full")
                    .at(format!("memory broker, message {}", message.id)));
            }
            let position = queue.next_position;
            queue.next_position += 1;
            queue.bytes += message.body.len();
            queue.ready.insert(position, message.clone());
            drop(queue);
            self.shared.arrived.notify_one();
        }
        Ok(())
    }
}

/// A consumer for the sink. Dropping it returns unacked messages to the queue, each to its position.
#[derive(Debug)]
pub struct BrokerConsumer {
    shared: Arc<Shared>,
    unacked: BTreeMap<u64, Message>,
}

impl Consumer for BrokerConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        loop {
            let taken = self.take_ready(max.max(1));
            if !taken.is_empty() {
                return Ok(Intake::new(taken));
            }
            // `Notify` remembers a notification, so a message that arrived in between is not missed.
            self.shared.arrived.notified().await;
        }
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let mut queue = self.shared.lock();
        for message in kept.tags().iter().filter_map(|tag| self.unacked.remove(tag)) {
            queue.bytes -= message.body.len();
            queue.n_delivered -= 1;
        }
        Ok(())
    }
}

impl BrokerConsumer {
    fn take_ready(&mut self, max: usize) -> Vec<(u64, Message)> {
        let mut queue = self.shared.lock();
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some((position, message)) = queue.pop()
        {
            queue.n_delivered += 1;
            self.unacked.insert(position, message.clone());
            taken.push((position, message));
        }
        if !queue.ready.is_empty() {
            // There are more messages: wake the next consumer.
            self.shared.arrived.notify_one();
        }
        taken
    }
}

impl Drop for BrokerConsumer {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.n_delivered -= self.unacked.len();
        queue.ready.append(&mut self.unacked);
        drop(queue);
        self.shared.arrived.notify_one();
    }
}

impl Queue {
    fn pop(&mut self) -> Option<(u64, Message)> {
        let Some(shuffle) = &mut self.shuffle else {
            return self.ready.pop_first();
        };
        if self.ready.is_empty() {
            return None;
        }
        let chosen = shuffle.random_range(0..self.ready.len());
        let position = *self.ready.keys().nth(chosen)?;
        self.ready.remove_entry(&position)
    }
}
