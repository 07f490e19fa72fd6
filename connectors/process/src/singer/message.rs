//! The messages of a tap, one JSON object per line.

use contract::{Entry, Fault, RecordKey, Revision};
use document::{Facts, Findings};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config,
    plan::Plan,
    record::{self, RecordParts},
};

/// A message of a tap that is not a record. Unknown kinds, and ACTIVATE_VERSION (for targets that
/// delete), are ignored.
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

/// A record of a tap: the message as a tree, with the facts about its text.
pub(crate) struct Record {
    tree: Value,
    facts: Facts,
}

impl Record {
    /// Parses a line as a record of `stream`; `None` if it is another message. Accepts damaged text. No
    /// other message may be damaged, because the tap must get its state back unchanged.
    pub(crate) fn parse(line: &[u8], stream: &str) -> Option<Self> {
        let (tree, facts) = record::parse_line(line)?;
        let is_record = tree.get("type")? == "RECORD" && tree.get("stream")? == stream;
        is_record.then_some(Self { tree, facts })
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

    /// Takes the key fields from a SCHEMA, unless the settings name them.
    pub(crate) fn update(&mut self, message: Message) {
        if message.kind == "SCHEMA" && message.stream == self.stream && !self.is_configured {
            self.key = message.key_properties.unwrap_or_default();
        }
    }

    /// The key and the entry of a record; a fault if no key fields are known.
    pub(crate) fn entry(
        &self,
        mut record: Record,
        line: &[u8],
        at: String,
        plan: &Plan,
    ) -> Result<(Option<RecordKey>, Entry), Fault> {
        if self.key.is_empty() {
            let cause = format!("the records of stream {} have no key", self.stream);
            let remedy = "name the key fields in [process.singer], like key = [\"id\"]";
            return Err(plan.stopped(&cause).remedy(remedy));
        }
        let body = record.tree.get_mut("record").map(Value::take).unwrap_or_default();
        let facts = &record.facts;
        let key = self.key(&body, &facts.findings);
        let revision = match &self.revision {
            None => Some(Revision::NONE),
            Some(field) => {
                body.get(field).and_then(|value| Revision::from_json(value, plan.context.zone))
            }
        };
        let damage = facts.findings.damage_in(&record.tree);
        let parts = RecordParts { at, key: key.clone(), revision, body, line, facts, damage };
        Ok((key, record::entry(parts)))
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
            entries.push(keys.entry(record, line, at, plan)?.1);
            continue;
        }
        let message: Message = serde_json::from_slice(line).map_err(|_| {
            Fault::stopped("the fixture is not the output of a tap")
                .remedy("write one line for each SCHEMA and RECORD message")
        })?;
        keys.update(message);
    }
    Ok(entries)
}
