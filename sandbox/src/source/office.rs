//! What a source works with while it answers: its conduct, its items and the counts.

use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use crate::Switch;
use crate::city::{District, any_district};
use crate::dice::Dice;
use crate::source::register::{Entry, Mark, Register};
use crate::source::{Calls, Conduct};
use crate::text::essay;
use crate::truth::{Facts, Outcome, Told, cleaned};
use crate::when::whole_second;

/// The state of a source, except for what only its kind knows.
#[derive(Debug)]
pub(crate) struct Office<F> {
    pub(crate) conduct: Conduct<F>,
    pub(crate) register: Register,
    pub(crate) calls: Calls,
    /// Requests so far, this one included.
    pub(crate) requests: u64,
    /// Items filed so far.
    pub(crate) filed: u64,
    /// Items chosen so far to move.
    pub(crate) touched: u64,
}

impl<F: Switch> Office<F> {
    pub(crate) fn new(conduct: Conduct<F>) -> Self {
        let register = Register::new(conduct.memory);
        Self { conduct, register, calls: Calls::default(), requests: 0, filed: 0, touched: 0 }
    }

    pub(crate) fn now(&self) -> NaiveDateTime {
        self.conduct.clock.now()
    }

    /// Whether a fault of requests strikes this request.
    pub(crate) fn strikes(&self, fault: F) -> bool {
        self.conduct.faults.strikes(fault, self.requests)
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
pub(crate) struct Item<'a, F> {
    conduct: &'a Conduct<F>,
    pub(crate) number: u64,
    pub(crate) mark: Mark,
    pub(crate) received: NaiveDateTime,
    pub(crate) district: &'static District,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) address: String,
}

impl<'a, F: Switch> Item<'a, F> {
    /// The item, and the dice for everything else of it. The same draws in the same order give the
    /// same item.
    pub(crate) fn new(conduct: &'a Conduct<F>, entry: &Entry, mark: Mark) -> (Self, Dice) {
        let mut dice = Dice::new(conduct.seed, entry.number);
        let district = any_district(&mut dice);
        let essay = essay(&mut dice, district);
        let item = Self {
            conduct,
            number: entry.number,
            mark,
            received: whole_second(entry.received),
            district,
            title: essay.title,
            content: essay.content,
            address: essay.address,
        };
        (item, dice)
    }

    /// Whether a fault of items strikes this one.
    pub(crate) fn spoils(&self, fault: F) -> bool {
        self.conduct.faults.strikes(fault, self.number)
    }

    /// What its state is called, out of those on its way.
    pub(crate) fn state<S: Copy>(&self, states: &[S]) -> S {
        states[self.mark.step.min(states.len() - 1)]
    }

    /// When it reached the last of its states, if it did.
    pub(crate) fn closed(&self, steps: usize) -> Option<NaiveDateTime> {
        (self.mark.step + 1 >= steps).then(|| whole_second(self.mark.at))
    }

    /// The facts that all kinds have in common.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            title: Some(cleaned(&self.title)),
            content: Some(cleaned(&self.content)),
            received_at: Some(self.received),
            region: Some(self.district.code.to_owned()),
            region_raw: Some(self.district.code.to_owned()),
            ..Facts::default()
        }
    }

    /// This state, as it is served and what must come of it.
    pub(crate) fn told(&self, facts: Facts, payload: Value, parts: Map<String, Value>) -> Told {
        let faults = self.conduct.faults.at(self.number).filter(|f| F::OF_ITEMS.contains(f));
        let faults = faults.map(Switch::name).collect();
        let outcome = Outcome::Demand(Box::new(facts));
        Told { at: self.mark.at, outcome, faults, payload, parts }
    }
}
