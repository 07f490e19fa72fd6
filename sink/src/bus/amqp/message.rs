//! Converts our messages to AMQP messages and back.
//!
//! A message that another program put into our queue goes to quarantine as a whole. It gets an id from the
//! channel of the queue, the read number 0, which no read has, and a hash of its body.

use bytes::Bytes;
use contract::{CONTENT_TYPE, ChannelId, Delivery, Message, MessageId, ReadNo};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};
use sha2::{Digest, Sha256};

/// The delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;
/// The header with the version of the wire format.
const WIRE_VERSION: &str = "wire-version";
/// The header with the number of events.
const EVENTS: &str = "events";

/// The AMQP properties of a message.
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

/// Reads a message from the queue of `channel`. `tag` becomes the tag of the delivery.
pub(super) fn read(
    tag: u64,
    channel: &ChannelId,
    properties: &BasicProperties,
    body: Vec<u8>,
) -> Delivery {
    match parse(properties) {
        Ok(message) => {
            let message = Message { body: Bytes::from(body), ..message };
            if message.id.channel == *channel {
                return Delivery::read(tag, message);
            }
            let why = format!("it came through the queue of another channel, {channel}");
            Delivery::unreadable(tag, message, why)
        }
        Err(why) => {
            let why = format!("not published by this program: {why}");
            Delivery::unreadable(tag, foreign_message(channel.clone(), body), why)
        }
    }
}

/// Reads a message from the dead queue. If the broker has delivered it too often, it goes to quarantine as a whole:
/// its body is not parsed, because that may be what made sinks fail. If it is there for another reason, such as a
/// policy of the broker that lets messages expire, nothing is wrong with it. `channel_of` returns the channel of a
/// queue. A message that does not name its queue counts as one of the channel `fallback`.
pub(super) fn read_dead_letter(
    tag: u64,
    properties: &BasicProperties,
    body: Vec<u8>,
    channel_of: impl Fn(&str) -> Option<ChannelId>,
    fallback: &ChannelId,
) -> Delivery {
    let DeadLetter { queue, reason, why } = dead_letter(properties);
    let message = match parse(properties) {
        Ok(message) if reason != Some(DELIVERED_TOO_OFTEN) => {
            return read(tag, &message.id.channel, properties, body);
        }
        Ok(message) => Message { body: Bytes::from(body), ..message },
        Err(_) => {
            let channel = queue.and_then(channel_of).unwrap_or_else(|| fallback.clone());
            foreign_message(channel, body)
        }
    };
    Delivery::unreadable(tag, message, why)
}

/// Makes a message from its properties, with an empty body. The error says why it is not one of ours. It
/// quotes no property, because the message of another program may contain anything.
fn parse(properties: &BasicProperties) -> Result<Message, &'static str> {
    let content_type = properties.content_type().as_ref().map(ShortString::as_str);
    if content_type != Some(CONTENT_TYPE) {
        return Err("its content type is not ours");
    }
    let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok());
    let id = id.ok_or("it has no id of the form channel/read_no/part")?;
    let number = |name| u32::try_from(as_integer(header(properties, name)?)?).ok();
    let wire_version = number(WIRE_VERSION).ok_or("it has no wire version")?;
    let events = number(EVENTS).ok_or("it has no number of events")?;
    Ok(Message { id, wire_version, events, body: Bytes::new() })
}

/// Makes a message from the body that another program published.
fn foreign_message(channel: ChannelId, body: Vec<u8>) -> Message {
    let hash = Sha256::digest(&body);
    let part = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let id = MessageId { channel, read_no: ReadNo(0), part };
    Message { id, wire_version: 0, events: 1, body: Bytes::from(body) }
}

/// The reason that the broker gives for a message that exceeded `x-delivery-limit`.
const DELIVERED_TOO_OFTEN: &str = "delivery_limit";

/// What the broker says in headers about a message that it moved to the dead queue.
struct DeadLetter<'a> {
    /// The queue from which it was moved.
    queue: Option<&'a str>,
    /// The reason, as a code.
    reason: Option<&'a str>,
    /// The reason, in words.
    why: String,
}

fn dead_letter(properties: &BasicProperties) -> DeadLetter<'_> {
    // The newest entry comes first.
    let newest = match header(properties, "x-death") {
        Some(AMQPValue::FieldArray(deaths)) => deaths.as_slice().first(),
        _ => None,
    };
    let text = |name: &str| match newest {
        Some(AMQPValue::FieldTable(death)) => as_text(death.inner().get(name)?),
        _ => None,
    };
    let (reason, queue) = (text("reason"), text("queue"));
    let said = reason.unwrap_or("the broker does not say why");
    let by = queue.map(|queue| format!(" by queue {queue}")).unwrap_or_default();
    let count = header(properties, "x-delivery-count").and_then(as_integer);
    let after = count.map(|n| format!(" after {n} failed deliveries")).unwrap_or_default();
    DeadLetter { queue, reason, why: format!("dead-lettered ({said}){by}{after}") }
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn as_text(value: &AMQPValue) -> Option<&str> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        AMQPValue::ShortString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// Accepts every type of integer: tools that move messages between queues may change the type.
fn as_integer(value: &AMQPValue) -> Option<i64> {
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
