//! The bus carries messages from ingest to sink: what it must promise, and the proof that it has confirmed
//! a batch.
//!
//! Only [`deliver`] makes a [`Confirmed`], so the stored position cannot move past records that the bus has
//! not confirmed. Only [`keep`](crate::keep) makes a [`Kept`], so no message is acked before it is stored:
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

use std::{future::Future, ops::Deref};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::{
    ChannelId, Cursor, Digest, Event, Fault, Kept, MessageId, Outbox, Part, PassEnd, Position,
    ReadNo, Tally, Timestamp, wire,
};

/// A message on the bus: a batch of events of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, `channel/read_no/part`. The channel decides to which queue it goes.
    pub id: MessageId,
    /// Version of the wire format of the body.
    pub wire_version: u32,
    /// Number of events in the body, as counted by the publisher.
    pub events: u32,
    /// The events: a CloudEvents batch in JSON.
    pub body: MessageBody,
}

impl Message {
    /// A message that no read has published, or that does not prove it. It gets the read number 0, which no read
    /// has, so its receipt never stands for a message of ours; the part is from a hash of its body.
    pub fn foreign(channel: ChannelId, body: MessageBody) -> Self {
        let [a, b, c, d, ..] = body.sha256;
        let part = u32::from_be_bytes([a, b, c, d]);
        let id = MessageId { channel, read_no: ReadNo(0), part };
        Self { id, wire_version: 0, events: 1, body }
    }

    /// Whether no read has published it, as far as it proves.
    pub fn is_foreign(&self) -> bool {
        self.id.read_no == ReadNo(0)
    }

    /// Hash of the body. The receipt that the sink writes for this message contains it too.
    pub fn hash(&self) -> Digest {
        Digest::of_hash(&self.body.sha256)
    }
}

/// The bytes of a message, hashed once: its receipt and the proof of its sender need the same hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageBody {
    bytes: Bytes,
    sha256: [u8; 32],
}

impl MessageBody {
    /// Hash of the bytes.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl From<Bytes> for MessageBody {
    fn from(bytes: Bytes) -> Self {
        Self { sha256: Sha256::digest(&bytes).into(), bytes }
    }
}

impl Deref for MessageBody {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

/// The publishing end of a bus.
pub trait Publisher: Send + Sync {
    /// Publishes messages; returns once the broker has confirmed every one of them.
    ///
    /// # Errors
    /// A message was refused, returned or not confirmed: the whole batch has failed.
    fn publish(&self, messages: &[Message]) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Checks that the bus accepts messages now. The gateway calls this before it starts to read a
    /// channel, so that it does not read a source again and again while it cannot publish.
    ///
    /// # Errors
    /// The bus does not accept messages; the fault says why.
    fn ready(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        async { Ok(()) }
    }
}

/// Proof that the bus has confirmed all messages of a read. Only [`deliver`] makes it.
#[derive(Debug)]
#[must_use = "a confirmed read that does not advance is read again"]
pub struct Confirmed(Outbox);

impl Confirmed {
    /// The channel that was read.
    pub fn channel(&self) -> &ChannelId {
        &self.0.channel
    }

    /// The position at which the read began. `advance` fails if the stored position is another one.
    pub fn from(&self) -> &Position {
        &self.0.from
    }

    /// The position at which the read ended.
    pub fn upto(&self) -> &Cursor {
        &self.0.upto
    }

    /// The number of the read.
    pub fn read_no(&self) -> ReadNo {
        self.0.read_no
    }

    /// When the source's answer arrived.
    pub fn read_at(&self) -> Timestamp {
        self.0.read_at
    }

    /// What the books record about each message.
    pub fn parts(&self) -> &[Part] {
        &self.0.parts
    }

    /// The account of the pass, if this read was its last.
    pub fn end(&self) -> Option<&PassEnd> {
        self.0.end.as_ref()
    }

    /// The counts of the read.
    pub fn tally(&self) -> Tally {
        self.0.tally
    }
}

/// Publishes the messages of a batch. A batch without messages counts as confirmed.
///
/// # Errors
/// Like [`Publisher::publish`]. The position does not move, so the batch is read again.
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
    /// Waits for a message, then takes it and the others that have arrived, at most `max` in total.
    /// Cancel-safe: dropping the future loses no message.
    ///
    /// # Errors
    /// The bus cannot be reached. It delivers messages that were taken and not acked again.
    fn take(&mut self, max: usize) -> impl Future<Output = Result<Intake, Fault>> + Send;

    /// Acknowledges the messages that are stored.
    ///
    /// # Errors
    /// The bus cannot be reached. It delivers the messages again; their receipts then show that they are
    /// stored.
    fn ack(&mut self, kept: Kept) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A message as the bus delivered it, with its delivery tag and its events.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The number that the consumer gave this delivery. `ack` uses it.
    pub tag: u64,
    /// The message.
    pub message: Message,
    /// Hash of its body.
    pub hash: Digest,
    /// Its events. What cannot be read is an [`Event::Unreadable`].
    pub events: Vec<Event>,
    /// The message that it says it is, without proving it.
    claim: Option<Message>,
}

impl Delivery {
    /// Reads the events of a message. Never fails: what cannot be read becomes [`Event::Unreadable`].
    pub fn read(tag: u64, message: Message) -> Self {
        let events = wire::decode(&message.id, message.wire_version, &message.body);
        Self { tag, hash: message.hash(), message, events, claim: None }
    }

    /// A delivery whose message goes to quarantine as a whole, for this `reason`. The reason must not
    /// quote the message.
    pub fn unreadable(tag: u64, message: Message, reason: impl Into<String>) -> Self {
        let reason = format!("message {}: {}", message.id, reason.into());
        let events = vec![Event::Unreadable { bytes: message.body.to_vec(), reason }];
        Self { tag, hash: message.hash(), message, events, claim: None }
    }

    /// A delivery whose message does not prove, for this `reason`, that it is the message `claim`. It goes to
    /// quarantine as a [foreign](Message::foreign) one, unless the store [believes](Intake::believing) it.
    pub fn unproven(tag: u64, claim: Message, reason: impl Into<String>) -> Self {
        let foreign = Message::foreign(claim.id.channel.clone(), claim.body.clone());
        Self { claim: Some(claim), ..Self::unreadable(tag, foreign, reason) }
    }
}

/// Messages that were taken together and are not stored yet, in the order of delivery.
#[derive(Debug, Clone)]
#[must_use]
pub struct Intake {
    deliveries: Vec<Delivery>,
}

impl Intake {
    /// Reads the events of these messages, given with their delivery tags.
    pub fn new(messages: impl IntoIterator<Item = (u64, Message)>) -> Self {
        Self::of(messages.into_iter().map(|(tag, message)| Delivery::read(tag, message)))
    }

    /// An intake of these deliveries.
    pub fn of(deliveries: impl IntoIterator<Item = Delivery>) -> Self {
        Self { deliveries: deliveries.into_iter().collect() }
    }

    /// The deliveries.
    pub fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// What the deliveries without proof say they are.
    pub fn claims(&self) -> impl Iterator<Item = &Message> {
        self.deliveries.iter().filter_map(|delivery| delivery.claim.as_ref())
    }

    /// This intake, in which claims are believed that are in the books: with the same id, number of events and hash.
    /// Only ingest writes the books, so it has published these messages, before it had a key to prove that.
    pub fn believing(&self, is_in_books: impl Fn(&MessageId, &Part) -> bool) -> Self {
        Self::of(self.deliveries.iter().map(|delivery| {
            let believed = delivery.claim.as_ref().filter(|Message { id, events, .. }| {
                is_in_books(id, &Part { part: id.part, events: *events, hash: delivery.hash })
            });
            match believed {
                Some(message) => Delivery::read(delivery.tag, message.clone()),
                None => delivery.clone(),
            }
        }))
    }
}
