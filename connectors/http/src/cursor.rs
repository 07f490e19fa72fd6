//! The position of a channel in its source, and the keys to acknowledge.
//!
//! One position per walk and value of `each`, all in one state that stays small: a walk remembers
//! pages by short hashes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{NaiveDate, TimeDelta};
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{pages::Walk, time::JITTER};

/// How long a walk that is complete waits for the others.
const ROUND: TimeDelta = TimeDelta::minutes(10);

/// A position in a source.
// No field is optional when it is read: the cursor of another channel must not be taken for an empty one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The walk that is next.
    pub(crate) turn: usize,
    /// Walks that were completed since `round`; all of them means caught up.
    pub(crate) done: BTreeSet<usize>,
    /// When the current round of all walks began, by the source's clock.
    pub(crate) round: Option<Timestamp>,
    /// Positions of the walks that find new records, by the value of `each`.
    pub(crate) places: BTreeMap<String, Place>,
    /// Positions of the walks that read again.
    pub(crate) rounds: BTreeMap<String, Round>,
    /// Keys of the last batch that are to be acknowledged.
    pub(crate) owed: Vec<String>,
}

/// A position in one sequence of records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The source's clock when the current walk began; `None` between two walks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<Timestamp>,
    /// The time from which records are requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// The time up to which they are requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The latest readable time of a record ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Timestamp>,
    /// The day that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<NaiveDate>,
    /// The last day that is not read any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<NaiveDate>,
    /// The position among the pages.
    #[serde(default)]
    pub(crate) walk: Walk,
}

/// A walk that is repeated from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Round {
    /// When the last one began, by the source's clock.
    pub(crate) started: Option<Timestamp>,
    /// Its position; `None` when it is complete.
    pub(crate) place: Option<Place>,
}

impl Cursor {
    /// The next walk. Walks that are complete wait for the others, but only for a while: one may have
    /// years to read. `now` is the source's clock; before its first answer no round ends, so that the
    /// same cursor leads to the same request in every process.
    pub(crate) fn next(&mut self, n_turns: usize, now: Option<Timestamp>) -> usize {
        if let Some(now) = now {
            let round = *self.round.get_or_insert(now);
            // A clock that was put back ends the round too.
            if now + JITTER < round || now - round > ROUND {
                self.done.clear();
                self.round = Some(now);
            }
        }
        let turns = (0..n_turns).map(|n| (self.turn + n) % n_turns);
        let turn = turns.into_iter().find(|turn| !self.done.contains(turn)).unwrap_or(0);
        self.turn = (turn + 1) % n_turns;
        turn
    }

    /// Whether all walks are complete; then a new round begins.
    pub(crate) fn is_caught_up(&mut self, n_turns: usize) -> bool {
        let is_caught_up = self.done.len() >= n_turns;
        if is_caught_up {
            self.done.clear();
            self.round = None;
            self.turn = 0;
        }
        is_caught_up
    }
}

impl fmt::Debug for Cursor {
    // Keys must not be in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("owed", &self.owed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
