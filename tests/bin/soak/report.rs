//! What the run prints.

use std::{collections::BTreeMap, time::Duration};

use super::{faults::Kind, oracle::Findings};

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
    /// Everything that is wrong.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let ended = format!("{} processes ended by themselves", self.n_ended);
        let ended = (self.n_ended > 0).then_some(ended);
        self.found.wrong().into_iter().chain(ended).collect()
    }

    /// The table and the totals.
    pub(crate) fn markdown(&self) -> String {
        let n_faults: usize = self.recoveries.values().map(Vec::len).sum();
        let Self { seed, records, revisions, n_ended, found, .. } = self;
        let Findings { lost, altered, extra, books, declared_lost, states, .. } = found;
        let (seconds, n_kinds) = (self.length.as_secs(), self.recoveries.len());
        let balance = if books.is_empty() { "balance" } else { "do NOT balance" };
        let served = if extra.is_empty() { ", and the source had each of them" } else { "" };
        let mut text = format!(
            "Seed {seed}, {seconds} s: {records} records in {revisions} revisions, {n_faults} faults of {n_kinds} \
             kinds. **Lost {}, altered {}, extra {}**; the books {balance}. {states} states are in \
             history{served}. {declared_lost} events were in queues that were deleted, and came again by \
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(n_ended: u64, found: Findings) -> Report {
        let (seed, length, recoveries) = (7, Duration::from_secs(60), BTreeMap::new());
        Report { seed, length, recoveries, records: 9, revisions: 12, n_ended, found }
    }

    #[test]
    fn a_process_that_ended_by_itself_fails_the_run() {
        for (n_ended, n_wrong) in [(0, 0), (1, 1), (3, 1)] {
            assert_eq!(report(n_ended, Findings::default()).wrong().len(), n_wrong, "{n_ended}");
        }
    }

    #[test]
    fn only_if_nothing_is_extra_the_source_had_each_state() {
        let extra = Findings { extra: vec!["changes S1 twice".to_owned()], ..Findings::default() };
        for (found, is_said) in [(Findings::default(), true), (extra, false)] {
            let text = report(0, found).markdown();
            assert_eq!(text.contains("the source had each of them"), is_said, "{text}");
        }
    }
}
