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

pub(crate) use self::facts::cleaned;
pub use self::facts::{Attachment, Business, Doubt, Facts, Person, Place, Repeat, Step};

/// Everything one channel ever served. Cloning is cheap: states are shared.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The channel's name, which is the name of its folder: `hotline`, `petition` and so on.
    pub channel: &'static str,
    pub(crate) history: History<Told>,
}

/// All keys of a source with their states, in the order they first appeared.
#[derive(Clone, Debug)]
pub(crate) struct History<S> {
    pub(crate) things: Vec<Thing<S>>,
    places: HashMap<String, usize>,
}

/// One key of a source, with its states.
#[derive(Clone, Debug)]
pub struct Thing<S = Told> {
    /// The source's stable key.
    pub key: String,
    /// All states in the order they became visible (see [`Memory`]); never empty.
    pub states: Vec<Arc<S>>,
    /// When the source deleted it, if it did. A reader who had not read it by then never can, nor
    /// any part of it that takes another request.
    pub gone: Option<NaiveDateTime>,
}

/// One state of a thing.
#[derive(Clone, Debug)]
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
    pub parts: Map<String, Value>,
}

/// What a correct reader makes of a state.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A demand with at least these fields.
    Demand(Box<Facts>),
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
    /// It has no key.
    NoKey,
    /// It has no readable revision, in a channel where only the revision orders its states.
    NoRevision,
}

/// How much of the past is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
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
    pub(crate) fn told(&mut self, key: &str, state: Told) {
        self.history.add(key, state, Memory::All);
    }
}

impl<S> History<S> {
    pub(crate) fn new() -> Self {
        Self { things: Vec::new(), places: HashMap::new() }
    }

    pub(crate) fn thing(&self, key: &str) -> Option<&Thing<S>> {
        self.places.get(key).map(|place| &self.things[*place])
    }

    /// Records a state of a key.
    pub(crate) fn add(&mut self, key: &str, state: S, memory: Memory) {
        let place = *self.places.entry(key.to_owned()).or_insert(self.things.len());
        if place == self.things.len() {
            self.things.push(Thing { key: key.to_owned(), states: Vec::new(), gone: None });
        }
        let states = &mut self.things[place].states;
        if memory == Memory::Newest {
            states.clear();
        }
        states.push(Arc::new(state));
    }

    /// Records that the source deleted a thing.
    pub(crate) fn gone(&mut self, key: &str, at: NaiveDateTime) {
        if let Some(place) = self.places.get(key) {
            self.things[*place].gone = Some(at);
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
        truth.history.gone("a", state("pending", 4).at);
        let keys: Vec<_> = truth.things().iter().map(|thing| thing.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let thing = truth.thing("b").unwrap();
        assert_eq!(thing.states.len(), 2);
        assert_eq!(thing.last().facts().unwrap().status, Some("resolved"));
        assert!(thing.gone.is_none() && truth.thing("a").unwrap().gone.is_some());
    }

    #[test]
    fn facts_are_said_in_the_form_of_the_unified_demand() {
        let said = Value::Object(state("pending", 1).facts().unwrap().said());
        // 00:30 in Beijing is the day before in UTC.
        let expected = serde_json::json!(
            { "received_at": "2026-10-08T16:30:00Z", "status": "pending" }
        );
        assert_eq!(said, expected);
    }
}
