//! Counts the requests whose senders did not prove who they are, and logs them: the first at once, the others
//! summed.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use tracing::warn;

/// The refused requests of each door of this process. Clones share the counts.
#[derive(Debug, Clone, Default)]
pub struct Refusals {
    /// Those of push channels.
    pub intake: Arc<Refused>,
    /// Those of the interface for monitoring.
    pub console: Arc<Refused>,
}

/// The refused requests of one door.
#[derive(Debug, Default)]
pub struct Refused {
    count: AtomicU64,
    /// How many of them the log does not mention yet.
    unlogged: AtomicU64,
    /// Whether one was logged alone since the last sum.
    is_logged: AtomicBool,
}

impl Refused {
    /// Number of refused requests since the process began.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }

    /// Notes a request that was refused.
    pub(crate) fn note(&self, door: &str, address: Option<IpAddr>, why: &str) {
        self.count.fetch_add(1, Relaxed);
        if self.is_logged.swap(true, Relaxed) {
            self.unlogged.fetch_add(1, Relaxed);
            return;
        }
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        warn!(door, address, "a request was refused: {why}; more of them are summed");
    }

    /// Logs how many more requests were refused since the last sum.
    pub(super) fn log_sum(&self, door: &str) {
        self.is_logged.store(false, Relaxed);
        let count = self.unlogged.swap(0, Relaxed);
        if count > 0 {
            warn!(door, count, "more requests were refused, because their senders did not sign in");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_counted_and_only_the_first_of_a_period_is_logged_alone() {
        let refused = Refused::default();
        for n in 1..=50 {
            refused.note("intake", None, "the secret is wrong");
            assert_eq!((refused.count(), refused.unlogged.load(Relaxed)), (n, n - 1));
        }
        refused.log_sum("intake");
        refused.note("intake", None, "the secret is wrong");
        assert_eq!((refused.count(), refused.unlogged.load(Relaxed)), (51, 0));
    }
}
