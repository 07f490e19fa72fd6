//! What a tap says, a JSON object a line.

use contract::{Entry, Fault, RecordKey, Revision};
use document::{Facts, Findings};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    config,
    plan::Plan,
    record::{self, Found},
};

/// A message of a tap that is no record. Of kinds that are not known here, and of ACTIVATE_VERSION (which is for a
/// target that deletes), nothing follows.
#[derive(Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) stream: String,
    #[serde(default)]
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
    /// The record of `stream` in a line, if it is one. A record may be damaged, other messages may
    /// not: they are given back to the tap as they came.
    pub(crate) fn of(line: &[u8], stream: &str) -> Option<Self> {
        let (tree, facts) = record::line(line)?;
        let is_it = tree.get("type")? == "RECORD" && tree.get("stream")? == stream;
        is_it.then_some(Self { tree, facts })
    }

    /// The record as it is compared with another run of the tap.
    pub(crate) fn text(&self) -> String {
        self.tree.get("record").map(Value::to_string).unwrap_or_default()
    }
}

/// What names a record of the stream, and what orders its states.
pub(crate) struct Keys {
    pub(crate) stream: String,
    /// The channel's own choice, else what the last SCHEMA says.
    key: Vec<String>,
    is_own: bool,
    revision: Option<String>,
}

impl Keys {
    pub(crate) fn of(settings: &config::Singer) -> Self {
        let config::Singer { stream, key, revision, catalog: _ } = settings.clone();
        Self { stream, is_own: !key.is_empty(), key, revision }
    }

    /// Takes what a SCHEMA says.
    pub(crate) fn learn(&mut self, key_properties: Option<Vec<String>>) {
        if !self.is_own {
            self.key = key_properties.unwrap_or_default();
        }
    }

    /// The entry of a record; a fault where nothing names it.
    pub(crate) fn entry(
        &self,
        mut record: Record,
        line: &[u8],
        at: String,
        plan: &Plan,
    ) -> Result<(Option<RecordKey>, Entry), Fault> {
        if self.key.is_empty() {
            return Err(Fault::stopped(format!(
                "nothing names a record of stream {}",
                self.stream
            ))
            .at(plan.place())
            .remedy("name its fields: key = [\"id\"] in [process.singer]"));
        }
        let body = record.tree.get_mut("record").map(Value::take).unwrap_or_default();
        let facts = &record.facts;
        let key = self.key(&body, &facts.findings);
        let revision = match &self.revision {
            None => Some(Revision::NONE),
            Some(field) => body.get(field).and_then(|value| Revision::declared(value, plan.zone)),
        };
        let damage = facts.findings.damage_in(&record.tree);
        let found = Found { at, key: key.clone(), revision, body, line, facts, damage };
        Ok((key, record::entry(found)))
    }

    /// One field by itself; several as a JSON list, so that they cannot run into each other.
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
    for line in page.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() {
            continue;
        }
        if let Some(record) = Record::of(line, &keys.stream) {
            let at = format!("record {}", entries.len() + 1);
            entries.push(keys.entry(record, line, at, plan)?.1);
            continue;
        }
        let message: Message = serde_json::from_slice(line).map_err(|_| {
            Fault::stopped("the fixture is not what a tap writes")
                .remedy("a page is a line for each SCHEMA and RECORD message")
        })?;
        match message.kind.as_str() {
            "SCHEMA" if message.stream == keys.stream => keys.learn(message.key_properties),
            _ => {}
        }
    }
    Ok(entries)
}
