//! The messages of a tap, one JSON object per line.

use std::fmt;

use contract::{Entry, Fault, RecordKey, Revision};
use document::{Diagnostics, Findings};
use serde::{
    Deserialize, Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    child::readable_text,
    config,
    plan::Plan,
    record::{self, RecordParts},
};

/// A message of a tap that is not a record.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) stream: String,
    pub(crate) key_properties: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) value: Value,
}

/// What the first bytes of a message say: the members before the one that was cut off.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) kind: String,
    pub(crate) stream: String,
}

impl Head {
    pub(crate) fn of(start: &[u8]) -> Self {
        let mut head = Self::default();
        // It fails where the message is cut off.
        let _ = serde_json::Deserializer::from_slice(start).deserialize_map(&mut head);
        head
    }
}

impl<'de> Visitor<'de> for &mut Head {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "type" => self.kind = members.next_value()?,
                "stream" => self.stream = members.next_value()?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A record of a tap: the message as a tree, with the diagnostics of its text.
pub(crate) struct Record {
    tree: Value,
    diagnostics: Diagnostics,
}

impl Record {
    /// Parses a line as a record of `stream`; `None` if it is another message. Accepts damaged text. No
    /// other message may be damaged, because the tap must get its state back unchanged.
    pub(crate) fn parse(line: &[u8], stream: &str) -> Option<Self> {
        let (tree, diagnostics) = record::parse_line(line)?;
        let is_record = tree.get("type")? == "RECORD" && tree.get("stream")? == stream;
        is_record.then_some(Self { tree, diagnostics })
    }

    /// The record as text, to compare it with another run of the tap.
    pub(crate) fn text(&self) -> String {
        self.tree.get("record").map(Value::to_string).unwrap_or_default()
    }
}

/// The key fields of a record of the stream, and the field that orders its states.
pub(crate) struct Keys {
    pub(crate) stream: String,
    /// The key fields from the settings, or else from the last SCHEMA.
    key: Vec<String>,
    /// Whether the settings name the key fields.
    is_configured: bool,
    /// The field that orders the states; `None` if the state that is read later is newer.
    revision: Option<String>,
}

impl Keys {
    pub(crate) fn new(settings: &config::Singer) -> Self {
        let config::Singer { stream, key, revision, catalog: _ } = settings.clone();
        Self { stream, is_configured: !key.is_empty(), key, revision }
    }

    /// Takes the key fields from a SCHEMA of the stream, unless the settings name them. Whatever else names
    /// the stream may stand for records that are not read. ACTIVATE_VERSION does not (it is for targets that
    /// delete).
    pub(crate) fn update(&mut self, message: Message, plan: &Plan) -> Result<(), Fault> {
        let kind = message.kind.as_str();
        let is_kind = |known: &&str| kind.eq_ignore_ascii_case(known);
        if message.stream.is_empty() && ["SCHEMA", "RECORD", "BATCH"].iter().any(is_kind) {
            let cause = format!("the tap sends a {} that names no stream", readable_text(kind));
            return Err(plan.stopped(&cause).remedy("let each message have its `stream`"));
        }
        if message.stream != self.stream {
            return Ok(());
        }
        match message.kind.as_str() {
            "SCHEMA" if !self.is_configured => {
                self.key = message.key_properties.unwrap_or_default();
            }
            "SCHEMA" | "ACTIVATE_VERSION" => {}
            "BATCH" => {
                return Err(plan
                    .stopped("the tap sends BATCH messages, whose files are not read")
                    .remedy("turn off batch_config in the tap's settings"));
            }
            kind => {
                let cause = format!(
                    "the tap sends messages of an unknown type for stream {}: {}",
                    self.stream,
                    readable_text(kind)
                );
                return Err(plan.stopped(&cause).remedy("let the tap send RECORD messages"));
            }
        }
        Ok(())
    }

    /// The names of the key fields; a fault if earlier records had others.
    pub(crate) fn checked(&self, earlier: &[String], plan: &Plan) -> Result<Vec<String>, Fault> {
        if !earlier.is_empty() && earlier != self.key {
            let cause = format!(
                "the key fields have changed from {} to {}: every record would become another demand",
                readable_text(&earlier.join(", ")),
                readable_text(&self.key.join(", "))
            );
            return Err(plan.stopped(&cause).remedy(
                "name the earlier ones in [process.singer] as `key`, or give the channel a new name; to read \
                 everything again under the new keys, run `tonghui position CHANNEL reset`",
            ));
        }
        Ok(self.key.clone())
    }

    /// The entry of a record; a fault if no key fields are known.
    pub(crate) fn entry(
        &self,
        mut record: Record,
        line: &[u8],
        at: String,
        plan: &Plan,
    ) -> Result<Entry, Fault> {
        if record::has_several(&record.tree, &record.diagnostics.findings) {
            return Err(plan.stopped("one of its lines has several records"));
        }
        if self.key.is_empty() {
            let cause = format!("the records of stream {} have no key", self.stream);
            let remedy = "name the key fields in [process.singer], like key = [\"id\"]";
            return Err(plan.stopped(&cause).remedy(remedy));
        }
        let body = record.tree.get_mut("record").map(Value::take).unwrap_or_default();
        let diagnostics = &record.diagnostics;
        let key = self.key(&body, &diagnostics.findings);
        let revision = match &self.revision {
            None => Some(Revision::NONE),
            Some(field) => {
                body.get(field).and_then(|value| Revision::from_json(value, plan.context.zone))
            }
        };
        let damage = diagnostics.findings.damage_in(&record.tree);
        Ok(record::entry(RecordParts { at, key, revision, body, line, diagnostics, damage }))
    }

    /// The key of a record: the value of one field, or the values of several as a JSON array, which shows
    /// where each ends. `None` if a value is missing or cannot be read.
    fn key(&self, fields: &Value, findings: &Findings) -> Option<RecordKey> {
        let repeated = findings.repeated_names(fields);
        let unique = |name: &String| fields.get(name).filter(|_| !repeated.contains(name));
        let values: Option<Vec<String>> = self
            .key
            .iter()
            .map(|name| record::key(unique(name)?, findings).map(|key| key.to_string()))
            .collect();
        values.map(RecordKey::composed)
    }
}

/// The entries of a fixture: the lines that a tap writes.
pub(crate) fn parse_sample(
    page: &[u8],
    settings: &config::Singer,
    plan: &Plan,
) -> Result<Vec<Entry>, Fault> {
    let mut keys = Keys::new(settings);
    let mut entries = Vec::new();
    for line in record::fixture_lines(page) {
        if let Some(record) = Record::parse(line, &keys.stream) {
            let at = format!("record {}", entries.len() + 1);
            entries.push(keys.entry(record, line, at, plan)?);
            continue;
        }
        let message: Message = serde_json::from_slice(line).map_err(|_| {
            Fault::stopped("the fixture is not the output of a tap")
                .remedy("write one line for each SCHEMA and RECORD message")
        })?;
        keys.update(message, plan)?;
    }
    Ok(entries)
}
