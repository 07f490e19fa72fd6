//! The change feed: tells other systems of each stored version of a demand, as a CloudEvent of its own.
//!
//! A message of the bus cannot be passed on instead: it says what was read, not what became of it, and it holds sealed
//! values. Here a person is a mask and a token, never a sealed or plain value.
//!
//! An event may come again, with the same id. It is made of what the store has when it is told, so the fields of a
//! demand are in it only while they are still those of its version. If they are not, a later event has newer ones.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value;

use crate::{
    ChannelId, DemandBody, DemandId, RecordKey, Timestamp, Version, demand::Cause, wire::Envelope,
};

/// Media type of an event.
pub const FEED_CONTENT_TYPE: &str = "application/cloudevents+json";
/// What a routing key of a live event consists of.
pub const FEED_KEY: &str = "channel.region.kind.status";
/// The `type` of an event.
const TYPE: &str = "tonghui.demand.changed.v1";

/// A version of a demand that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The id of the demand: UUIDv5 of channel and source key.
    pub id: DemandId,
    /// The channel it came through.
    pub channel: ChannelId,
    /// The source's stable key; unique with the channel.
    pub source_key: RecordKey,
    /// Orders the states of this demand. An event with the version of an earlier one is that event again.
    pub version: Version,
    /// Why this state was published.
    pub cause: Cause,
    /// Names of the fields that differ from the version before; `other` if none of them is tracked. Empty for the
    /// first version.
    pub changed: Vec<String>,
    /// When the source's answer arrived that contained this state.
    pub read_at: Timestamp,
    /// The code of the region in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The code of the kind in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The code of the status in this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// All fields of the demand in this version, personal values as mask and token. Absent if a later version has
    /// replaced them already: its event follows.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_sealed")]
    #[schemars(with = "Option<DemandBody>")]
    pub demand: Option<DemandBody>,
}

/// An event, ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// Its id: that of the demand, and the version.
    pub id: String,
    /// By which consumers choose.
    pub routing_key: String,
    /// A CloudEvent as JSON.
    pub body: Vec<u8>,
}

impl Change {
    /// The event that tells it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn event(&self) -> serde_json::Result<FeedEvent> {
        let (id, channel) = (self.event_id(), &self.channel);
        let envelope = Envelope::new(TYPE, id.clone(), self.id, channel, self.read_at, self);
        let body = serde_json::to_vec(&envelope)?;
        Ok(FeedEvent { id, routing_key: self.routing_key(), body })
    }

    /// `DEMAND/REVISION/READ/MAPPING`; without a revision, `-` stands for it.
    fn event_id(&self) -> String {
        let Version { revision, read_no, mapping } = self.version;
        let revision = Option::<i64>::from(revision).map_or("-".to_owned(), |n| n.to_string());
        format!("{}/{revision}/{}/{}", self.id, read_no.0, mapping.0)
    }

    /// See [`FEED_KEY`]. What is not live has its cause before that, so whoever follows what happens now does not get
    /// years of it at once.
    fn routing_key(&self) -> String {
        let parts = [Some(self.channel.as_str()), self.region.as_deref()];
        let parts = parts.into_iter().chain([self.kind.as_deref(), self.status.as_deref()]);
        let key = parts.map(key_part).collect::<Vec<_>>().join(".");
        match self.cause {
            Cause::Live => key,
            Cause::Backfill | Cause::Replay => format!("{}.{key}", self.cause.code()),
        }
    }
}

/// Maximum length of a part of a routing key, of which AMQP takes 255 bytes in all.
const MAX_PART: usize = 60;

/// A part of a routing key. A dot in it would be read as the end of the part, and `*` and `#` as wildcards.
fn key_part(text: Option<&str>) -> String {
    let clean = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => c,
        _ => '_',
    };
    let part = text.filter(|text| !text.is_empty()).unwrap_or("-");
    part.chars().take(MAX_PART).map(clean).collect()
}

/// The fields that hold sealed bytes: of a demand, and of each sealed value.
const SEALED: [&str; 2] = ["unmasked", "sealed"];

/// Writes the fields of a demand without what is sealed.
fn without_sealed<S: Serializer>(body: &Option<DemandBody>, to: S) -> Result<S::Ok, S::Error> {
    let mut fields = serde_json::to_value(body).map_err(S::Error::custom)?;
    remove(&mut fields, &SEALED);
    fields.serialize(to)
}

/// Removes the members with these names, however deep. The fields of a demand have fixed names, so no text of a source
/// is ever one.
fn remove(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|member| remove(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, names)),
        _ => {}
    }
}

/// The JSON Schema of an event, whose definitions are added to those of the generator.
pub fn feed_schema(generator: &mut SchemaGenerator) -> Schema {
    let schema = generator.subschema_for::<Envelope<'_, Change>>();
    for definition in generator.definitions_mut().values_mut() {
        if let Some(properties) =
            definition.pointer_mut("/properties").and_then(Value::as_object_mut)
        {
            properties.retain(|name, _| !SEALED.contains(&name.as_str()));
        }
        if let Some(required) = definition.pointer_mut("/required").and_then(Value::as_array_mut) {
            required.retain(|name| !SEALED.iter().any(|sealed| name == sealed));
        }
    }
    if let Some(r#type) = generator.definitions_mut().get_mut("Event")
        && let Some(r#type) = r#type.pointer_mut("/properties/type")
    {
        r#type["const"] = TYPE.into();
    }
    schema
}
