//! `deliver`, `take` and `ack`: what a bus must promise, and the proof it gives.
//!
//! [`Confirmed`] can be made by [`deliver`] only, so a cursor cannot move past what the bus has not
//! taken:
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

/// Bytes, id and routing on the bus; carries a batch of events of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `channel/read_no/part`; the channel is the routing.
    pub id: MessageId,
    /// Version of the wire form of the body.
    pub wire_version: u32,
    /// Number of events the publisher put in.
    pub events: u32,
    /// A CloudEvents batch.
    pub body: Bytes,
}

impl Message {
    /// What a receipt for this message must carry.
    pub fn hash(&self) -> Digest {
        Digest::of_hash(&Sha256::digest(&self.body).into())
    }
}

/// Takes messages in.
pub trait Publisher: Send + Sync {
    /// Ok only when the broker has taken responsibility for every message.
    ///
    /// # Errors
    /// Any message that was refused, returned or not answered for fails the whole batch.
    fn publish(&self, messages: &[Message]) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether messages would be taken now, as far as one can tell: asked before a source is read,
    /// so that no source is asked again and again for what has nowhere to go.
    ///
    /// # Errors
    /// Why not.
    fn ready(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}

/// Proof that the bus has everything of a read. Only [`deliver`] makes it.
#[derive(Debug)]
#[must_use = "a confirmed read that does not advance is read again"]
pub struct Confirmed {
    channel: ChannelId,
    from: Position,
    upto: Cursor,
    read_no: ReadNo,
    read_at: Timestamp,
    parts: Vec<Part>,
    tally: Tally,
}

impl Confirmed {
    /// The channel that was read.
    pub fn channel(&self) -> &ChannelId {
        &self.channel
    }

    /// Where the read began: `advance` refuses a stretch that does not begin where the last ended.
    pub fn from(&self) -> &Position {
        &self.from
    }

    /// Where the read ended.
    pub fn upto(&self) -> &Cursor {
        &self.upto
    }

    /// The number of the read.
    pub fn read_no(&self) -> ReadNo {
        self.read_no
    }

    /// When the source had answered.
    pub fn read_at(&self) -> Timestamp {
        self.read_at
    }

    /// What the receipts must say, message by message.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The counts of the read.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

/// Publishes everything of an outbox. An empty one is confirmed without publishing.
///
/// # Errors
/// As [`Publisher::publish`]; nothing has moved then, and the batch is read again.
pub async fn deliver(bus: &impl Publisher, outbox: Outbox) -> Result<Confirmed, Fault> {
    if !outbox.messages.is_empty() {
        bus.publish(&outbox.messages).await?;
    }
    let Outbox { channel, from, upto, read_no, read_at, messages: _, parts, tally, shapes: _ } =
        outbox;
    Ok(Confirmed { channel, from, upto, read_no, read_at, parts, tally })
}

/// Gives messages out.
pub trait Consumer: Send {
    /// Waits for one message, then takes what is already here, at most `max`. Cancel-safe: buffers
    /// live in `self`.
    ///
    /// # Errors
    /// The bus is gone; what was taken and not acked comes again.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Intake, Fault>> + Send;

    /// Tells the bus that these messages are kept.
    ///
    /// # Errors
    /// The bus is gone; the messages come again and their receipts are found.
    fn ack(&mut self, kept: Kept) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// One message as the bus gave it, with the mark by which it is acked, and its events.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The bus's own mark.
    pub tag: u64,
    /// The message.
    pub message: Message,
    /// Hash of its body.
    pub hash: Digest,
    /// Its events; what could not be read is among them.
    pub events: Vec<Event>,
}

impl Delivery {
    /// Reads the events of a message. Total: an unreadable event is an event.
    pub fn read(tag: u64, message: Message) -> Self {
        let events = wire::decode(&message.id, message.wire_version, &message.body);
        Self { tag, hash: message.hash(), message, events }
    }

    /// A message that must not be judged: all of it goes to quarantine, for this `reason`, which
    /// never quotes it.
    pub fn unreadable(tag: u64, message: Message, reason: impl Into<String>) -> Self {
        let reason = format!("message {}: {}", message.id, reason.into());
        let events = vec![Event::Unreadable { bytes: message.body.to_vec(), reason }];
        Self { tag, hash: message.hash(), message, events }
    }
}

/// Messages taken and not yet kept, in the order of the bus.
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

    /// Deliveries, where a bus has more to say of a message than the message does.
    pub fn of(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self { deliveries: deliveries.into_iter().collect() }
    }

    /// The deliveries.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }
}
