//! A trap between any two steps: the nth time a verb is reached, the process crashes there, the
//! verb fails, or its loop's future is dropped.

use std::{
    future::{Future, pending},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use contract::Fault;
use tokio::sync::Notify;

/// The eight verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Pack,
    Deliver,
    Advance,
    Settle,
    Take,
    Keep,
    Ack,
}

impl Verb {
    pub(crate) const ALL: [Self; 8] = [
        Self::Read,
        Self::Pack,
        Self::Deliver,
        Self::Advance,
        Self::Settle,
        Self::Take,
        Self::Keep,
        Self::Ack,
    ];

    pub(crate) fn is_of_the_sink(self) -> bool {
        matches!(self, Self::Take | Self::Keep | Self::Ack)
    }
}

/// What happens at the trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Everything that is not durable is gone.
    Crash,
    /// The verb answers with a fault.
    Error,
    /// The future of its loop is dropped; the other loop goes on.
    Dropped,
}

/// Whether the verb's effect has happened when the trap springs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Springs once.
#[derive(Debug)]
pub(crate) struct Trap {
    pub(crate) verb: Verb,
    pub(crate) harm: Harm,
    pub(crate) moment: Moment,
    left: AtomicUsize,
    pub(crate) sprung: Notify,
    sprung_times: AtomicUsize,
}

impl Trap {
    /// Springs when `verb` is reached for the `nth` time, counted from 1.
    pub(crate) fn new(verb: Verb, harm: Harm, moment: Moment, nth: usize) -> Self {
        let left = AtomicUsize::new(nth);
        let sprung_times = AtomicUsize::new(0);
        Self { verb, harm, moment, left, sprung: Notify::new(), sprung_times }
    }

    pub(crate) fn has_sprung(&self) -> bool {
        self.sprung_times.load(SeqCst) > 0
    }

    /// Counts `verb`; true when it is time.
    pub(crate) fn springs(&self, verb: Verb) -> bool {
        if verb != self.verb {
            return false;
        }
        let before = self.left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        let now = before == Ok(1);
        if now {
            self.sprung_times.fetch_add(1, SeqCst);
        }
        now
    }

    /// Does `work` with the trap around it.
    pub(crate) async fn around<T>(
        &self,
        verb: Verb,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        if !self.springs(verb) {
            return work.await;
        }
        if self.moment == Moment::After {
            work.await?;
        }
        match self.harm {
            Harm::Error => Err(Fault::transient(format!("injected at {verb:?}"))),
            Harm::Crash | Harm::Dropped => {
                self.sprung.notify_one();
                pending().await
            }
        }
    }
}
