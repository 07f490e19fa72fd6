//! Compares what the city served with what the store contains: the ids, the fields of demands, and the raw
//! records, which it decrypts with the keys.
#![allow(clippy::expect_used, clippy::panic)]

use anyhow::Context;
use contract::{ChannelId, Demand, DemandId, RecordKey, demand::QualityFlag};
use normalizer::{Place, Sealer, open_raw, open_sealed, open_unmasked};
use normalizer_text::{Profile, clean};
use sandbox::{
    Case, CaseHistory, State,
    truth::{ExpectedFields, ServedState},
};
use serde_json::Value;
use sink::store::{Database, HistoryRow};

/// Columns that the gateway writes.
const OUR_COLUMNS: [&str; 3] = ["ISFETCH", "SJJHZT", "SJJHSBYY"];

/// Descriptions of everything that was lost, altered or invented. Empty if the store contains exactly the
/// last state of every case, and history contains no state that the city never served.
///
/// # Errors
/// The store cannot be read.
pub async fn differences(
    case_history: &CaseHistory,
    store: &Database,
    sealer: &Sealer,
) -> anyhow::Result<Vec<String>> {
    let channel: ChannelId = "hotline".parse()?;
    let comparison = Comparison { case_history, store, sealer, channel };
    let mut found = Vec::new();
    for case in case_history.cases() {
        found.extend(comparison.difference(case).await?);
    }
    let (demands, quarantined) = comparison.counts().await?;
    let deleted =
        case_history.cases().iter().filter(|case| case.deleted_at.is_some()).count() as u64;
    let cases = case_history.cases().len() as u64;
    if demands + quarantined > cases || demands + quarantined + deleted < cases {
        found.push(format!("{demands} demands and {quarantined} in quarantine of {cases} cases"));
    }
    Ok(found)
}

struct Comparison<'a> {
    case_history: &'a CaseHistory,
    store: &'a Database,
    sealer: &'a Sealer,
    channel: ChannelId,
}

impl Comparison<'_> {
    /// How the store differs from one case; `None` if it does not.
    async fn difference(&self, case: &Case) -> anyhow::Result<Option<String>> {
        let last = case.last();
        let key = RecordKey::new(last.row.rowguid.as_str());
        let id = DemandId::of(&self.channel, &key);
        let Some(demand) = self.store.current(&self.channel, &key).await? else {
            return Ok(match (self.store.quarantine_show(&id).await?, case.deleted_at) {
                (Some(_), _) if !last.is_readable => None,
                (None, Some(_)) => None, // deleted before it was read
                (Some(row), _) => {
                    Some(format!("{key} is readable, but quarantined: {}", row.detail))
                }
                (None, None) => Some(format!("{key} was lost")),
            });
        };
        // The city may have made a case unreadable, or deleted it, after the gateway read it.
        let is_final = case.deleted_at.is_none() && last.is_readable;
        let history = self.store.history(&id).await?;
        let newest = history.iter().max_by_key(|row| row.version).context("no history")?;
        let raw = self.raw(&demand, newest).await?;
        let served = |state: &&std::sync::Arc<State>| same_row(&state.row, &raw);
        let different = different_columns(&last.row, &raw);
        if is_final && !different.is_empty() {
            let n = case.states.len();
            return Ok(Some(format!("{key}: not the last of {n} states: {different:?}")));
        }
        if case.states.iter().find(served).is_none() {
            return Ok(Some(format!("{key}: the state in the store was never served")));
        }
        if is_final && !self.same_parts(last, &raw) {
            return Ok(Some(format!("{key}: the additions are not those that were served")));
        }
        if is_final && let Some(field) = self.altered_field(&demand, last)? {
            return Ok(Some(format!("{key}: {field} was altered")));
        }
        for row in &history {
            let raw = self.raw(&demand, row).await?;
            if !case.states.iter().any(|state| same_row(&state.row, &raw)) {
                return Ok(Some(format!("{key}: a state in history was never served")));
            }
        }
        Ok(None)
    }

    /// The decrypted raw record of a row of history.
    async fn raw(&self, demand: &Demand, row: &HistoryRow) -> anyhow::Result<Value> {
        let sealed = self.store.raw(row.seq).await?.context("a state without its record")?;
        Ok(serde_json::from_slice(&open_raw(self.sealer, Place::from(demand), &sealed)?)?)
    }

    /// Whether the record contains exactly the rows of the other tables that belong to its case.
    fn same_parts(&self, state: &State, raw: &Value) -> bool {
        let State { row, .. } = state;
        let dossier = row.life.dossier(&row.rowguid);
        same_rows(self.case_history.pressings(&row.serialnum), &raw["pressing"])
            && same_rows(&dossier.tasks, &raw["task"])
            && same_rows(&dossier.visits, &raw["visit"])
            && same_rows(&dossier.steps, &raw["step"])
    }

    /// The first mapped field that differs from what the city served and the configuration cleaned.
    fn altered_field(
        &self,
        demand: &Demand,
        state: &State,
    ) -> anyhow::Result<Option<&'static str>> {
        let place = Place::from(demand);
        let unmasked = open_unmasked(self.sealer, demand)?;
        for (field, expected, masked) in [
            ("title", &state.row.rqsttitle, &demand.body.title),
            ("content", &state.row.rqstcontent, &demand.body.content),
        ] {
            let expected = expected.read().unwrap_or_default();
            let expected = clean(&expected, Profile::Html).text.into_owned();
            let kept = unmasked.get(field).or(masked.as_ref()).cloned().unwrap_or_default();
            if expected != kept {
                return Ok(Some(field));
            }
        }
        let name = demand.body.people.first().and_then(|person| person.name.as_ref());
        let kept = name.map(|name| open_sealed(self.sealer, place, "people.0.name", name));
        let expected = state.row.rqstperson.read().unwrap_or_default();
        let expected = clean(&expected, Profile::Plain).text.trim().to_owned();
        if kept.transpose()?.unwrap_or_default() != expected {
            return Ok(Some("name"));
        }
        Ok(None)
    }

    /// The numbers of demands and of quarantined records in the store.
    async fn counts(&self) -> anyhow::Result<(u64, u64)> {
        let status = self.store.status().await?;
        let demands = status.iter().map(|channel| channel.demands).sum();
        let quarantined = status.iter().map(|channel| channel.quarantined).sum();
        Ok((demands, quarantined))
    }
}

/// Whether a part of the record contains exactly these rows, in this order.
fn same_rows<T: serde::Serialize>(served: &[T], kept: &Value) -> bool {
    let kept = kept.as_array().map_or(&[][..], Vec::as_slice);
    served.len() == kept.len()
        && served.iter().zip(kept).all(|(served, kept)| same_row(served, kept))
}

fn same_row(served: &impl serde::Serialize, raw: &Value) -> bool {
    different_columns(served, raw).is_empty()
}

/// The columns that are not in the record as they were served, except those that the gateway writes.
fn different_columns(served: &impl serde::Serialize, raw: &Value) -> Vec<String> {
    let Ok(Value::Object(served)) = serde_json::to_value(served) else {
        return vec![String::new()];
    };
    let theirs = served.into_iter().filter(|(column, _)| !OUR_COLUMNS.contains(&column.as_str()));
    let different =
        theirs.filter(|(column, value)| raw.get(column).unwrap_or(&Value::Null) != value);
    different.map(|(column, _)| column).collect()
}

/// Describes the first field of a demand that differs from the expected fields; `None` if none does.
pub fn altered_field(
    expected: &ExpectedFields,
    demand: &Demand,
    sealer: &Sealer,
) -> Option<String> {
    let mut kept = serde_json::to_value(&demand.body).expect("it opens");
    let place = Place::from(demand);
    let unmasked = open_unmasked(sealer, demand).expect("it opens");
    // `trail.3.note` is at `/trail/3/note`.
    for (path, text) in &unmasked {
        if let Some(masked) = kept.pointer_mut(&format!("/{}", path.replace('.', "/"))) {
            *masked = Value::from(text.clone());
        }
    }
    for (field, value) in expected {
        let is_same = match field.as_str() {
            "people" => {
                let name = demand.body.people.first().and_then(|person| person.name.as_ref());
                let name = name.map(|name| open_sealed(sealer, place, "people.0.name", name));
                let name = name.map(|name| name.expect("it opens"));
                name.as_deref() == value[0]["name"].as_str()
            }
            "address" => {
                let sealed = demand.body.address.as_ref();
                let address = sealed.map(|it| open_sealed(sealer, place, "address", it));
                let address = address.map(|it| it.expect("it opens"));
                address.as_deref() == value.as_str()
            }
            // The demand has WGS-84 coordinates, a few hundred metres from those of the source.
            "location" => ["lon", "lat"].into_iter().all(|axis| {
                let (kept, expected) = (kept["location"][axis].as_f64(), value[axis].as_f64());
                kept.zip(expected).is_some_and(|(kept, expected)| {
                    kept != expected && (kept - expected).abs() < 0.01
                })
            }),
            // The demand has the value of the source.
            "repeat" => {
                let mark = if value["flag"].as_bool().expect("a flag") { "1" } else { "0" };
                kept["repeat"]["flag"] == mark
            }
            "quality" => value.as_array().expect("a list").iter().all(|quality| {
                let flag = serde_json::from_value(quality["flag"].clone()).expect("it opens");
                has_flag(demand, quality["field"].as_str().expect("a name"), flag)
            }),
            _ => &kept[field] == value,
        };
        if !is_same {
            let (place, kept, expected) = first_difference(field, &kept[field], value);
            return Some(format!("{place} is {kept}, not {expected}"));
        }
    }
    None
}

/// Where two values of a field first differ, such as `tasks[1].due_at`, and what each has there.
fn first_difference<'a>(
    place: &str,
    kept: &'a Value,
    expected: &'a Value,
) -> (String, &'a Value, &'a Value) {
    let missing = &Value::Null;
    let inner = match (kept, expected) {
        (Value::Array(kept), Value::Array(expected)) => (0..kept.len().max(expected.len()))
            .map(|i| (format!("{place}[{i}]"), kept.get(i), expected.get(i)))
            .find(|(_, kept, expected)| kept != expected),
        (Value::Object(kept), Value::Object(expected)) => expected
            .keys()
            .chain(kept.keys())
            .map(|name| (format!("{place}.{name}"), kept.get(name), expected.get(name)))
            .find(|(_, kept, expected)| kept != expected),
        _ => None,
    };
    match inner {
        Some((place, kept, expected)) => {
            first_difference(&place, kept.unwrap_or(missing), expected.unwrap_or(missing))
        }
        None => (place.to_owned(), kept, expected),
    }
}

/// Quirks of records that the gateway stores differently from what was served: it resolves XML references,
/// and replaces files by their names.
const CHANGED_QUIRKS: [&str; 4] = ["illegal_reference", "attachment", "huge_attachment", "nul"];

/// Whether the raw record is the one that was served. For a workbook this compares only the key, because a
/// workbook writes texts in its own way.
pub fn same_payload(served_state: &ServedState, demand: &Demand, sealer: &Sealer) -> bool {
    let raw = open_raw(sealer, Place::from(demand), &demand.raw).expect("it opens");
    let raw: Value = serde_json::from_slice(&raw).expect("it opens");
    if served_state.quirks.contains(&"workbook") {
        return raw["诉求编号"] == served_state.payload["诉求编号"];
    }
    if served_state.quirks.iter().any(|quirk| CHANGED_QUIRKS.contains(quirk)) {
        return true;
    }
    let served = served_state.payload.as_object().expect("it opens").iter();
    let is_lost = |column: &str| column == "满意度" && served_state.quirks.contains(&"lost_column");
    served.filter(|(column, _)| !is_lost(column)).all(|(column, value)| raw[column] == *value)
}

/// Whether a demand has this quality flag for the field or a part of it, such as `people.0.phone`.
pub fn has_flag(demand: &Demand, field: &str, flag: QualityFlag) -> bool {
    let is_part = |path: &str| {
        path.strip_prefix(field).is_some_and(|end| !end.starts_with(char::is_alphanumeric))
    };
    demand.body.quality.iter().any(|quality| is_part(&quality.field) && quality.flag == flag)
}
