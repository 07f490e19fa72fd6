//! `deliver`, `take` and `ack`: what a bus must promise, and the proof that it did.
//!
//! Only [`deliver`] makes a [`Confirmed`], so a cursor cannot move past what the bus has not confirmed:
//!
//! ```compile_fail,E0308
//! async fn wrong(checkpoints: &impl contract::Checkpoints, outbox: contract::Outbox) {
//!     checkpoints.advance(&outbox).await; // `advance` accepts nothing but `Confirmed`
//! }
//! ```
//!
//! ```compile_fail,E0308
//! async fn wrong(consumer: &mut impl contract::Consumer, intake: contract::Intake) {
//!     consumer.ack(intake).await; // `ack` accepts nothing but `Kept`
//! }
//! ```

use std::future::Future;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    ChannelId, Cursor, Digest, Event, Fault, Kept, MessageId, Outbox, Part, Position, ReadNo,
    Tally, Timestamp, wire,
};

/// A message on the bus: a batch of events of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `channel/read_no/part`; the channel is the routing key.
    pub id: MessageId,
    /// Version of the wire format of the body.
    pub wire_version: u32,
    /// Number of events in it, as the publisher counted them.
    pub events: u32,
    /// A CloudEvents batch.
    pub body: Bytes,
}

impl Message {
    /// Hash of the body, which the receipt for this message must contain.
    pub fn hash(&self) -> Digest {
        Digest::of_hash(&Sha256::digest(&self.body).into())
    }
}

/// The publishing end of a bus.
pub trait Publisher: Send + Sync {
    /// Publishes messages; returns once the broker has confirmed every one of them.
    ///
    /// # Errors
    /// A message was refused, returned or not confirmed: the whole batch has failed.
    fn publish(&self, messages: &[Message]) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether messages would be accepted now. Checked before a source is read, so that no source is read
    /// again and again while nothing can be published.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}

/// Proof that the bus has confirmed everything of a read. Only [`deliver`] makes it.
#[derive(Debug)]
#[must_use = "a confirmed read that does not advance is read again"]
pub struct Confirmed(Outbox);

impl Confirmed {
    /// The channel that was read.
    pub fn channel(&self) -> &ChannelId {
        &self.0.channel
    }

    /// Where the read began: `advance` refuses a read that does not begin where the last one ended.
    pub fn from(&self) -> &Position {
        &self.0.from
    }

    /// Where the read ended.
    pub fn upto(&self) -> &Cursor {
        &self.0.upto
    }

    /// The number of the read.
    pub fn read_no(&self) -> ReadNo {
        self.0.read_no
    }

    /// When the answer of the source had arrived.
    pub fn read_at(&self) -> Timestamp {
        self.0.read_at
    }

    /// What the receipts must contain, message by message.
    pub fn parts(&self) -> &[Part] {
        &self.0.parts
    }

    /// The counts of the read.
    pub fn tally(&self) -> Tally {
        self.0.tally
    }
}

/// Publishes an outbox. An empty one is confirmed without publishing.
///
/// # Errors
/// As [`Publisher::publish`]; no position has moved then, and the batch is read again.
pub async fn deliver(bus: &impl Publisher, mut outbox: Outbox) -> Result<Confirmed, Fault> {
    if !outbox.messages.is_empty() {
        bus.publish(&outbox.messages).await?;
    }
    // The bus has the messages now: free their memory.
    outbox.messages = Vec::new();
    Ok(Confirmed(outbox))
}

/// The consuming end of a bus.
pub trait Consumer: Send {
    /// Waits for one message, then also takes those that have arrived already, at most `max` in all.
    /// Cancel-safe: buffers are in `self`.
    ///
    /// # Errors
    /// The bus is away; messages that were taken and not acked are redelivered.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Intake, Fault>> + Send;

    /// Acknowledges the messages that are stored.
    ///
    /// # Errors
    /// The bus is away; the messages are redelivered, and their receipts are found then.
    fn ack(&mut self, kept: Kept) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A message as the bus delivered it, with its delivery tag and its events.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The delivery tag, by which it is acked.
    pub tag: u64,
    /// The message.
    pub message: Message,
    /// Hash of its body.
    pub hash: Digest,
    /// Its events, unreadable ones included.
    pub events: Vec<Event>,
}

impl Delivery {
    /// Reads the events of a message. Never fails: an unreadable event is an event too.
    pub fn read(tag: u64, message: Message) -> Self {
        let events = wire::decode(&message.id, message.wire_version, &message.body);
        Self { tag, hash: message.hash(), message, events }
    }

    /// A delivery whose whole message goes to quarantine, for this `reason`, which must not quote it.
    pub fn unreadable(tag: u64, message: Message, reason: impl Into<String>) -> Self {
        let reason = format!("message {}: {}", message.id, reason.into());
        let events = vec![Event::Unreadable { bytes: message.body.to_vec(), reason }];
        Self { tag, hash: message.hash(), message, events }
    }
}

/// Messages that were taken and are not stored yet, in the order of the bus.
#[derive(Debug, Clone)]
#[must_use]
pub struct Intake {
    deliveries: Vec<Delivery>,
}

impl Intake {
    /// Reads the events of the messages.
    pub fn new(messages: impl IntoIterator<Item = (u64, Message)>) -> Self {
        Self::of(messages.into_iter().map(|(tag, message)| Delivery::read(tag, message)))
    }

    /// An intake of deliveries that the bus has read itself.
    pub fn of(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self { deliveries: deliveries.into_iter().collect() }
    }

    /// The deliveries.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }
}
