//! The state of a running channel, in memory: counts, state, the last fault.
//!
//! It is for display and supervision only; the books are in the store.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use contract::{Batch, ChannelId, Tally};

/// The state of one channel.
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
    /// Reads, or is about to.
    Running,
    /// Has read everything there was.
    CaughtUp,
    /// Waits after this fault.
    Waiting(String),
    /// Ended.
    Ended,
}

impl ChannelWatch {
    /// The state of a channel that has not started.
    pub fn new(id: ChannelId) -> Self {
        let now = Now { state: State::Running, last_progress: Instant::now() };
        Self { id, advanced: AtomicU64::new(0), rejected: AtomicU64::new(0), now: Mutex::new(now) }
    }

    /// The channel.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Entries that were read and confirmed by the bus since this process started.
    pub fn entries(&self) -> u64 {
        self.advanced.load(Relaxed)
    }

    /// How many of them were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Time since the last verb completed; zero unless it is running.
    pub fn stalled_for(&self) -> Duration {
        let now = self.lock();
        match now.state {
            State::Running => now.last_progress.elapsed(),
            State::CaughtUp | State::Waiting(_) | State::Ended => Duration::ZERO,
        }
    }

    /// Logs the partitions that failed in a read.
    pub(crate) fn read(&self, batch: &Batch) {
        for (partition, fault) in &batch.trouble {
            let (partition, kind) = (partition.0.as_str(), fault.kind().name());
            tracing::warn!(channel = %self.id, partition, kind, "{fault}");
        }
        self.set(State::Running);
    }

    pub(crate) fn advanced(&self, tally: Tally) {
        self.advanced.fetch_add(tally.read, Relaxed);
        self.rejected.fetch_add(tally.rejected, Relaxed);
        self.set(State::Running);
    }

    /// Sets the state; counts as progress.
    pub(crate) fn set(&self, state: State) {
        *self.lock() = Now { state, last_progress: Instant::now() };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
