//! What a changed configuration would do: maps the stored records with it and compares the results with
//! the store. Nothing is written.
//!
//! Quality flags of the decoder are ignored, because they depend on the bytes and not on the mapping.

use std::collections::BTreeMap;

use config::Settings;
use contract::{Body, DemandBody, RawRecord, TextReport, Timestamp, Verdict};
use normalizer::{Place, Sealer, open_raw};
use serde::Serialize;
use serde_json::{Map, Value};
use sink::store::{Database, DemandRow};

use crate::{assemble, channel::LiveChannel, keys, offline::remove_fields};

/// Number of demands that are read from the store at a time.
const PAGE_SIZE: u32 = 500;
/// Maximum number of samples of a field.
const MAX_SAMPLES: usize = 3;
/// Maximum number of characters of a sample.
const MAX_CHARACTERS: usize = 60;

/// What the changed configuration would change.
#[derive(Debug, Default, Serialize)]
pub struct ChangeReport {
    /// Number of demands that were mapped again.
    pub demands: u64,
    /// Number of these demands that would change.
    pub changed: u64,
    /// Number of these demands whose record would be skipped or rejected.
    pub rejected: u64,
    /// Number of further demands, whose record is no longer stored: it was dropped or erased.
    pub without_record: u64,
    /// Number of further demands, whose record no key at hand opens.
    pub unopened: u64,
    /// For each field that would change, how.
    pub fields: BTreeMap<String, FieldChange>,
}

/// How one field would change.
#[derive(Debug, Default, Serialize)]
pub struct FieldChange {
    /// Number of demands in which it would change.
    pub demands: u64,
    /// Some examples; personal values are masked.
    pub samples: Vec<Sample>,
}

/// One change.
#[derive(Debug, Serialize)]
pub struct Sample {
    /// `channel/key`.
    pub demand: String,
    /// The value now.
    pub before: String,
    /// The value it would have.
    pub after: String,
}

/// Maps all demands again that were seen since a time, and compares them with the store.
///
/// # Errors
/// The configuration has problems, or the keys or the store cannot be read.
pub async fn compare(
    settings: &Settings,
    store: &Database,
    since: Timestamp,
) -> anyhow::Result<ChangeReport> {
    let keys = keys::read(settings)?;
    let sealer = Sealer::new(&keys);
    let channels = assemble::channels(settings, &keys)?;
    let mut result = ChangeReport::default();
    let mut after = 0;
    loop {
        let page = store.demands(after, since, PAGE_SIZE).await?;
        let Some((last, _)) = page.last() else { return Ok(result) };
        after = *last;
        for (_, row) in &page {
            result.compare_demand(row, &channels, &sealer);
        }
    }
}

impl ChangeReport {
    /// Maps the record of a demand again, and counts what would change.
    fn compare_demand(&mut self, row: &DemandRow, channels: &[LiveChannel], sealer: &Sealer) {
        let demand = &row.demand;
        let is_channel = |each: &&LiveChannel| *each.id() == demand.channel;
        let Some(channel) = channels.iter().find(is_channel) else { return };
        if demand.raw.0.is_empty() {
            self.without_record += 1;
            return;
        }
        let bytes = open_raw(sealer, Place::from(demand), &demand.raw).ok();
        let Some(tree) = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
            self.unopened += 1;
            return;
        };
        self.demands += 1;
        let record = RawRecord {
            key: demand.source_key.clone(),
            revision: demand.version.revision,
            body: Body::new(tree),
            text: TextReport::default(),
        };
        match channel.normalizer.normalize(&record) {
            Verdict::Accept(accepted) => {
                let name = format!("{}/{}", demand.channel, demand.source_key.as_str());
                self.count(&name, &fields(&demand.body), &fields(&accepted.body));
            }
            Verdict::Skip(_) | Verdict::Reject(_) => self.rejected += 1,
        }
    }

    /// Counts the fields that differ between `before` and `after`; `name` is that of the demand.
    fn count(&mut self, name: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let mut names: Vec<_> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|field| before.get(*field) != after.get(*field));
        self.changed += u64::from(!names.is_empty());
        for field in names {
            let change = self.fields.entry(field.clone()).or_default();
            change.demands += 1;
            if change.samples.len() < MAX_SAMPLES {
                let show = |fields: &Map<String, Value>| {
                    fields.get(field).map_or_else(String::new, shorten)
                };
                let demand = name.to_owned();
                change.samples.push(Sample { demand, before: show(before), after: show(after) });
            }
        }
    }
}

/// The fields of a body that depend on the mapping, without ciphertexts.
fn fields(body: &DemandBody) -> Map<String, Value> {
    const DECODER_FLAGS: [&str; 5] =
        ["truncated", "malformed_bytes", "repaired_text", "damaged", "control_characters"];
    let mut body = serde_json::to_value(body).unwrap_or_default();
    remove_fields(&mut body, &["unmasked", "sealed", "token"]);
    let Value::Object(mut fields) = body else { return Map::new() };
    if let Some(Value::Array(notes)) = fields.get_mut("quality") {
        notes.retain(|note| {
            let flag = note["flag"].as_str().unwrap_or_default();
            !DECODER_FLAGS.contains(&flag)
        });
        if notes.is_empty() {
            fields.shift_remove("quality");
        }
    }
    fields
}

fn shorten(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut short: String = text.chars().take(MAX_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_counted_by_field_and_shown_without_ciphertext() {
        let map = |value: Value| value.as_object().cloned().unwrap();
        let mut result = ChangeReport::default();
        for key in 0..5 {
            let after =
                if key < 4 { json!({"kind": "help", "title": "x"}) } else { json!({"title": "x"}) };
            result.count(&format!("hotline/{key}"), &map(json!({"title": "x"})), &map(after));
        }
        assert_eq!((result.changed, result.fields.len()), (4, 1));
        let kind = &result.fields["kind"];
        assert_eq!((kind.demands, kind.samples.len()), (4, MAX_SAMPLES));
        assert_eq!((kind.samples[0].before.as_str(), kind.samples[0].after.as_str()), ("", "help"));
        assert_eq!(shorten(&json!("字".repeat(100))).chars().count(), MAX_CHARACTERS + 1);
    }
}
