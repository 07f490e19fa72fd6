//! The wire format: the body of a message is a CloudEvents 1.0 batch in JSON
//! (<https://github.com/cloudevents/spec>, JSON event format §4). No other module reads or writes it. The
//! wire version is a property of the message.
//!
//! A message contains many events, because a broker needs time for each message. An event is a demand or a
//! reject.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ChannelId, Demand, DemandId, MessageId, Reason, RecordKey, SealedBytes, Timestamp, Version,
    demand::Origin,
};

/// Media type of a message body.
pub const CONTENT_TYPE: &str = "application/cloudevents-batch+json";
/// Version of the wire format. Messages of another version go to quarantine.
pub const WIRE_VERSION: u32 = 1;
/// Maximum number of events in one message.
pub const MAX_MESSAGE_EVENTS: u32 = 200;
/// Maximum size of a message, in bytes. A message with a single event may be larger.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Usual size of an event, in bytes: the first size of a buffer, so that it rarely has to grow.
const USUAL_EVENT_BYTES: usize = 8 * 1024;
/// Maximum size of an event, in bytes. A record whose event is larger is rejected. A message with one such event stays
/// below 16 MiB, the largest message that RabbitMQ 4 takes by default.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024 - 1024;

/// A rejected record, which the sink puts into quarantine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reject {
    /// Derived from its key, or from its bytes if the key could not be read.
    pub id: DemandId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The source's key, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_key: Option<RecordKey>,
    /// Orders the states of the same record.
    pub version: Version,
    /// Where it was in the source.
    pub place: String,
    /// Why it was not accepted.
    pub reason: Reason,
    /// Where it came from.
    pub origin: Origin,
    /// Its bytes, compressed and sealed; absent if they are too large for an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<SealedBytes>,
}

/// One event of a message. `type` names the type of `data`; the other attributes of a CloudEvent are
/// ignored.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// A demand to keep.
    #[serde(rename = "tonghui.demand.v1")]
    Demand(Box<Demand>),
    /// A record to quarantine.
    #[serde(rename = "tonghui.reject.v1")]
    Reject(Box<Reject>),
    /// An event that this version cannot read. It goes to quarantine with its bytes.
    #[serde(skip)]
    Unreadable {
        /// The event as it came.
        bytes: Vec<u8>,
        /// What is wrong with it; never quotes it.
        reason: String,
    },
}

/// A CloudEvent. `type` comes before `data`: so the reader knows the type when it reads the data.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(crate) struct Envelope<'a, T> {
    /// The version of CloudEvents.
    #[schemars(extend("const" = "1.0"))]
    specversion: &'static str,
    /// Unique together with `source`.
    id: String,
    /// `/tonghui/CHANNEL`
    source: String,
    /// What the event is.
    r#type: &'static str,
    /// The id of the demand.
    subject: DemandId,
    /// When the source's answer arrived that contained this state.
    #[schemars(with = "Timestamp")]
    time: String,
    /// The type of `data`.
    #[schemars(extend("const" = "application/json"))]
    datacontenttype: &'static str,
    /// What it is about.
    data: &'a T,
}

impl<'a, T> Envelope<'a, T> {
    /// An event of this type, about a demand of this channel whose state was read at `read_at`.
    pub(crate) fn new(
        r#type: &'static str,
        id: String,
        subject: DemandId,
        channel: &ChannelId,
        read_at: Timestamp,
        data: &'a T,
    ) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: format!("/tonghui/{channel}"),
            r#type,
            subject,
            time: read_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            datacontenttype: "application/json",
            data,
        }
    }
}

pub(crate) fn encode_demand(demand: &Demand) -> serde_json::Result<Vec<u8>> {
    encode("tonghui.demand.v1", demand.id, &demand.channel, &demand.origin, demand)
}

pub(crate) fn encode_reject(reject: &Reject) -> serde_json::Result<Vec<u8>> {
    encode("tonghui.reject.v1", reject.id, &reject.channel, &reject.origin, reject)
}

fn encode<T: Serialize>(
    r#type: &'static str,
    subject: DemandId,
    channel: &ChannelId,
    origin: &Origin,
    data: &T,
) -> serde_json::Result<Vec<u8>> {
    let mut event = Vec::with_capacity(USUAL_EVENT_BYTES);
    // Unique, because one read contains a key at most once.
    let id = format!("{}/{subject}", origin.message);
    let envelope = Envelope::new(r#type, id, subject, channel, origin.read_at, data);
    serde_json::to_writer(&mut event, &envelope)?;
    Ok(event)
}

/// Reads the events of a message. Never fails: what cannot be read becomes [`Event::Unreadable`].
pub(crate) fn decode(id: &MessageId, wire_version: u32, body: &[u8]) -> Vec<Event> {
    let unreadable = |bytes: &[u8], reason: String| Event::Unreadable {
        bytes: bytes.to_vec(),
        reason: format!("message {id}: {reason}"),
    };
    if wire_version != WIRE_VERSION {
        let reason = format!(
            "it has wire version {wire_version}; this program reads version {WIRE_VERSION}"
        );
        return vec![unreadable(body, reason)];
    }
    if let Ok(events) = serde_json::from_slice(body) {
        return events;
    }
    // One bad event fails the whole array: read the events one by one.
    match serde_json::from_slice::<Vec<Cow<'_, RawValue>>>(body) {
        Err(error) => vec![unreadable(body, error_place(&error))],
        Ok(events) => events
            .iter()
            .map(|event| {
                serde_json::from_str(event.get())
                    .unwrap_or_else(|error| unreadable(event.get().as_bytes(), error_place(&error)))
            })
            .collect(),
    }
}

/// Describes where parsing failed. The text of `error` is left out, because it may quote a value.
fn error_place(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("it cannot be read: {:?} error in line {line}, column {column}", error.classify())
}
