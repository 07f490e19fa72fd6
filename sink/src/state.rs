//! What a sink waits for after a fault, so that people can see it and end the wait.

use std::{future::Future, sync::Arc, time::Duration};

use contract::{Fault, FaultKind};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// The state of a sink. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SinkState(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    trouble: watch::Sender<Option<Trouble>>,
    wake: Wake,
}

/// The fault that keeps a sink from storing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What happened, where, and what to do.
    pub fault: String,
    /// When the sink tries again.
    pub next_try: Instant,
}

impl SinkState {
    /// Notes the fault, and waits for `period`, or until it is woken. Returns what it noted, which stays until
    /// [`SinkState::end`].
    pub async fn wait(&self, fault: &Fault, period: Duration) -> Trouble {
        let trouble = Trouble { fault: fault.to_string(), next_try: Instant::now() + period };
        self.0.trouble.send_replace(Some(trouble.clone()));
        match fault.kind() {
            FaultKind::Transient | FaultKind::Stopped => self.0.wake.or_woken(sleep(period)).await,
            FaultKind::Throttled(_) => sleep(period).await,
        }
        trouble
    }

    /// Ends the wait; returns whether there was one.
    pub fn wake(&self) -> bool {
        self.0.wake.wake()
    }

    /// Notes that the sink stores.
    pub fn end(&self) {
        self.0.trouble.send_if_modified(|trouble| trouble.take().is_some());
    }

    /// Notes that this trouble is over; another one stays.
    pub fn end_of(&self, over: &Trouble) {
        self.0.trouble.send_if_modified(|trouble| trouble.take_if(|now| now == over).is_some());
    }

    /// The trouble that it is in; `None` if it stores, or has nothing to store.
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.trouble.borrow().clone()
    }

    /// For whoever wants to know of each change.
    pub fn subscribe(&self) -> watch::Receiver<Option<Trouble>> {
        self.0.trouble.subscribe()
    }
}

/// Ends waits early.
#[derive(Debug, Default)]
pub struct Wake(watch::Sender<()>);

impl Wake {
    /// Ends all waits; returns whether there were any.
    pub fn wake(&self) -> bool {
        self.0.send(()).is_ok() // an error means that nobody waits
    }

    /// Waits for the end of `wait`, or until it is woken.
    pub async fn or_woken(&self, wait: impl Future<Output = ()>) {
        let mut woken = self.0.subscribe();
        tokio::select! { biased;
            _ = woken.changed() => {}
            () = wait => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(300);

    /// How many seconds it waits after a fault if it is woken after ten seconds; and whether there was a wait then.
    async fn waits(fault: Fault) -> (u64, bool) {
        let (state, began) = (SinkState::default(), Instant::now());
        let waiting = async {
            state.wait(&fault, LONG).await;
            began.elapsed().as_secs()
        };
        let waking = async {
            let _ =
                tokio::time::timeout(Duration::from_secs(10), std::future::pending::<()>()).await;
            state.wake()
        };
        tokio::join!(waiting, waking)
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_when_it_is_woken_but_not_the_pause_that_was_asked_for() {
        assert_eq!(waits(Fault::stopped("permission denied")).await, (10, true));
        assert_eq!(waits(Fault::transient("no answer")).await, (10, true));
        assert_eq!(waits(Fault::throttled(LONG, "too many")).await, (300, false));
        assert!(!SinkState::default().wake(), "nobody waits");
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_shown_until_it_is_over_and_a_later_one_stays() {
        let state = SinkState::default();
        let mut changes = state.subscribe();
        let first = state.wait(&Fault::transient("no broker"), Duration::from_secs(1)).await;
        assert_eq!(state.trouble(), Some(first.clone()));
        assert!(changes.has_changed().unwrap());
        let second = state.wait(&Fault::stopped("permission denied"), LONG).await;
        state.end_of(&first);
        assert_eq!(state.trouble(), Some(second));
        changes.mark_unchanged();
        state.end();
        assert_eq!((state.trouble(), changes.has_changed().unwrap()), (None, true));
    }
}
