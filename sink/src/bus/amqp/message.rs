//! Converts our messages to AMQP messages and back.
//!
//! A message that another program put into our queue, or that does not prove that we published it, goes to
//! quarantine as a whole, as a [foreign](Message::foreign) one of the channel of the queue.

use contract::{CONTENT_TYPE, ChannelId, Delivery, Message, MessageBody, MessageId};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

use super::proof::BusKey;

/// The delivery mode of messages that survive a restart of the broker.
pub(super) const PERSISTENT: u8 = 2;
/// The header with the version of the wire format.
const WIRE_VERSION: &str = "wire-version";
/// The header with the number of events.
const EVENTS: &str = "events";
/// The header with the proof that we published the message, see [`BusKey`].
const PROOF: &str = "proof";

/// The AMQP properties of a message. It proves its sender if there is a `key`.
pub(super) fn properties(message: &Message, key: Option<&BusKey>) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert(WIRE_VERSION.into(), AMQPValue::LongUInt(message.wire_version));
    headers.insert(EVENTS.into(), AMQPValue::LongUInt(message.events));
    if let Some(key) = key {
        headers.insert(PROOF.into(), AMQPValue::LongString(key.prove(message).into()));
    }
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
    body: MessageBody,
    key: Option<&BusKey>,
) -> Delivery {
    let foreign = |why: &str| format!("not published by this program: {why}");
    let message = match parse(properties, body.clone()) {
        Ok(message) => message,
        Err(why) => {
            let message = Message::foreign(channel.clone(), body);
            return Delivery::unreadable(tag, message, foreign(why));
        }
    };
    let is_moved = message.id.channel != *channel;
    match doubt(properties, &message, key) {
        Some(why) if is_moved => {
            let message = Message::foreign(channel.clone(), body);
            Delivery::unreadable(tag, message, foreign(why))
        }
        Some(why) => Delivery::unproven(tag, message, foreign(why)),
        None if is_moved => {
            let why = format!("it came through the queue of another channel, {channel}");
            Delivery::unreadable(tag, message, why)
        }
        None => Delivery::read(tag, message),
    }
}

/// Reads a message from the dead queue. If the broker has delivered it too often, it goes to quarantine as a whole:
/// its body is not parsed, because that may be what made sinks fail. If it is there for another reason, such as a
/// policy of the broker that lets messages expire, nothing is wrong with it. `channel_of` returns the channel of a
/// queue. A message that does not name its queue counts as one of the channel `fallback`.
pub(super) fn read_dead_letter(
    tag: u64,
    properties: &BasicProperties,
    body: MessageBody,
    key: Option<&BusKey>,
    channel_of: impl Fn(&str) -> Option<ChannelId>,
    fallback: &ChannelId,
) -> Delivery {
    let DeadLetter { queue, reason, why } = dead_letter(properties);
    let is_poison = reason == Some(DELIVERED_TOO_OFTEN);
    let message = match parse(properties, body.clone()) {
        Ok(message) => match doubt(properties, &message, key) {
            None if is_poison => message,
            None => return Delivery::read(tag, message),
            Some(_) if is_poison => Message::foreign(message.id.channel, body),
            Some(why) => return Delivery::unproven(tag, message, why),
        },
        Err(_) => {
            let channel = queue.and_then(channel_of).unwrap_or_else(|| fallback.clone());
            Message::foreign(channel, body)
        }
    };
    Delivery::unreadable(tag, message, why)
}

/// Makes a message from its properties and body. The error says why it is not one of ours. It quotes no property,
/// because the message of another program may contain anything.
fn parse(properties: &BasicProperties, body: MessageBody) -> Result<Message, &'static str> {
    let content_type = properties.content_type().as_ref().map(ShortString::as_str);
    if content_type != Some(CONTENT_TYPE) {
        return Err("its content type is not ours");
    }
    let id = properties.message_id().as_ref();
    let id: Option<MessageId> = id.and_then(|id| id.as_str().parse().ok());
    let id = id.ok_or("it has no id of the form channel/read_no/part")?;
    let number = |name| u32::try_from(as_integer(header(properties, name)?)?).ok();
    let wire_version = number(WIRE_VERSION).ok_or("it has no wire version")?;
    let events = number(EVENTS).ok_or("it has no number of events")?;
    let message = Message { id, wire_version, events, body };
    if message.is_foreign() {
        return Err("its id is that of no read");
    }
    Ok(message)
}

/// Why a message does not prove that we published it; `None` if it does, or if there is no key to tell.
fn doubt(
    properties: &BasicProperties,
    message: &Message,
    key: Option<&BusKey>,
) -> Option<&'static str> {
    let key = key?;
    match header(properties, PROOF).and_then(as_text) {
        None => Some("it has no proof"),
        Some(proof) if key.proves(message, proof) => None,
        Some(_) => Some("its proof was made with another key, or it was changed on its way"),
    }
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
