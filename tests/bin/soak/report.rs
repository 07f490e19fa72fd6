//! What the run prints.

use std::{collections::BTreeMap, time::Duration};

use crate::{faults::Kind, oracle::Findings};

/// What has happened in a run.
pub(crate) struct Report {
    pub(crate) seed: u64,
    /// How long faults were struck.
    pub(crate) length: Duration,
    /// The recovery times, by the kind of fault.
    pub(crate) recoveries: BTreeMap<Kind, Vec<Duration>>,
    pub(crate) records: usize,
    pub(crate) revisions: u64,
    /// How often a process ended by itself.
    pub(crate) n_ended: u64,
    pub(crate) found: Findings,
}

impl Report {
    /// The table and the totals.
    pub(crate) fn markdown(&self) -> String {
        let n_faults: usize = self.recoveries.values().map(Vec::len).sum();
        let Self { seed, records, revisions, n_ended, found, .. } = self;
        let Findings { lost, altered, extra, books, declared_lost, states, .. } = found;
        let (seconds, n_kinds) = (self.length.as_secs(), self.recoveries.len());
        let balance = if books.is_empty() { "balance" } else { "do NOT balance" };
        let mut text = format!(
            "Seed {seed}, {seconds} s: {records} records in {revisions} revisions, {n_faults} faults of {n_kinds} \
             kinds. **Lost {}, altered {}, extra {}**; the books {balance}. {states} states are in history, and the \
             source had each of them. {declared_lost} events were in queues that were deleted, and came again by \
             `flight republish`. Processes that ended by themselves: {n_ended}.\n\n\
             | fault | how often | recovery p50, s | max, s |\n|---|---|---|---|\n",
            lost.len(),
            altered.len(),
            extra.len(),
        );
        for (kind, times) in &self.recoveries {
            let mut times = times.clone();
            times.sort_unstable();
            let at = |index: usize| times.get(index).map_or(0.0, Duration::as_secs_f64);
            let (middle, last) = (times.len().saturating_sub(1) / 2, times.len().saturating_sub(1));
            text.push_str(&format!(
                "| {} | {} | {:.1} | {:.1} |\n",
                kind.name(),
                times.len(),
                at(middle),
                at(last)
            ));
        }
        text
    }
}
