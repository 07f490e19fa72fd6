//! The plan for an intake: the rows that a store must write.

use std::collections::HashMap;

use contract::{Demand, DemandId, DemandState, Digest, MessageId, Outcomes, Timestamp};
use serde::{Deserialize, Serialize};

use super::quarantine::Quarantined;
use crate::store::database::sql::Value;

/// The rows that a store must write for an intake.
#[derive(Debug, Default)]
pub(crate) struct IntakePlan<'a> {
    /// New and changed demands, in the order in which they first appeared in the intake.
    pub(crate) changes: Vec<DemandChange<'a>>,
    pub(crate) history: Vec<HistoryEntry<'a>>,
    /// One row per id.
    pub(crate) quarantined: Vec<Quarantined>,
    pub(crate) receipts: Vec<Receipt>,
    /// Messages that were kept before, once for each further delivery.
    pub(crate) redelivered: Vec<&'a MessageId>,
    pub(crate) outcomes: Outcomes,
}

impl IntakePlan<'_> {
    /// Number of demands that the store has no row for yet.
    pub(crate) fn n_new(&self) -> usize {
        self.changes.iter().filter(|change| change.is_new).count()
    }

    /// Assigns the numbers of new rows, in the order of the plan. The numbers must ascend, there must be
    /// enough of them, and no other writer may use them.
    pub(crate) fn assign_numbers(
        &mut self,
        demands: impl IntoIterator<Item = i64>,
        history: impl IntoIterator<Item = i64>,
    ) {
        let new = self.changes.iter_mut().filter(|change| change.is_new);
        let numbers: HashMap<i64, i64> = new
            .zip(demands)
            .map(|(change, number)| (std::mem::replace(&mut change.seq, number), number))
            .collect();
        for (entry, number) in self.history.iter_mut().zip(history) {
            entry.seq = number;
            if let Some(demand) = numbers.get(&entry.demand_seq) {
                entry.demand_seq = *demand;
            }
        }
    }
}

/// A demand that the intake changes.
#[derive(Debug)]
pub(crate) struct DemandChange<'a> {
    /// The number of the row. Negative for a new demand until numbers are assigned.
    pub(crate) seq: i64,
    /// Whether the store has no row for it yet.
    pub(crate) is_new: bool,
    pub(crate) id: DemandId,
    /// The time of the read; used only for a new demand.
    pub(crate) first_seen_at: Timestamp,
    /// The time of the last read that returned the current state.
    pub(crate) last_seen_at: Timestamp,
    /// The values of the new row, in the order of the columns; `None` if only the version and `last_seen_at`
    /// change.
    pub(crate) row: Option<Vec<Value<'a>>>,
    /// The current state after the events that were judged so far. The next event is compared with it.
    pub(crate) current: DemandState,
    /// Whether the current content came again with a newer version.
    pub(crate) has_new_version: bool,
    /// Whether the current state is an earlier one that was mapped again.
    pub(crate) is_again: bool,
    /// The index in [`IntakePlan::history`] of the current state; `None` if this intake did not bring it.
    pub(crate) current_entry: Option<usize>,
}

/// A state that is added to history.
#[derive(Debug)]
pub(crate) struct HistoryEntry<'a> {
    /// The number of the row; zero until numbers are assigned.
    pub(crate) seq: i64,
    /// The row number of the demand; negative for a new demand until numbers are assigned.
    pub(crate) demand_seq: i64,
    pub(crate) demand: &'a Demand,
    pub(crate) outcome: Outcome,
    /// Names of the fields that differ from the state before.
    pub(crate) changed: Vec<&'static str>,
}

/// What became of a state in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It became the current state.
    Stored,
    /// It was newer than the current state, but the same transaction contained a still newer one.
    Superseded,
    /// The current state was newer when it came, or had its version and another content.
    Stale,
}

impl Outcome {
    /// The value in the column `outcome`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Superseded => "superseded",
            Self::Stale => "stale",
        }
    }
}

/// Proof that a message was kept, and what became of its events.
#[derive(Debug, Clone)]
pub(crate) struct Receipt {
    pub(crate) message: MessageId,
    pub(crate) events: u32,
    pub(crate) hash: Digest,
    pub(crate) outcomes: Outcomes,
}
