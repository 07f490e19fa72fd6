//! Maps the records of a batch on all cores: what becomes of a record depends on nothing but the
//! record, and mapping is the largest part of the work.

use std::{
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, available_parallelism},
};

use crate::{
    Reason,
    normalizer::{Normalizer, Verdict},
    raw::{Entry, RawRecord},
};

/// Fewer than so many are mapped before a thread has started.
const WORTH_A_THREAD: usize = 100;

/// A verdict for each entry, in their order.
pub(super) fn verdicts(normalizer: &dyn Normalizer, entries: &[Entry]) -> Vec<Verdict> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let share = entries.len().div_ceil(cores).max(WORTH_A_THREAD);
    let (own, others) = entries.split_at(share.min(entries.len()));
    thread::scope(|scope| {
        let shares: Vec<_> = others
            .chunks(share)
            .map(|share| {
                let work = move || map(normalizer, share);
                // Without a thread to be had, the work is done here.
                (share, thread::Builder::new().name("pack".into()).spawn_scoped(scope, work))
            })
            .collect();
        let mut verdicts = map(normalizer, own);
        for (share, thread) in shares {
            let done = thread.ok().and_then(|thread| thread.join().ok());
            verdicts.extend(done.unwrap_or_else(|| map(normalizer, share)));
        }
        verdicts
    })
}

fn map(normalizer: &dyn Normalizer, entries: &[Entry]) -> Vec<Verdict> {
    let verdict = |entry: &Entry| match entry {
        Entry::Record(record) => verdict(normalizer, record),
        Entry::Unreadable { reason, .. } => Verdict::Reject(reason.clone()),
    };
    entries.iter().map(verdict).collect()
}

/// The mapping is data from a channel author: a panic in it must cost one record only.
fn verdict(normalizer: &dyn Normalizer, record: &RawRecord) -> Verdict {
    catch_unwind(AssertUnwindSafe(|| normalizer.normalize(record))).unwrap_or_else(|_| {
        Verdict::Reject(Reason::new("mapping_panicked", "the mapping panicked"))
    })
}
