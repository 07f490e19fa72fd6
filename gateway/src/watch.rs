//! What people may see of a running channel, kept in memory: counts, state, the last fault.
//!
//! It is a view and never a basis for a decision: the books are in the store.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use contract::{Batch, ChannelId, Fault, Tally};

/// The view of one channel.
#[derive(Debug)]
pub struct ChannelWatch {
    id: ChannelId,
    advanced: AtomicU64,
    rejected: AtomicU64,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    state: State,
    last_progress: Instant,
}

/// What a channel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Reading, or about to.
    Running,
    /// Has read everything there was.
    CaughtUp,
    /// Waits after a fault; the text says which.
    Waiting(String),
    /// Ended.
    Ended,
}

impl ChannelWatch {
    /// The view of a channel that has not begun.
    pub fn new(id: ChannelId) -> Self {
        let now = Now { state: State::Running, last_progress: Instant::now() };
        Self { id, advanced: AtomicU64::new(0), rejected: AtomicU64::new(0), now: Mutex::new(now) }
    }

    /// The channel.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Entries that were read and are in custody since this process began.
    pub fn entries(&self) -> u64 {
        self.advanced.load(Relaxed)
    }

    /// Those of them that went to quarantine.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// How long no verb has completed; zero while it rests or waits.
    pub fn stalled_for(&self) -> Duration {
        let now = self.lock();
        match now.state {
            State::Running => now.last_progress.elapsed(),
            State::CaughtUp | State::Waiting(_) | State::Ended => Duration::ZERO,
        }
    }

    pub(crate) fn began(&self) {
        self.set(State::Running);
    }

    pub(crate) fn read(&self, batch: &Batch) {
        for (partition, fault) in &batch.trouble {
            tracing::warn!(channel = %self.id, partition = partition.0, "{fault}");
        }
        self.set(State::Running);
    }

    pub(crate) fn advanced(&self, tally: Tally) {
        self.advanced.fetch_add(tally.read, Relaxed);
        self.rejected.fetch_add(tally.rejected, Relaxed);
        self.set(State::Running);
    }

    pub(crate) fn caught_up(&self) {
        self.set(State::CaughtUp);
    }

    pub(crate) fn waits(&self, fault: &Fault) {
        self.set(State::Waiting(fault.to_string()));
    }

    pub(crate) fn ended(&self) {
        self.set(State::Ended);
    }

    fn set(&self, state: State) {
        let mut now = self.lock();
        now.state = state;
        now.last_progress = Instant::now();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
