//! The state of a source: its behaviour, its items and the counts of its requests.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::QuirkSet;
use crate::city::{District, any_district};
use crate::dice::Dice;
use crate::source::register::{Change, Entry, Register};
use crate::source::{Behaviour, Calls};
use crate::text::essay;
use crate::truth::{Outcome, ServedState, cleaned, facts, utc};
use crate::when::whole_second;

/// The state of a source, except for what only its kind knows.
#[derive(Debug)]
pub(crate) struct SourceState<Q> {
    pub(crate) behaviour: Behaviour<Q>,
    pub(crate) register: Register,
    pub(crate) calls: Calls,
    /// Requests so far, this one included.
    pub(crate) requests: u64,
    /// Items filed so far.
    pub(crate) n_filed: u64,
    /// Items that were chosen to move so far.
    pub(crate) n_moved: u64,
}

impl<Q: QuirkSet> SourceState<Q> {
    pub(crate) fn new(behaviour: Behaviour<Q>) -> Self {
        let register = Register::new(behaviour.retention);
        Self { behaviour, register, calls: Calls::default(), requests: 0, n_filed: 0, n_moved: 0 }
    }

    pub(crate) fn now(&self) -> NaiveDateTime {
        self.behaviour.clock.now()
    }

    /// Whether this request has a quirk of requests.
    pub(crate) fn strikes(&self, quirk: Q) -> bool {
        self.behaviour.faults.strikes(quirk, self.requests)
    }

    /// Counts a request of this kind.
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.calls.by_kind.entry(kind).or_default() += 1;
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&mut self, reason: &'static str) {
        *self.calls.refused.entry(reason).or_default() += 1;
    }
}

/// What items of all kinds have in common: one of them in one of its states.
pub(crate) struct Item<'a, Q> {
    behaviour: &'a Behaviour<Q>,
    pub(crate) number: u64,
    pub(crate) change: Change,
    pub(crate) received: NaiveDateTime,
    pub(crate) district: &'static District,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) address: String,
}

impl<'a, Q: QuirkSet> Item<'a, Q> {
    /// The item, and the dice for everything else of it. The same draws in the same order give the
    /// same item.
    pub(crate) fn new(behaviour: &'a Behaviour<Q>, entry: &Entry, change: Change) -> (Self, Dice) {
        let mut dice = Dice::new(behaviour.seed, entry.number);
        let district = any_district(&mut dice);
        let essay = essay(&mut dice, district);
        let item = Self {
            behaviour,
            number: entry.number,
            change,
            received: whole_second(entry.received),
            district,
            title: essay.title,
            content: essay.content,
            address: essay.address,
        };
        (item, dice)
    }

    /// Whether it has a quirk of items.
    pub(crate) fn has_quirk(&self, quirk: Q) -> bool {
        self.behaviour.faults.strikes(quirk, self.number)
    }

    /// The name of its state; `states` has the names in the order of the steps.
    pub(crate) fn state<S: Copy>(&self, states: &[S]) -> S {
        states[self.change.step.min(states.len() - 1)]
    }

    /// When it reached the last of its states, if it did.
    pub(crate) fn closed(&self, steps: usize) -> Option<NaiveDateTime> {
        (self.change.step + 1 >= steps).then(|| whole_second(self.change.at))
    }

    /// This state, as it is served and what must come of it. `own` are the facts that only its kind
    /// has; they replace those that all kinds have in common.
    pub(crate) fn served_state(&self, own: Value, payload: Value) -> ServedState {
        let common = json!({
            "title": cleaned(&self.title),
            "content": cleaned(&self.content),
            "received_at": utc(self.received),
            "region": self.district.code,
            "region_raw": self.district.code,
        });
        let quirks = self.behaviour.faults.at(self.number).filter(|q| Q::OF_ITEMS.contains(q));
        let faults = quirks.map(QuirkSet::name).collect();
        let outcome = Outcome::Demand(facts([common, own]));
        ServedState { at: self.change.at, outcome, faults, payload, parts: Map::new() }
    }
}
