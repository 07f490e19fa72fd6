//! What a source works with while it answers: its conduct, what it holds, and the counts.

use chrono::{NaiveDateTime, TimeDelta};

use crate::city::{DISTRICTS, District};
use crate::dice::Dice;
use crate::source::register::Register;
use crate::source::{Calls, Conduct};
use crate::text::{Essay, essay};
use crate::{Corpus, Switch};

/// The state of a source beside what only its kind knows.
#[derive(Debug)]
pub(crate) struct Office<F> {
    pub(crate) conduct: Conduct<F>,
    pub(crate) register: Register,
    pub(crate) calls: Calls,
    /// Requests so far, this one included.
    pub(crate) requests: u64,
    /// Numbers given so far.
    pub(crate) filed: u64,
    /// Choices made so far of what moves.
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

    /// Whether a fault of the wire strikes this request.
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

impl<F: Switch> Conduct<F> {
    /// The dice of an item; whoever throws them in the same order gets the same item.
    pub(crate) fn dice(&self, number: u64) -> Dice {
        Dice::new(self.seed, number)
    }

    /// Whether a fault strikes the item with this number.
    pub(crate) fn spoils(&self, fault: F, number: u64) -> bool {
        self.faults.strikes(fault, number)
    }

    /// What an item is about, and where. The words are those of the corpus if there is one.
    pub(crate) fn essay(&self, dice: &mut Dice, number: u64) -> (Essay, &'static District) {
        let district = DISTRICTS[dice.below(DISTRICTS.len())];
        let mut essay = essay(dice, district);
        if let Some(piece) = self.corpus.text(number) {
            essay.title.clone_from(&piece.title);
            essay.content.clone_from(&piece.content);
        }
        (essay, district)
    }

    /// Whether there are words for an item with this number.
    pub(crate) fn has_words(&self, number: u64) -> bool {
        matches!(self.corpus, Corpus::Generated) || self.corpus.text(number).is_some()
    }

    /// The names of the faults that strike the item.
    pub(crate) fn names(&self, number: u64) -> Vec<&'static str> {
        let due = self.faults.at(number).filter(|fault| F::OF_ITEMS.contains(fault));
        due.map(Switch::name).collect()
    }
}

/// Milliseconds since 1970 of a time in Beijing.
pub(crate) fn epoch_ms(beijing: NaiveDateTime) -> i64 {
    (beijing - TimeDelta::hours(8)).and_utc().timestamp_millis()
}

/// Seconds since 1970 of a time in Beijing.
pub(crate) fn epoch(beijing: NaiveDateTime) -> i64 {
    epoch_ms(beijing).div_euclid(1_000)
}

/// A time in Beijing as HTTP writes it, `Tue, 09 Nov 2021 08:49:20 GMT`.
pub(crate) fn http_date(beijing: NaiveDateTime) -> String {
    (beijing - TimeDelta::hours(8)).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The time to the second, as sources show it.
pub(crate) fn whole_second(at: NaiveDateTime) -> NaiveDateTime {
    use chrono::Timelike as _;
    at.with_nanosecond(0).unwrap_or(at)
}
