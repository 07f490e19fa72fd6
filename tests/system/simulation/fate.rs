//! What a seed decides at every await: the waits, the changes of the source, the jumps of the clock and the faults.

use std::{fmt, time::Duration};

use contract::FaultKind;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{settings::Settings, source::Order};

/// Where a fault can strike: the verbs with an await, and what the loops do besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Await {
    Load,
    Reserve,
    Read,
    Deliver,
    Advance,
    Settle,
    KeepExchange,
    Take,
    Keep,
    Ack,
}

/// Before the effect of a verb, or after it: then it is done, and reported as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It returns a fault of this kind.
    Fault(FaultKind),
    /// It stays pending, and its process is dropped some time later.
    Crash,
    /// It stays pending, and its loop is dropped; the other loop goes on.
    Dropped,
    /// It delivers the first message only, and returns a fault.
    Partly,
}

/// What happens at one await.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Waits before and after the effect, in ticks.
    pub(crate) before: u64,
    pub(crate) after: u64,
    pub(crate) harm: Option<(Moment, Harm)>,
}

/// What happens to the messages that are taken together.
#[derive(Debug)]
pub(crate) enum Disorder {
    /// They are delivered in another order.
    Shuffled(Box<ChaCha8Rng>),
    /// This many of them are delivered later.
    Late(usize),
    /// The message that came this many messages ago is delivered again.
    Again(usize),
}

/// Decides at every await what happens.
#[derive(Debug)]
pub(crate) struct Fate {
    dice: ChaCha8Rng,
    settings: Settings,
    /// The faults so far, in order.
    pub(crate) faults: Vec<String>,
    n_left: usize,
    /// Whether faults and changes are over.
    pub(crate) is_calm: bool,
    /// How much the clock of the process is ahead, in milliseconds.
    pub(crate) clock_ahead: i64,
    /// How many processes took the lease from one that is alive.
    n_takeovers: usize,
    /// How often something was awaited.
    pub(crate) n_awaits: usize,
}

impl Fate {
    pub(crate) fn new(seed: u64, settings: Settings, is_calm: bool) -> Self {
        let dice = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
        let n_left = if is_calm { 0 } else { settings.n_faults };
        let faults = Vec::new();
        Self {
            dice,
            settings,
            faults,
            n_left,
            is_calm,
            clock_ahead: 0,
            n_takeovers: 0,
            n_awaits: 0,
        }
    }

    pub(crate) fn ticks(&mut self) -> u64 {
        self.dice.random_range(0..=self.settings.max_ticks)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.dice.random_bool(0.5)
    }

    /// How many states come now.
    pub(crate) fn n_changes(&mut self) -> usize {
        if self.dice.random_bool(0.4) {
            self.dice.random_range(1..=self.settings.max_changes)
        } else {
            0
        }
    }

    /// Whether all faults have happened.
    pub(crate) fn is_over(&self) -> bool {
        self.n_left == 0
    }

    pub(crate) fn plan(&mut self, now: Duration, at: Await) -> Plan {
        self.n_awaits += 1;
        let factor = match at {
            Await::Take | Await::Keep | Await::Ack => self.settings.slowness,
            _ => 1,
        };
        let (before, after) = (self.ticks() * factor, self.ticks() * factor);
        let mut plan = Plan { before, after, harm: None };
        if self.strikes() {
            let moment = if self.coin() { Moment::Before } else { Moment::After };
            let harm = match self.dice.random_range(0..100) {
                0..30 => Harm::Fault(FaultKind::Transient),
                30..40 => Harm::Fault(FaultKind::Throttled(Duration::ZERO)),
                40..50 => Harm::Fault(FaultKind::Stopped),
                50..65 if at == Await::Deliver => Harm::Partly,
                50..80 => Harm::Crash,
                _ => Harm::Dropped,
            };
            // A part of the effect is an effect.
            let moment = if harm == Harm::Partly { Moment::After } else { moment };
            self.note(now, format_args!("{at:?}: {harm:?}, {moment:?} its effect"));
            plan.harm = Some((moment, harm));
        }
        plan
    }

    /// What happens to the messages that are taken next, if anything does.
    pub(crate) fn disorder(&mut self, now: Duration) -> Option<Disorder> {
        if !self.strikes() {
            return None;
        }
        let (disorder, what) = match self.dice.random_range(0..3) {
            0 => (Disorder::Late(self.dice.random_range(1..4)), "some messages are late"),
            1 => (Disorder::Again(self.dice.random_range(0..20)), "a message is delivered again"),
            _ => {
                let dice = ChaCha8Rng::seed_from_u64(self.dice.random());
                (Disorder::Shuffled(Box::new(dice)), "messages are in another order")
            }
        };
        self.note(now, format_args!("Take: {what}"));
        Some(disorder)
    }

    /// Whether the process is told to stop, after the batch in flight.
    pub(crate) fn stops(&mut self, now: Duration) -> bool {
        let stops = self.strikes() && self.dice.random_bool(0.2);
        if stops {
            self.note(now, format_args!("the process is stopped in order"));
        }
        stops
    }

    /// Whether another process takes the lease from the one that runs.
    pub(crate) fn takes_over(&mut self, now: Duration) -> bool {
        let takes =
            !self.settings.is_embedded && self.n_takeovers < 2 && self.strikes() && self.coin();
        if takes {
            self.n_takeovers += 1;
            self.note(now, format_args!("another process takes the lease"));
        }
        takes
    }

    /// Lets the clock of the process jump, sometimes.
    pub(crate) fn jump(&mut self, now: Duration) {
        if !self.dice.random_bool(0.02) {
            return;
        }
        // A day ahead of the source, its records would come from the future.
        let hours = if self.settings.order == Order::Times { 20 } else { 24 * 365 * 10 };
        self.clock_ahead = self.dice.random_range(-hours..=hours) * 3_600_000;
        let text = format!(
            "{:>8} ms  the clock is off by {} h",
            now.as_millis(),
            self.clock_ahead / 3_600_000
        );
        self.faults.push(text);
    }

    /// The number of faults so far; a jump of the clock is none.
    pub(crate) fn n_faults(&self) -> usize {
        self.settings.n_faults - self.n_left
    }

    fn strikes(&mut self) -> bool {
        self.n_left > 0 && self.dice.random_bool(self.settings.fault_rate)
    }

    fn note(&mut self, now: Duration, what: fmt::Arguments<'_>) {
        self.n_left -= 1;
        self.faults.push(format!("{:>8} ms  {what}", now.as_millis()));
    }
}
