//! How fast, and how long, a channel is read.

use std::sync::Arc;

use crate::schedule::Schedule;

/// The rhythm of one ingest loop.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Entries of one batch at most.
    pub max_entries: usize,
    /// When to look again once there is nothing more; `None` ends the loop then.
    pub schedule: Option<Arc<Schedule>>,
}
