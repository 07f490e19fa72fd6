//! The truth, in one form for all channels: everything a source ever said, written down by the one
//! who said it.
//!
//! A test that only counted records would pass a gateway that delivers the right number of wrong
//! ones, or skips the middle one of three states. So every key has the list of its states in the
//! order they became visible, and every state has both ends of the way: the payload as it was
//! served, and the fields of the unified demand that must come out of it. The payload is compared
//! with the record that the gateway keeps sealed, the fields with the row.

mod cleaned;
mod facts;

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use self::cleaned::cleaned;
pub use self::facts::{Attachment, Business, Doubt, Facts, Person, Place, Repeat, Step};

/// Everything one channel ever said. Cloning is cheap: states are shared.
#[derive(Clone, Debug)]
pub struct Truth {
    channel: &'static str,
    things: Vec<Thing>,
    places: HashMap<String, usize>,
}

/// One key of the source and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Thing {
    /// The source's stable key.
    pub key: String,
    /// All states in the order they became visible (see [`Memory`]); never empty.
    pub states: Vec<Arc<Told>>,
    /// When the source took it away, if it did: whoever had not read it by then never can, nor what
    /// of it was to be asked for afterwards.
    pub gone: Option<NaiveDateTime>,
}

/// One state of a thing.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// When it became visible, in Beijing.
    pub at: NaiveDateTime,
    /// What a correct reader makes of it.
    pub outcome: Outcome,
    /// Names of the faults in it.
    pub faults: Vec<&'static str>,
    /// The record as it was served, decoded. A row is an object of its columns; XML is a tree in
    /// which children are always arrays and text is `$text`.
    pub payload: Value,
    /// What belongs to it and is served elsewhere, by the name of the part: rows of another table,
    /// the answer of a detail call.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub parts: Map<String, Value>,
}

/// What a correct reader makes of a state.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A demand with at least these fields.
    Demand(Box<Facts>),
    /// It belongs into quarantine, with its bytes.
    Reject(Class),
}

/// Why a record cannot become a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Its text is no text in the charset of the source.
    MalformedBytes,
    /// Its form is broken: XML that ends early, a row with too few fields.
    Unreadable,
    /// It has no key.
    NoKey,
    /// It has no readable revision, on a channel where that alone orders its states.
    NoRevision,
}

/// How much of the past is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// Every state: for tests.
    #[default]
    All,
    /// The newest state of each thing: a city that runs for days stays as small as what it holds.
    Newest,
}

impl Truth {
    pub(crate) fn new(channel: &'static str) -> Self {
        Self { channel, things: Vec::new(), places: HashMap::new() }
    }

    /// The channel's name, which is the name of its folder: `hotline`, `petition` and so on.
    #[must_use]
    pub fn channel(&self) -> &'static str {
        self.channel
    }

    /// All things, in the order they first showed.
    #[must_use]
    pub fn things(&self) -> &[Thing] {
        &self.things
    }

    /// The thing with this key.
    #[must_use]
    pub fn thing(&self, key: &str) -> Option<&Thing> {
        self.places.get(key).map(|place| &self.things[*place])
    }

    /// Writes one JSON object a thing: `key`, `gone` and `states`, each with `at`, `outcome` (the
    /// fields under `demand` in the form of the unified demand, or the class under `reject`),
    /// `faults`, `payload` and, where it has any, `parts`.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write_jsonl(&self, mut out: impl Write) -> anyhow::Result<()> {
        for thing in &self.things {
            serde_json::to_writer(&mut out, thing)?;
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }

    /// Notes a state; the first one of a key opens its thing.
    pub(crate) fn told(&mut self, key: &str, state: Told) {
        let place = *self.places.entry(key.to_owned()).or_insert(self.things.len());
        let state = Arc::new(state);
        match self.things.get_mut(place) {
            Some(thing) => thing.states.push(state),
            None => {
                self.things.push(Thing { key: key.to_owned(), states: vec![state], gone: None });
            }
        }
    }

    /// Notes that the source took a thing away.
    pub(crate) fn gone(&mut self, key: &str, at: NaiveDateTime) {
        if let Some(place) = self.places.get(key) {
            self.things[*place].gone = Some(at);
        }
    }
}

impl Thing {
    /// The newest state.
    #[must_use]
    pub fn last(&self) -> &Told {
        &self.states[self.states.len() - 1]
    }
}

impl Told {
    /// The fields that must come out of it; `None` when it must be rejected.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        match &self.outcome {
            Outcome::Demand(facts) => Some(facts),
            Outcome::Reject(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: &'static str, minute: u32) -> Told {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 10, 9).unwrap();
        Told {
            at: day.and_hms_opt(10, minute, 0).unwrap(),
            outcome: Outcome::Demand(Box::new(Facts {
                status: Some(status),
                received_at: day.and_hms_opt(0, 30, 0),
                ..Facts::default()
            })),
            faults: vec!["nul"],
            payload: serde_json::json!({ "no": 7 }),
            parts: Map::new(),
        }
    }

    #[test]
    fn every_state_of_a_key_is_kept_in_order() {
        let mut truth = Truth::new("petition");
        truth.told("b", state("pending", 1));
        truth.told("a", state("pending", 2));
        truth.told("b", state("resolved", 3));
        truth.gone("a", state("pending", 4).at);
        let keys: Vec<_> = truth.things().iter().map(|thing| thing.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let thing = truth.thing("b").unwrap();
        assert_eq!(thing.states.len(), 2);
        assert_eq!(thing.last().facts().unwrap().status, Some("resolved"));
        assert!(thing.gone.is_none() && truth.thing("a").unwrap().gone.is_some());
    }

    #[test]
    fn a_line_has_the_fields_in_the_form_of_the_unified_demand() {
        let mut truth = Truth::new("petition");
        truth.told("b", state("pending", 1));
        let mut out = Vec::new();
        truth.write_jsonl(&mut out).unwrap();
        let line: Value = serde_json::from_slice(&out).unwrap();
        let demand = &line["states"][0]["outcome"]["demand"];
        // 00:30 in Beijing is the day before in UTC.
        let expected = serde_json::json!(
            { "received_at": "2026-10-08T16:30:00Z", "status": "pending" }
        );
        assert_eq!(demand, &expected);
        assert_eq!(line["states"][0]["payload"]["no"], 7);
    }
}
