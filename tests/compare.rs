//! What the city served against what the store holds: by id, and by the record as it was read,
//! opened with the key.

use anyhow::Context;
use contract::{ChannelId, Demand, DemandId, RecordKey};
use normalizer::{Place, Sealer, open_raw, open_sealed, open_unmasked};
use normalizer_text::{Profile, clean};
use sandbox::{Case, Expected, Oracle, State};
use serde_json::Value;
use sink::store::{Database, HistoryRow};

/// Columns in which the gateway itself writes.
const OURS: [&str; 3] = ["ISFETCH", "SJJHZT", "SJJHSBYY"];

/// Everything that was lost, altered or invented; empty when the store holds exactly the last state
/// of every case, and in history nothing that the city never said.
///
/// # Errors
/// The store cannot be read.
pub async fn differences(
    oracle: &Oracle,
    store: &Database,
    sealer: &Sealer,
) -> anyhow::Result<Vec<String>> {
    let channel: ChannelId = "hotline".parse()?;
    let check = Check { oracle, store, sealer, channel };
    let mut found = Vec::new();
    for case in oracle.cases() {
        found.extend(check.case(case).await?);
    }
    let (demands, waiting) = check.counts().await?;
    let deleted = oracle.cases().iter().filter(|case| case.gone.is_some()).count() as u64;
    let cases = oracle.cases().len() as u64;
    if demands + waiting > cases || demands + waiting + deleted < cases {
        found.push(format!("{demands} demands and {waiting} in quarantine of {cases} cases"));
    }
    Ok(found)
}

struct Check<'a> {
    oracle: &'a Oracle,
    store: &'a Database,
    sealer: &'a Sealer,
    channel: ChannelId,
}

impl Check<'_> {
    async fn case(&self, case: &Case) -> anyhow::Result<Option<String>> {
        let last = case.last();
        let key = RecordKey::new(last.row.rowguid.as_str());
        let id = DemandId::of(&self.channel, &key);
        let Some(demand) = self.store.current(&self.channel, &key).await? else {
            return Ok(match (self.store.quarantine_show(&id).await?, case.gone) {
                (Some(_), _) if last.expected == Expected::Poison => None,
                (None, Some(_)) => None, // gone before anybody read it
                (Some(row), _) => Some(format!("{key} is readable, quarantined: {}", row.detail)),
                (None, None) => Some(format!("{key} was lost")),
            });
        };
        // A case may become unreadable, or vanish, after it was read.
        let is_final = case.gone.is_none() && last.expected == Expected::Readable;
        let history = self.store.history(&id).await?;
        let newest = history.iter().max_by_key(|row| row.version).context("no history")?;
        let raw = self.raw(&demand, newest).await?;
        let served = |state: &&std::sync::Arc<State>| same_row(&state.row, &raw);
        if is_final && !same_row(&last.row, &raw) {
            return Ok(Some(format!("{key}: not the last of {} states", case.states.len())));
        }
        if case.states.iter().find(served).is_none() {
            return Ok(Some(format!("{key}: holds a state that was never served")));
        }
        if is_final && !self.same_parts(last, &raw) {
            return Ok(Some(format!("{key}: not its additions")));
        }
        if is_final && let Some(field) = self.altered_field(&demand, last)? {
            return Ok(Some(format!("{key}: {field} was altered on the way")));
        }
        for row in &history {
            let raw = self.raw(&demand, row).await?;
            if !case.states.iter().any(|state| same_row(&state.row, &raw)) {
                return Ok(Some(format!("{key}: history holds a state that was never served")));
            }
        }
        Ok(None)
    }

    async fn raw(&self, demand: &Demand, row: &HistoryRow) -> anyhow::Result<Value> {
        let sealed = self.store.raw(row.seq).await?.context("a state without its record")?;
        Ok(serde_json::from_slice(&open_raw(self.sealer, Place::from(demand), &sealed)?)?)
    }

    /// Whether the record carries exactly the additions to its order.
    fn same_parts(&self, state: &State, raw: &Value) -> bool {
        let served = self.oracle.pressings(&state.row.serialnum);
        let kept = raw["pressing"].as_array().map_or(&[][..], Vec::as_slice);
        served.len() == kept.len()
            && served.iter().zip(kept).all(|(served, kept)| same_row(served, kept))
    }

    /// The first mapped field that is not what the city said, after the declared cleaning.
    fn altered_field(
        &self,
        demand: &Demand,
        state: &State,
    ) -> anyhow::Result<Option<&'static str>> {
        let place = Place::from(demand);
        let unmasked = match &demand.body.unmasked {
            Some(sealed) => open_unmasked(self.sealer, place, sealed)?,
            None => Default::default(),
        };
        for (field, said, masked) in [
            ("title", &state.row.rqsttitle, &demand.body.title),
            ("content", &state.row.rqstcontent, &demand.body.content),
        ] {
            let said = said.read().unwrap_or_default();
            let said = clean(&said, Profile::Html).text.into_owned();
            let kept = unmasked.get(field).or(masked.as_ref()).cloned().unwrap_or_default();
            if said != kept {
                return Ok(Some(field));
            }
        }
        let name = demand.body.people.first().and_then(|person| person.name.as_ref());
        let kept = name.map(|name| open_sealed(self.sealer, place, "people.0.name", name));
        let said = state.row.rqstperson.read().unwrap_or_default();
        let said = clean(&said, Profile::Plain).text.trim().to_owned();
        if kept.transpose()?.unwrap_or_default() != said {
            return Ok(Some("name"));
        }
        Ok(None)
    }

    async fn counts(&self) -> anyhow::Result<(u64, u64)> {
        let status = self.store.status().await?;
        let demands = status.iter().map(|channel| channel.demands).sum();
        let waiting = status.iter().map(|channel| channel.quarantined).sum();
        Ok((demands, waiting))
    }
}

/// Whether every column that was served stands in the record; ours aside.
fn same_row(served: &impl serde::Serialize, raw: &Value) -> bool {
    let Ok(Value::Object(served)) = serde_json::to_value(served) else { return false };
    let theirs = served.iter().filter(|(column, _)| !OURS.contains(&column.as_str()));
    theirs.into_iter().all(|(column, value)| raw.get(column).unwrap_or(&Value::Null) == value)
}
