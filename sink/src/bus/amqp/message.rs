//! A message as AMQP carries it: properties both ways, strictly.
//!
//! What somebody else put into our queue is not ours to judge and not ours to lose. It is named after
//! the channel of its queue, read 0 (no read has that number) and its body's hash, and goes to
//! quarantine whole.

use bytes::Bytes;
use contract::{CONTENT_TYPE, ChannelId, Delivery, Message, MessageId, ReadNo};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use sha2::{Digest, Sha256};

/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;
const WIRE_VERSION: &str = "wire-version";
const EVENTS: &str = "events";

/// The properties of a message of ours.
pub(super) fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(WIRE_VERSION.into(), AMQPValue::LongUInt(message.wire_version));
    headers.insert(EVENTS.into(), AMQPValue::LongUInt(message.events));
    BasicProperties::default()
        .with_message_id(message.id.to_string().into())
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers)
}

/// A message of the queue of `channel`.
pub(super) fn read(
    tag: u64,
    channel: &ChannelId,
    properties: &BasicProperties,
    body: Vec<u8>,
) -> Delivery {
    match ours(properties) {
        Ok(found) if found.id.channel == *channel => {
            Delivery::read(tag, found.with(Bytes::from(body)))
        }
        Ok(found) => {
            let why = format!("it came through the queue of channel {channel}");
            Delivery::unreadable(tag, found.with(Bytes::from(body)), why)
        }
        Err(why) => {
            let why = format!("not published by this program: {why}");
            Delivery::unreadable(tag, foreign(channel.clone(), body), why)
        }
    }
}

/// A message of the dead queue: it may be what kills sinks, so nothing looks inside. `channel_of`
/// names the channel of a queue; a message that tells nothing of where it came from is that of
/// `fallback`.
pub(super) fn read_dead(
    tag: u64,
    properties: &BasicProperties,
    body: Vec<u8>,
    channel_of: impl Fn(&str) -> Option<ChannelId>,
    fallback: &ChannelId,
) -> Delivery {
    let death = Death::of(properties);
    let message = match ours(properties) {
        Ok(found) => found.with(Bytes::from(body)),
        Err(_) => {
            let channel = death.queue.and_then(channel_of).unwrap_or_else(|| fallback.clone());
            foreign(channel, body)
        }
    };
    Delivery::unreadable(tag, message, death.to_string())
}

/// The properties of a message of ours, read back.
#[derive(Debug)]
struct Ours {
    id: MessageId,
    wire_version: u32,
    events: u32,
}

impl Ours {
    fn with(self, body: Bytes) -> Message {
        let Self { id, wire_version, events } = self;
        Message { id, wire_version, events, body }
    }
}

/// What is wrong is said without quoting it: nobody knows what a foreign property holds.
fn ours(properties: &BasicProperties) -> Result<Ours, &'static str> {
    let content_type = properties.content_type().as_ref().map(ShortString::as_str);
    if content_type != Some(CONTENT_TYPE) {
        return Err("another content type, or none");
    }
    let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
    let id = id.ok_or("no message id of the form channel/read_no/part")?;
    let wire_version = number(properties, WIRE_VERSION).ok_or("no wire version")?;
    let events = number(properties, EVENTS).ok_or("no number of events")?;
    Ok(Ours { id, wire_version, events })
}

fn number(properties: &BasicProperties, name: &str) -> Option<u32> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongUInt(number) => Some(*number),
        // Not every tool that moves messages keeps the width of an integer.
        AMQPValue::LongInt(number) => u32::try_from(*number).ok(),
        AMQPValue::LongLongInt(number) => u32::try_from(*number).ok(),
        _ => None,
    }
}

fn foreign(channel: ChannelId, body: Vec<u8>) -> Message {
    let hash = Sha256::digest(&body);
    let part = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let id = MessageId { channel, read_no: ReadNo(0), part };
    Message { id, wire_version: 0, events: 1, body: Bytes::from(body) }
}

/// Why and where a message died, by the header that the broker wrote.
#[derive(Debug, Default)]
struct Death<'a> {
    reason: Option<&'a str>,
    queue: Option<&'a str>,
    deliveries: Option<i64>,
}

impl<'a> Death<'a> {
    fn of(properties: &'a BasicProperties) -> Self {
        let Some(headers) = properties.headers() else { return Self::default() };
        let headers = headers.inner();
        let deliveries = headers.get("x-delivery-count").and_then(integer);
        // The newest death comes first.
        let newest = match headers.get("x-death") {
            Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().first(),
            _ => None,
        };
        let Some(AMQPValue::FieldTable(death)) = newest else {
            return Self { deliveries, ..Self::default() };
        };
        let text = |name: &str| death.inner().get(name).and_then(string);
        Self { reason: text("reason"), queue: text("queue"), deliveries }
    }
}

impl std::fmt::Display for Death<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dead-lettered ({})", self.reason.unwrap_or("the broker does not say why"))?;
        if let Some(queue) = self.queue {
            write!(f, " by queue {queue}")?;
        }
        match self.deliveries {
            Some(count) => write!(f, " after {count} failed deliveries"),
            None => Ok(()),
        }
    }
}

fn string(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

fn integer(value: &AMQPValue) -> Option<i64> {
    match *value {
        AMQPValue::LongLongInt(number) => Some(number),
        AMQPValue::LongInt(number) => Some(number.into()),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortInt(number) => Some(number.into()),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        _ => None,
    }
}
