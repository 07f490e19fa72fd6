//! What a tap says, a JSON object a line.

use contract::{Entry, Fault, RecordKey, Revision};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    config,
    plan::Plan,
    record::{self, Found},
};

/// A message of a tap. Of kinds that are not known here, and of ACTIVATE_VERSION (which is for a
/// target that deletes), nothing follows.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) stream: String,
    #[serde(borrow, default)]
    pub(crate) record: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) key_properties: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) value: Value,
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
        record: Option<&RawValue>,
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
        let fields: Map<String, Value> =
            record.and_then(|record| serde_json::from_str(record.get()).ok()).unwrap_or_default();
        let key = self.key(&fields);
        let revision = match &self.revision {
            None => Some(Revision::NONE),
            Some(field) => fields.get(field).and_then(|value| Revision::declared(value, plan.zone)),
        };
        let found = Found { at, key: key.clone(), revision, body: record, line };
        Ok((key, record::entry(found)))
    }

    /// One field by itself; several as a JSON list, so that they cannot run into each other.
    fn key(&self, fields: &Map<String, Value>) -> Option<RecordKey> {
        let values: Option<Vec<RecordKey>> =
            self.key.iter().map(|name| fields.get(name).and_then(record::key)).collect();
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
        let message: Message<'_> = serde_json::from_slice(line).map_err(|_| {
            Fault::stopped("the fixture is not what a tap writes")
                .remedy("a page is a line for each SCHEMA and RECORD message")
        })?;
        match message.kind.as_str() {
            "SCHEMA" if message.stream == keys.stream => keys.learn(message.key_properties),
            "RECORD" if message.stream == keys.stream => {
                let at = format!("record {}", entries.len() + 1);
                entries.push(keys.entry(message.record, line, at, plan)?.1);
            }
            _ => {}
        }
    }
    Ok(entries)
}
