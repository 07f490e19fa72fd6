//! The state of a source (its behaviour, items and request counts), and one item in one of its states.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::QuirkSet;
use crate::dice::Dice;
use crate::faker::{District, any_district};
use crate::source::register::{Change, Entry, Register};
use crate::source::{Behaviour, Calls};
use crate::text::demand_text;
use crate::time::whole_second;
use crate::truth::{Outcome, ServedState, clean, facts, utc};

/// The state that all kinds of sources have.
#[derive(Debug)]
pub(crate) struct SourceState<Q> {
    pub(crate) behaviour: Behaviour<Q>,
    pub(crate) register: Register,
    pub(crate) calls: Calls,
    /// Requests so far, including the present one.
    pub(crate) n_requests: u64,
    /// Items filed so far.
    pub(crate) n_filed: u64,
    /// How many advances `advance_random` was asked for so far.
    pub(crate) n_advances: u64,
}

impl<Q: QuirkSet> SourceState<Q> {
    pub(crate) fn new(behaviour: Behaviour<Q>) -> Self {
        let register = Register::new(behaviour.retention);
        let calls = Calls::default();
        Self { behaviour, register, calls, n_requests: 0, n_filed: 0, n_advances: 0 }
    }

    pub(crate) fn now(&self) -> NaiveDateTime {
        self.behaviour.clock.now()
    }

    /// Whether the present request has this quirk.
    pub(crate) fn strikes(&self, quirk: Q) -> bool {
        self.behaviour.quirks.strikes(quirk, self.n_requests)
    }

    /// Counts a request of this kind.
    pub(crate) fn count_request(&mut self, kind: &'static str) {
        *self.calls.by_kind.entry(kind).or_default() += 1;
    }

    /// Counts a refused request.
    pub(crate) fn count_refusal(&mut self, reason: &'static str) {
        *self.calls.refused.entry(reason).or_default() += 1;
    }
}

/// An item in one of its states: what items of all kinds have in common.
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
    /// The item, and the random numbers for the fields that only its kind has. If these are drawn in the
    /// same order, all states of the item have the same values.
    pub(crate) fn new(behaviour: &'a Behaviour<Q>, entry: &Entry, change: Change) -> (Self, Dice) {
        let mut dice = Dice::new(behaviour.seed, entry.number);
        let district = any_district(&mut dice);
        let text = demand_text(&mut dice, district);
        let item = Self {
            behaviour,
            number: entry.number,
            change,
            received: whole_second(entry.received),
            district,
            title: text.title,
            content: text.content,
            address: text.address,
        };
        (item, dice)
    }

    /// Whether the item has this quirk.
    pub(crate) fn has_quirk(&self, quirk: Q) -> bool {
        self.behaviour.quirks.strikes(quirk, self.number)
    }

    /// The name of its state; `states` are the names of all states in order.
    pub(crate) fn state<S: Copy>(&self, states: &[S]) -> S {
        states[self.change.step.min(states.len() - 1)]
    }

    /// When it reached the last of `steps` states, if it did.
    pub(crate) fn closed_at(&self, steps: usize) -> Option<NaiveDateTime> {
        (self.change.step + 1 >= steps).then(|| whole_second(self.change.at))
    }

    /// How this state is served (`payload`), and the facts of its demand. `specific` are the facts that
    /// only its kind has; they replace common facts with the same name.
    pub(crate) fn served_state(&self, specific: Value, payload: Value) -> ServedState {
        let common = json!({
            "title": clean(&self.title),
            "content": clean(&self.content),
            "received_at": utc(self.received),
            "region": self.district.code,
            "region_raw": self.district.code,
        });
        let quirks = self.behaviour.quirks.at(self.number).filter(|q| Q::ITEM_QUIRKS.contains(q));
        let quirks = quirks.map(QuirkSet::name).collect();
        let outcome = Outcome::Demand(facts([common, specific]));
        ServedState { at: self.change.at, outcome, quirks, payload, parts: Map::new() }
    }
}
