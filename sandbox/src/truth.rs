//! The truth: a source's own account of everything that it ever served, in one form for all channels.
//!
//! A test that only counts records does not notice wrong records, or a missing state between two
//! others. So the truth has all states of every record, in the order in which they became visible. A state
//! has the payload that was served, which tests compare with the raw record in the store, and the fields
//! of the unified demand that it must become, which tests compare with the stored demand.

mod expected;
mod work_time;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

pub use self::expected::ExpectedFields;
pub(crate) use self::expected::{
    clean, expected_fields, main_person, quality_flag, unified_code, utc,
};
pub(crate) use self::work_time::deadline;

/// Everything that one source ever served. Clones share the states.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The name of the channel, which is also the name of its configuration folder.
    pub channel: &'static str,
    pub(crate) history: History<ServedState>,
}

/// All records of a source, in the order in which they first appeared.
#[derive(Clone, Debug)]
pub(crate) struct History<S> {
    pub(crate) records: Vec<Record<S>>,
    index_by_key: HashMap<String, usize>,
}

/// One record of a source, with all its states.
#[derive(Clone, Debug)]
pub struct Record<S = ServedState> {
    /// The key of the record in the source.
    pub key: String,
    /// Its states, in the order in which they became visible. Never empty; see also [`Retention`].
    pub states: Vec<Arc<S>>,
    /// When the source deleted it; `None` if it still exists. A reader cannot read a deleted record.
    pub deleted_at: Option<NaiveDateTime>,
}

/// One state of a record.
#[derive(Clone, Debug)]
pub struct ServedState {
    /// When it became visible, in Beijing time.
    pub at: NaiveDateTime,
    /// What a correct reader must make of the state.
    pub outcome: Outcome,
    /// The names of its quirks.
    pub quirks: Vec<&'static str>,
    /// The record as it was served, decoded. A row is an object of its columns; XML is a tree in
    /// which children are always arrays and text is `$text`.
    pub payload: Value,
    /// Further data of the record that the source serves separately, by name: rows of another table, or
    /// the answer to a request for details.
    pub parts: Map<String, Value>,
}

/// What a correct reader makes of a state.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A demand with at least these fields.
    Demand(ExpectedFields),
    /// A rejected record, which must go to quarantine with its bytes.
    Reject(RejectReason),
}

/// Why a record cannot become a demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// Its bytes are not valid in the charset of the source.
    MalformedBytes,
    /// Its structure is broken: XML that ends early, a row with too few fields.
    Unreadable,
}

/// Which states of a record a source keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retention {
    /// All states, for tests.
    #[default]
    All,
    /// Only the newest state, so that a city that runs for days does not fill the memory.
    Newest,
}

impl Truth {
    pub(crate) fn new(channel: &'static str) -> Self {
        Self { channel, history: History::new() }
    }

    /// All records, in the order in which they first appeared.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.history.records
    }

    /// The record with this key.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<&Record> {
        self.history.record(key)
    }

    /// Adds a state of a record.
    pub(crate) fn add(&mut self, key: &str, state: ServedState) {
        self.history.add(key, state, Retention::All);
    }
}

impl<S> History<S> {
    pub(crate) fn new() -> Self {
        Self { records: Vec::new(), index_by_key: HashMap::new() }
    }

    pub(crate) fn record(&self, key: &str) -> Option<&Record<S>> {
        self.index_by_key.get(key).map(|index| &self.records[*index])
    }

    /// Adds a state of a record. With [`Retention::Newest`], it replaces the earlier states.
    pub(crate) fn add(&mut self, key: &str, state: S, retention: Retention) {
        let index = *self.index_by_key.entry(key.to_owned()).or_insert(self.records.len());
        if index == self.records.len() {
            self.records.push(Record { key: key.to_owned(), states: Vec::new(), deleted_at: None });
        }
        let states = &mut self.records[index].states;
        if retention == Retention::Newest {
            states.clear();
        }
        states.push(Arc::new(state));
    }

    /// Marks a record as deleted.
    pub(crate) fn delete(&mut self, key: &str, at: NaiveDateTime) {
        if let Some(index) = self.index_by_key.get(key) {
            self.records[*index].deleted_at = Some(at);
        }
    }
}

impl<S> Record<S> {
    /// The newest state.
    #[must_use]
    pub fn last(&self) -> &S {
        &self.states[self.states.len() - 1]
    }
}

impl ServedState {
    /// The fields of the demand that this state must become; `None` if it must be rejected.
    #[must_use]
    pub fn expected_fields(&self) -> Option<&ExpectedFields> {
        match &self.outcome {
            Outcome::Demand(fields) => Some(fields),
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
            outcome: Outcome::Demand(expected_fields([json!({
                "status": status,
                "received_at": day.and_hms_opt(0, 30, 0).map(utc),
                "reply": null,
                "trail": [],
            })])),
            quirks: vec!["nul"],
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
        let keys: Vec<_> = truth.records().iter().map(|record| record.key.as_str()).collect();
        assert_eq!(keys, ["b", "a"]);
        let record = truth.record("b").unwrap();
        assert_eq!(record.states.len(), 2);
        assert_eq!(record.last().expected_fields().unwrap()["status"], "resolved");
        assert!(record.deleted_at.is_none() && truth.record("a").unwrap().deleted_at.is_some());
    }

    #[test]
    fn expected_fields_have_the_form_of_the_unified_demand() {
        let fields = Value::Object(state("pending", 1).expected_fields().unwrap().clone());
        // 00:30 in Beijing is the day before in UTC.
        let expected = json!({ "received_at": "2026-10-08T16:30:00Z", "status": "pending" });
        assert_eq!(fields, expected);
    }
}
