//! The life of a case: what happened to it, and when. The columns about handling and the rows of the other
//! tables follow from it (see [`Dossier`]), so a case keeps only a few bytes for each event.

mod dossier;
mod event;
mod rows;
mod units;

use chrono::{NaiveDateTime, TimeDelta};

use crate::dice::Dice;
use crate::hotline::lifecycle;

use self::event::Event;

pub use self::dossier::Dossier;
pub use self::rows::{Step, Task, Visit};

/// What happened to a case so far, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// The seed of what the events leave open: the units, the limits and the words.
    seed: u64,
    /// The number of the case, from 1.
    number: u64,
    /// Whether the citizen is called back about the result.
    has_visit: bool,
    events: Vec<(NaiveDateTime, Event)>,
}

/// How far a case is when it is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has just come in.
    New,
    /// It came in earlier.
    InProgress,
}

/// Keeps the random streams of lives apart from those of the texts of the same cases.
const STREAMS: u64 = 0x11FE_0000_0000_0000;

impl Life {
    /// A case that came in with the status code `first`, and went on until `at`, when it has the status that
    /// is returned too, with the time at which the citizen's call began. `call` is the length of the call.
    pub(super) fn until(
        at: NaiveDateTime,
        call: TimeDelta,
        (first, stage): (&'static str, Stage),
        (seed, number, has_visit): (u64, u64, bool),
    ) -> (Self, &'static str, NaiveDateTime) {
        let mut dice = Dice::new(seed ^ STREAMS, number);
        let mut n_steps = [0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12][dice.below(12)];
        // Nearly all cases are dispatched on the day on which they come in.
        if ["15", "25"].contains(&first) && !dice.one_in(6) {
            n_steps += 2;
        }
        if stage == Stage::New {
            n_steps = 0;
        }
        let mut statuses = vec![first];
        for _ in 0..n_steps {
            let next = lifecycle::next_status(&mut dice, statuses[statuses.len() - 1]);
            statuses.push(next);
        }
        let waits: Vec<_> = statuses[1..].iter().map(|_| wait(&mut dice)).collect();
        let begin = at - waits.iter().sum::<TimeDelta>();
        let mut life = Self { seed, number, has_visit, events: Vec::new() };
        life.events.push((begin - call / 2, Event::Accepted));
        let mut now = begin;
        life.enter(first, now);
        for (status, wait) in statuses[1..].iter().zip(waits) {
            now += wait;
            life.enter(status, now);
        }
        (life, statuses[statuses.len() - 1], begin - call)
    }

    /// Adds what happens when a case gets this status (a code or a label).
    pub(super) fn enter(&mut self, status: &str, now: NaiveDateTime) {
        let mut dice = Dice::new(self.seed ^ STREAMS, self.number << 16 | self.events.len() as u64);
        let before = self.events.last().map_or(now, |(at, _)| *at);
        // Some events happen on the way from the status before. The sources write whole seconds.
        let between =
            |part: i32| before + TimeDelta::seconds((now - before).num_seconds() / 5) * part;
        let has = |event| self.events.iter().any(|(_, known)| *known == event);
        let after_visit = self.events.last().is_some_and(|(_, last)| *last == Event::Dissatisfied);
        let mut add = Vec::new();
        match lifecycle::code(status) {
            "35" => add.push((now, Event::Dispatched)),
            "40" if after_visit => add.push((now, Event::Supervised)),
            "40" => {
                if !has(Event::Dispatched) {
                    add.push((between(1), Event::Dispatched));
                }
                add.push((now, Event::Signed));
            }
            "45" => add.push((now, Event::Returned)),
            "50" => {
                if !has(Event::Contacted) {
                    add.push((between(1), Event::Contacted));
                }
                if dice.one_in(6) {
                    add.push((between(2), Event::Extended));
                }
                add.push((now, Event::Reported));
            }
            "60" => add.push((now, Event::Checked)),
            "65" => add.push((now, Event::Dissatisfied)),
            "80" => {
                if self.has_visit {
                    add.push((between(4), Event::Satisfied));
                }
                add.push((now, Event::Finished));
            }
            "100" if !has(Event::Archived) => {
                if !has(Event::Finished) {
                    add.push((between(4), Event::Finished));
                }
                add.push((now, Event::Archived));
            }
            _ => {}
        }
        self.events.extend(add);
    }

    /// The columns and rows that say what happened; `rowguid` is the key of the case.
    #[must_use]
    pub fn dossier(&self, rowguid: &str) -> Dossier {
        dossier::tell(self, rowguid)
    }
}

/// The time until the next status: ten minutes to thirty hours.
fn wait(dice: &mut Dice) -> TimeDelta {
    TimeDelta::seconds(i64::from(dice.between(600, 108_000)))
}

#[cfg(test)]
mod tests;
