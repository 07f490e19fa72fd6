//! Where a channel stands in its source, and what it still owes it.
//!
//! One position per walk and value of `each`, all in one state that stays small: what a walk has
//! to remember of pages are short prints of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{NaiveDate, TimeDelta};
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{pages::Walk, time::JITTER};

/// So long a walk that has come to its end waits for others.
const ROUND: TimeDelta = TimeDelta::minutes(10);

/// A position in a source.
// Nothing here is optional when it is read back: a foreign cursor must not pass for a beginning.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Whose turn it is among the walks.
    pub(crate) turn: usize,
    /// Walks that have come to their end since `round`; all of them means caught up.
    pub(crate) done: BTreeSet<usize>,
    /// When this round of all walks began, by the source's clock.
    pub(crate) round: Option<Timestamp>,
    /// Positions of the walks that find what is new, by the value of `each`.
    pub(crate) places: BTreeMap<String, Place>,
    /// Positions of the walks that read again.
    pub(crate) rounds: BTreeMap<String, Round>,
    /// Keys of the last batch, which the source has yet to be told.
    pub(crate) owed: Vec<String>,
}

/// A position in one sequence of records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// The source's clock when the walk under way began; `None`: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<Timestamp>,
    /// Records are asked for from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// And up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The greatest usable time of a record ever seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seen: Option<Timestamp>,
    /// The day that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<NaiveDate>,
    /// The last day that needs no reading any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<NaiveDate>,
    /// Among the pages.
    #[serde(default)]
    pub(crate) walk: Walk,
}

/// A walk that is taken up anew from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Round {
    /// When the last one was begun, by the source's clock.
    pub(crate) started: Option<Timestamp>,
    /// Where it is; `None` when it is over.
    pub(crate) place: Option<Place>,
}

impl Cursor {
    /// The walk whose turn it is: those that have come to their end wait for the others, but not
    /// longer than a while, because one may have years to read.
    /// `now` is the source's clock, once it has said what time it is: until then no round ends, so
    /// that the same cursor leads to the same question whoever asks.
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

    /// Whether all walks have come to their end; then a new round begins.
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
    // Keys of the source are nothing for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("owed", &self.owed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_take_turns_and_one_that_is_done_waits_for_the_others_but_not_for_ever() {
        let mut cursor = Cursor::default();
        let now: Timestamp = "2026-10-09T10:00:00Z".parse().unwrap();
        let turns = |cursor: &mut Cursor, n: usize, now| -> Vec<usize> {
            (0..n).map(|_| cursor.next(3, Some(now))).collect()
        };
        assert_eq!(turns(&mut cursor, 4, now), [0, 1, 2, 0]);
        cursor.done.insert(1);
        assert_eq!(turns(&mut cursor, 3, now), [2, 0, 2]);
        assert_eq!(turns(&mut cursor, 3, now + TimeDelta::minutes(11)), [0, 1, 2]);
        cursor.done.extend([0, 1, 2]);
        assert!(cursor.is_caught_up(3) && cursor == Cursor::default());
    }

    #[test]
    fn a_foreign_cursor_is_not_taken_for_a_beginning() {
        let own = serde_json::to_value(Cursor::default()).unwrap();
        assert!(serde_json::from_value::<Cursor>(own.clone()).is_ok());
        let mut newer = own;
        newer["more"] = true.into();
        for foreign in [newer, serde_json::json!({}), serde_json::json!({ "page": 7 })] {
            assert!(serde_json::from_value::<Cursor>(foreign.clone()).is_err(), "{foreign}");
        }
    }
}
