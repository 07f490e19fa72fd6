//! The position of a channel in its source, and the keys to acknowledge.
//!
//! The cursor has one position for each sequence. It stays small, because it contains only short hashes
//! of the pages that were read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::{NaiveDate, TimeDelta};
use contract::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    behind::Behind, job::JobPosition, outdated::Outdated, pages::Position, time::MAX_CLOCK_JITTER,
};

/// Maximum duration of a round: a sequence that was read to its end waits this long for the others.
const MAX_ROUND: TimeDelta = TimeDelta::minutes(10);

/// Maximum number of sequences that are in the middle of a walk, as long as one of them can go on: a
/// position among pages is much larger than one between two passes.
const MAX_OPEN: usize = 16;

/// A position in a source.
// Its fields are required, so that the cursor of another connector is not read as an empty one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The index of the sequence that is read next.
    pub(crate) next_sequence: usize,
    /// Indices of the sequences that were read to their end in this round, or failed. If all are here, the
    /// channel is caught up.
    pub(crate) complete: BTreeSet<usize>,
    /// When the current round over all sequences started, by the source's clock.
    pub(crate) round_started: Option<Timestamp>,
    /// Positions of the sequences, by the value of `each`.
    pub(crate) positions: BTreeMap<String, Progress>,
    /// Positions of the sequences that read old records again.
    pub(crate) rereads: BTreeMap<String, RereadProgress>,
    /// Keys of the last batch that have yet to be acknowledged.
    pub(crate) to_acknowledge: Vec<String>,
    /// Contents of records that a later page replaced.
    #[serde(default, skip_serializing_if = "Outdated::is_empty")]
    pub(crate) outdated: Outdated,
    /// Keys that came with different contents under two values of `each` in the last pass, with both contents.
    #[serde(default, skip_serializing_if = "Outdated::is_empty")]
    pub(crate) shared: Outdated,
    /// The settings that the positions depend on; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Hashes of the settings that positions depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fingerprint {
    /// Those of a position among pages.
    pub(crate) pages: String,
    /// Those of the time or day from which records are requested.
    pub(crate) start: String,
    /// Those that decide which records are requested and what they hold; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requests: Option<String>,
    /// Those of the key; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
}

/// The progress in one sequence of records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// The source's clock when the current pass started; `None` between two passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started: Option<Timestamp>,
    /// The time from which records are requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    /// The time up to which records are requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    /// The latest time of a record that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest: Option<Timestamp>,
    /// The day that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) day: Option<NaiveDate>,
    /// The last day that is closed: it and all earlier days are not read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed_day: Option<NaiveDate>,
    /// Where an earlier pass had a gap; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) behind: Option<Behind>,
    /// Whether a part of the current walk could not be read. A restart must not forget it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_gap: bool,
    /// The job whose result is read; `None` if there is none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<JobPosition>,
    /// The position among the pages.
    #[serde(default)]
    pub(crate) pages: Position,
}

/// The progress of a sequence that reads old records again from time to time.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RereadProgress {
    /// When the last pass started, by the source's clock.
    pub(crate) started: Option<Timestamp>,
    /// The progress of this pass; `None` if it is complete.
    pub(crate) progress: Option<Progress>,
}

impl Cursor {
    /// Whether records were read with another setting `key` than the current one.
    pub(crate) fn has_other_keys(&self, settings: &Fingerprint) -> bool {
        let stored = self.fingerprint.as_ref().and_then(|stored| stored.key.as_ref());
        stored.is_some_and(|stored| Some(stored) != settings.key.as_ref())
    }

    /// Notes that records were read with the current setting `key`. As long as no key could be read, the setting may
    /// change.
    pub(crate) fn note_keys(&mut self, settings: &Fingerprint) {
        if let Some(stored) = &mut self.fingerprint {
            stored.key.clone_from(&settings.key);
        }
    }

    /// Notes the current settings, drops the positions that mean nothing with them, and returns whether there were
    /// any. A position among pages means nothing with other pages, and a start nothing with another time or other
    /// requests; what is dropped begins anew.
    pub(crate) fn fit_to(&mut self, settings: &Fingerprint) -> bool {
        let key = self.fingerprint.as_ref().and_then(|stored| stored.key.clone());
        let settings_now = Fingerprint { key, ..settings.clone() };
        let Some(stored) = self.fingerprint.replace(settings_now) else { return false };
        let has_same_requests = stored.requests.is_none() || stored.requests == settings.requests;
        let keeps_start = stored.start == settings.start && has_same_requests;
        if stored.pages == settings.pages && keeps_start {
            return false;
        }
        for progress in self.positions.values_mut() {
            let Progress { since, newest, closed_day, behind, .. } = std::mem::take(progress);
            if keeps_start {
                let start = behind.map(|behind| (behind.since, behind.closed_day));
                let (since, closed_day) = start.unwrap_or((since, closed_day));
                *progress = Progress { since, newest, closed_day, ..Progress::default() };
            }
        }
        self.rereads.clear();
        (self.next_sequence, self.round_started) = (0, None);
        self.complete.clear();
        true
    }

    /// Whether no round has begun.
    pub(crate) fn is_between_rounds(&self) -> bool {
        self.complete.is_empty() && self.round_started.is_none()
    }

    /// Chooses the next sequence and returns its index. A sequence that was read to its end waits for the
    /// others, but at most [`MAX_ROUND`], because another may have years to read. While many are in the
    /// middle of a walk (`is_open`), no other walk begins. `now` is the source's clock; while it is `None`,
    /// no round ends, so that the same cursor leads to the same request in every process.
    pub(crate) fn next_sequence(
        &mut self,
        n_sequences: usize,
        now: Option<Timestamp>,
        is_open: impl Fn(&Self, usize) -> bool,
    ) -> usize {
        if let Some(now) = now {
            let started = *self.round_started.get_or_insert(now);
            // A round also ends when the source's clock is set back.
            if now + MAX_CLOCK_JITTER < started || now - started > MAX_ROUND {
                self.complete.clear();
                self.round_started = Some(now);
            }
        }
        let sequences = (0..n_sequences).map(|n| (self.next_sequence + n) % n_sequences);
        let mut waiting = sequences.filter(|index| !self.complete.contains(index));
        let are_many_open =
            (0..n_sequences).filter(|index| is_open(self, *index)).nth(MAX_OPEN - 1).is_some();
        let open = || waiting.clone().find(|index| is_open(self, *index));
        let open = are_many_open.then(open).flatten();
        let sequence = open.or_else(|| waiting.next()).unwrap_or(0);
        self.next_sequence = (sequence + 1) % n_sequences;
        sequence
    }

    /// Ends the round if all sequences are complete. Returns whether it has ended.
    pub(crate) fn end_round_if_complete(&mut self, n_sequences: usize) -> bool {
        let is_complete = self.complete.len() >= n_sequences;
        if is_complete {
            self.complete.clear();
            self.round_started = None;
            self.next_sequence = 0;
        }
        is_complete
    }
}

impl fmt::Debug for Cursor {
    // Logs must not contain keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} to acknowledge)", self.to_acknowledge.len())
    }
}

#[cfg(test)]
mod tests;
