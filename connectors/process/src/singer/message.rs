//! The messages of a tap, one JSON object per line.

use contract::{Entry, Fault, RecordKey, Revision};
use document::{Facts, Findings};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config,
    plan::Plan,
    record::{self, Found},
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

/// A record of a tap: the message as a tree, with what is known of its text.
pub(crate) struct Record {
    tree: Value,
    facts: Facts,
}

impl Record {
    /// The record of `stream` in a line. A record may be damaged; other messages may not: a state is
    /// given back to the tap as it came.
    pub(crate) fn of(line: &[u8], stream: &str) -> Option<Self> {
        let (tree, facts) = record::line(line)?;
        let is_it = tree.get("type")? == "RECORD" && tree.get("stream")? == stream;
        is_it.then_some(Self { tree, facts })
    }

    /// The record, to compare it with another run of the tap.
    pub(crate) fn text(&self) -> String {
        self.tree.get("record").map(Value::to_string).unwrap_or_default()
    }
}

/// The key fields of a record of the stream, and the field that orders its states.
pub(crate) struct Keys {
    pub(crate) stream: String,
    /// From the channel, else from the last SCHEMA.
    key: Vec<String>,
    is_own: bool,
    revision: Option<String>,
}

impl Keys {
    pub(crate) fn of(settings: &config::Singer) -> Self {
        let config::Singer { stream, key, revision, catalog: _ } = settings.clone();
        Self { stream, is_own: !key.is_empty(), key, revision }
    }

    /// Takes the key of a SCHEMA.
    pub(crate) fn learn(&mut self, message: Message) {
        if message.kind == "SCHEMA" && message.stream == self.stream && !self.is_own {
            self.key = message.key_properties.unwrap_or_default();
        }
    }

    /// The entry of a record; a fault where there are no key fields.
    pub(crate) fn entry(
        &self,
        mut record: Record,
        line: &[u8],
        at: String,
        plan: &Plan,
    ) -> Result<(Option<RecordKey>, Entry), Fault> {
        if self.key.is_empty() {
            let what = format!("the records of stream {} have no key", self.stream);
            let remedy = "write its fields: key = [\"id\"] in [process.singer]";
            return Err(plan.stopped(&what).remedy(remedy));
        }
        let body = record.tree.get_mut("record").map(Value::take).unwrap_or_default();
        let facts = &record.facts;
        let key = self.key(&body, &facts.findings);
        let revision = match &self.revision {
            None => Some(Revision::NONE),
            Some(field) => {
                body.get(field).and_then(|value| Revision::declared(value, plan.context.zone))
            }
        };
        let damage = facts.findings.damage_in(&record.tree);
        let found = Found { at, key: key.clone(), revision, body, line, facts, damage };
        Ok((key, record::entry(found)))
    }

    /// One field alone; several as a JSON list, so that their borders are clear.
    fn key(&self, fields: &Value, findings: &Findings) -> Option<RecordKey> {
        let repeated = findings.repeated_names(fields);
        let certain = |name: &String| fields.get(name).filter(|_| !repeated.contains(name));
        let values: Option<Vec<RecordKey>> = self
            .key
            .iter()
            .map(|name| certain(name).and_then(|value| record::key(value, findings)))
            .collect();
        match values?.as_slice() {
            [only] => Some(only.clone()),
            several => {
                let several: Vec<&str> = several.iter().map(RecordKey::as_str).collect();
                serde_json::to_string(&several).ok().map(RecordKey::new)
            }
        }
    }
}

/// Entries of a fixture: what a tap writes, line by line.
pub(crate) fn sample(
    page: &[u8],
    settings: &config::Singer,
    plan: &Plan,
) -> Result<Vec<Entry>, Fault> {
    let mut keys = Keys::of(settings);
    let mut entries = Vec::new();
    for line in record::lines(page) {
        if let Some(record) = Record::of(line, &keys.stream) {
            let at = format!("record {}", entries.len() + 1);
            entries.push(keys.entry(record, line, at, plan)?.1);
            continue;
        }
        let message: Message = serde_json::from_slice(line).map_err(|_| {
            Fault::stopped("the fixture is not what a tap writes")
                .remedy("write one line for each SCHEMA and RECORD message")
        })?;
        keys.learn(message);
    }
    Ok(entries)
}
