//! The truth, in one form for all channels: everything a source ever served, recorded by the
//! source.
//!
//! A test that only counted records would pass a gateway that delivers the right number of wrong
//! records, or skips the middle one of three states. So every key has the list of its states in the
//! order they became visible. A state has both ends: the payload as it was served, and the fields
//! of the unified demand that must come out. The payload is compared with the record that the
//! gateway keeps sealed, the fields with the row.

mod facts;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

pub use self::facts::Facts;
pub(crate) use self::facts::{cleaned, facts, main_person, quality_flag, unified, utc};

/// Everything one channel ever served. Cloning is cheap: states are shared.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The channel's name, which is the name of its folder: `hotline`, `petition` and so on.
    pub channel: &'static str,
    pub(crate) history: History<ServedState>,
}

/// All keys of a source with their states, in the order they first appeared.
#[derive(Clone, Debug)]
pub(crate) struct History<S> {
    pub(crate) things: Vec<Thing<S>>,
    index_by_key: HashMap<String, usize>,
}

/// One key of a source, with its states.
#[derive(Clone, Debug)]
pub struct Thing<S = ServedState> {
    /// The source's stable key.
    pub key: String,
    /// All states in the order they became visible (see [`Retention`]); never empty.
    pub states: Vec<Arc<S>>,
    /// When the source deleted it, if it did. A reader who had not read it by then never can, nor
    /// any part of it that takes another request.
    pub gone: Option<NaiveDateTime>,
}

/// One state of a thing.
#[derive(Clone, Debug)]
pub struct ServedState {
    /// When it became visible, in Beijing.
    pub at: NaiveDateTime,
    /// What a correct reader must make of it.
    pub outcome: Outcome,
    /// Names of the quirks in it.
    pub faults: Vec<&'static str>,
    /// The record as it was served, decoded. A row is an object of its columns; XML is a tree in
    /// which children are always arrays and text is `$text`.
    pub payload: Value,
    /// What belongs to it and is served elsewhere, by the name of the part: rows of another table,
    /// the answer of a detail call.
    pub parts: Map<String, Value>,
}

/// What a correct reader makes of a state.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A demand with at least these fields.
    Demand(Facts),
    /// It must go to quarantine, with its bytes.
    Reject(Class),
}

/// Why a record cannot become a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Its text is not valid in the charset of the source.
    MalformedBytes,
    /// Its structure is broken: XML that ends early, a row with too few fields.
    Unreadable,
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// Every state: for tests.
    #[default]
    All,
    /// Only the newest state of each thing, so that a city that runs for days does not grow.
    Newest,
}

impl Truth {
    pub(crate) fn new(channel: &'static str) -> Self {
        Self { channel, history: History::new() }
    }

    /// All things, in the order they first appeared.
    #[must_use]
    pub fn things(&self) -> &[Thing] {
        &self.history.things
    }

    /// The thing with this key.
    #[must_use]
    pub fn thing(&self, key: &str) -> Option<&Thing> {
        self.history.thing(key)
    }

    /// Records a state.
    pub(crate) fn add(&mut self, key: &str, state: ServedState) {
        self.history.add(key, state, Retention::All);
    }
}

impl<S> History<S> {
    pub(crate) fn new() -> Self {
        Self { things: Vec::new(), index_by_key: HashMap::new() }
    }

    pub(crate) fn thing(&self, key: &str) -> Option<&Thing<S>> {
        self.index_by_key.get(key).map(|index| &self.things[*index])
    }

    /// Records a state of a key.
    pub(crate) fn add(&mut self, key: &str, state: S, retention: Retention) {
        let index = *self.index_by_key.entry(key.to_owned()).or_insert(self.things.len());
        if index == self.things.len() {
            self.things.push(Thing { key: key.to_owned(), states: Vec::new(), gone: None });
        }
        let states = &mut self.things[index].states;
        if retention == Retention::Newest {
            states.clear();
        }
        states.push(Arc::new(state));
    }

    /// Records that the source deleted a thing.
    pub(crate) fn delete(&mut self, key: &str, at: NaiveDateTime) {
        if let Some(index) = self.index_by_key.get(key) {
            self.things[*index].gone = Some(at);
        }
    }
}

impl<S> Thing<S> {
    /// The newest state.
    #[must_use]
    pub fn last(&self) -> &S {
        &self.states[self.states.len() - 1]
    }
}

impl ServedState {
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
    use serde_json::json;

    use super::*;

    fn state(status: &'static str, minute: u32) -> ServedState {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 10, 9).unwrap();
        ServedState {
            at: day.and_hms_opt(10, minute, 0).unwrap(),
            outcome: Outcome::Demand(facts([json!({
                "status": status,
                "received_at": day.and_hms_opt(0, 30, 0).map(utc),
                "reply": null,
                "trail": [],
            })])),
            faults: vec!["nul"],
            payload: json!({ "no": 7 }),
            parts: Map::new(),
        }
    }

    #[test]
    fn every_state_of_a_key_is_kept_in_order() {
        let mut truth = Truth::new("petition");
        truth.add("b", state("pending", 1));
        truth.add("a", state("pending", 2));
        truth.add("b", state("resolved", 3));
        truth.history.delete("a", state("pending", 4).at);
        let keys: Vec<_> = truth.things().iter().map(|thing| thing.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let thing = truth.thing("b").unwrap();
        assert_eq!(thing.states.len(), 2);
        assert_eq!(thing.last().facts().unwrap()["status"], "resolved");
        assert!(thing.gone.is_none() && truth.thing("a").unwrap().gone.is_some());
    }

    #[test]
    fn facts_have_the_form_of_the_unified_demand() {
        let facts = Value::Object(state("pending", 1).facts().unwrap().clone());
        // 00:30 in Beijing is the day before in UTC.
        let expected = json!({ "received_at": "2026-10-08T16:30:00Z", "status": "pending" });
        assert_eq!(facts, expected);
    }
}
