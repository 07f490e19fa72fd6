//! How fast, and how long, a channel is read.

use std::time::Duration;

/// The rhythm of one ingest loop.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Entries of one batch at most.
    pub max_entries: usize,
    /// Pause once there is nothing more; `None` ends the loop then.
    pub pause: Option<Duration>,
}
