//! The state of a running channel, in memory, for display and supervision: what it is doing, and how many
//! entries it has read since it started. The books are in the store.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use contract::{Batch, ChannelId, Confirmed, PassEnd};

/// The state of one channel.
#[derive(Debug)]
pub struct ChannelWatch {
    id: ChannelId,
    entries: AtomicU64,
    rejected: AtomicU64,
    current: Mutex<Current>,
    /// The account of the last pass that came to an end.
    pass: Mutex<Option<PassEnd>>,
}

#[derive(Debug)]
struct Current {
    state: State,
    /// When the state was set last.
    last_progress: Instant,
}

/// What a channel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It reads, or is about to read.
    Running,
    /// It has read everything there was.
    CaughtUp,
    /// It waits after a fault, whose text this is.
    Waiting(String),
    /// It has ended.
    Ended,
}

impl ChannelWatch {
    /// The state of a channel that has not started.
    pub fn new(id: ChannelId) -> Self {
        let current = Mutex::new(Current { state: State::Running, last_progress: Instant::now() });
        Self {
            id,
            entries: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            current,
            pass: Mutex::default(),
        }
    }

    /// The channel.
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Entries that were read and confirmed by the bus since this process started.
    pub fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }

    /// Number of these entries that were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Relaxed)
    }

    /// What it is doing.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    /// Time since the state was set last, which every read and every advance does; zero unless it is running.
    pub fn stalled_for(&self) -> Duration {
        let current = self.lock();
        match current.state {
            State::Running => current.last_progress.elapsed(),
            State::CaughtUp | State::Waiting(_) | State::Ended => Duration::ZERO,
        }
    }

    /// Notes a read, and logs the fault of each part of the source that could not be read.
    pub(crate) fn note_read(&self, batch: &Batch) {
        for (partition, fault) in &batch.trouble {
            let (partition, kind) = (partition.0.as_str(), fault.kind().name());
            tracing::warn!(channel = %self.id, partition, kind, "{fault}");
        }
        self.set(State::Running);
    }

    /// The account of the last pass that came to an end since this process started.
    pub fn pass(&self) -> Option<PassEnd> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the position has advanced past a read.
    pub(crate) fn note_advanced(&self, confirmed: &Confirmed) {
        let tally = confirmed.tally();
        if let Some(end) = confirmed.end() {
            *self.pass.lock().unwrap_or_else(PoisonError::into_inner) = Some(end.clone());
        }
        self.entries.fetch_add(tally.read, Relaxed);
        self.rejected.fetch_add(tally.rejected, Relaxed);
        self.set(State::Running);
    }

    /// Sets the state. This counts as progress.
    pub(crate) fn set(&self, state: State) {
        *self.lock() = Current { state, last_progress: Instant::now() };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
