//! What every simulated HTTP source stores (behaviour, items, counts of requests), and one item as it is in
//! one of its states.

use chrono::NaiveDateTime;
use serde_json::{Map, Value, json};

use crate::QuirkSet;
use crate::dice::Dice;
use crate::faker::{District, any_district};
use crate::source::register::{Change, Entry, Register};
use crate::source::{Behaviour, RequestCounts};
use crate::text::demand_text;
use crate::time::whole_second;
use crate::truth::{Outcome, ServedState, clean, expected_fields, utc};

/// What every kind of source stores; what only one kind stores is in its `Upstream`.
#[derive(Debug)]
pub(crate) struct SourceState<Q> {
    pub(crate) behaviour: Behaviour<Q>,
    pub(crate) register: Register,
    /// Counts by kind and by reason of refusal, for tests.
    pub(crate) request_counts: RequestCounts,
    /// The number of the present request, from 1; it decides which quirks apply.
    pub(crate) n_requests: u64,
    /// Items filed so far.
    pub(crate) n_filed: u64,
    /// How many items `Simulator::advance_random` had to advance so far; numbers its random streams.
    pub(crate) n_advances: u64,
}

impl<Q: QuirkSet> SourceState<Q> {
    pub(crate) fn new(behaviour: Behaviour<Q>) -> Self {
        let register = Register::new(behaviour.retention);
        let request_counts = RequestCounts::default();
        Self { behaviour, register, request_counts, n_requests: 0, n_filed: 0, n_advances: 0 }
    }

    pub(crate) fn now(&self) -> NaiveDateTime {
        self.behaviour.clock.now()
    }

    /// Whether this quirk applies to the present request.
    pub(crate) fn applies(&self, quirk: Q) -> bool {
        self.behaviour.quirks.applies(quirk, self.n_requests)
    }

    /// Counts a request of this kind.
    pub(crate) fn count_request(&mut self, kind: &'static str) {
        *self.request_counts.by_kind.entry(kind).or_default() += 1;
    }

    /// Counts a refused request.
    pub(crate) fn count_refusal(&mut self, reason: &'static str) {
        *self.request_counts.refused.entry(reason).or_default() += 1;
    }
}

/// An item in one of its states, with the fields that items of all kinds of sources have.
pub(crate) struct Item<'a, Q> {
    behaviour: &'a Behaviour<Q>,
    pub(crate) number: u64,
    pub(crate) change: Change,
    pub(crate) received: NaiveDateTime,
    /// When it reached each of its states up to this one.
    reached: Vec<NaiveDateTime>,
    pub(crate) district: &'static District,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) address: String,
    /// The category of its topic at the hotline.
    pub(crate) category: &'static str,
}

impl<'a, Q: QuirkSet> Item<'a, Q> {
    /// The item, and the random numbers for the fields that only its kind of source has. The caller must
    /// draw these in the same order for all states of an item, so that they have the same values.
    pub(crate) fn new(behaviour: &'a Behaviour<Q>, entry: &Entry, change: Change) -> (Self, Dice) {
        let mut dice = Dice::new(behaviour.seed, entry.number);
        let district = any_district(&mut dice);
        let text = demand_text(&mut dice, district);
        let item = Self {
            behaviour,
            number: entry.number,
            change,
            received: whole_second(entry.received),
            reached: entry.reached.iter().take(change.step + 1).copied().collect(),
            district,
            title: text.title,
            content: text.content,
            address: text.address,
            category: text.category,
        };
        (item, dice)
    }

    /// Whether this quirk applies to the item.
    pub(crate) fn has_quirk(&self, quirk: Q) -> bool {
        self.behaviour.quirks.applies(quirk, self.number)
    }

    /// The element of `states` for the item's state; `states` has one for each state, in order.
    pub(crate) fn state<S: Copy>(&self, states: &[S]) -> S {
        states[self.change.step.min(states.len() - 1)]
    }

    /// When the item reached the state with this index; `None` if it has not.
    pub(crate) fn reached(&self, step: usize) -> Option<NaiveDateTime> {
        self.reached.get(step).copied().map(whole_second)
    }

    /// When the item reached the last of its `steps` states; `None` if it is in an earlier one.
    pub(crate) fn closed_at(&self, steps: usize) -> Option<NaiveDateTime> {
        (self.change.step + 1 >= steps).then(|| whole_second(self.change.at))
    }

    /// The truth about this state. `payload` is how the source serves it. `specific` holds the expected fields that
    /// only this kind of source has; they replace common fields with the same name.
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
        let outcome = Outcome::Demand(expected_fields([common, specific]));
        ServedState { at: self.change.at, outcome, quirks, payload, parts: Map::new() }
    }
}
