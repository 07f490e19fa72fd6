//! Maps records on blocking threads, not on runtime threads: mapping does not yield, so a record that takes
//! a second would keep a runtime thread from all other tasks for that second.
//!
//! A batch is split into portions, and waiting batches get threads in turn, portion by portion, so a
//! channel with many records does not delay the others. A large record is a portion of its own, and at
//! most half of the threads map large records, so that the other half stays free for everything else.

use std::{
    num::NonZero, ops::Range, panic::resume_unwind, sync::Arc, thread::available_parallelism,
};

use contract::{Entry, Fault, Outbox, ReadBatch};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
};

/// A pool of as many threads as there are cores, but at least two.
pub struct MappingPool {
    threads: Arc<Semaphore>,
    /// Threads that may map large records at the same time.
    large: Arc<Semaphore>,
}

impl Default for MappingPool {
    fn default() -> Self {
        // With a single thread, a large record would block everything else.
        Self::with_threads(available_parallelism().map_or(2, NonZero::get).max(2))
    }
}

impl MappingPool {
    /// A pool of so many threads.
    pub(crate) fn with_threads(n_threads: usize) -> Self {
        let (threads, large) = (Semaphore::new(n_threads), Semaphore::new(n_threads / 2));
        Self { threads: Arc::new(threads), large: Arc::new(large) }
    }

    /// Maps a batch and packs it. Dropping the future cancels the portions that no thread has started.
    ///
    /// # Errors
    /// The process is ending.
    ///
    /// # Panics
    /// If mapping panicked: the panic continues in the channel's task, where its supervisor catches it.
    pub async fn pack(&self, batch: ReadBatch) -> Result<Outbox, Fault> {
        let batch = Arc::new(batch);
        let mut mapping = JoinSet::new();
        for Portion { entries, is_large } in portions(batch.batch.entries.iter().map(weight)) {
            let (batch, thread) = (Arc::clone(&batch), self.acquire_thread(is_large).await);
            mapping.spawn_blocking(move || {
                let _thread = thread;
                (entries.start, batch.verdicts(entries))
            });
        }
        let mut mapped = Vec::new();
        while let Some(portion) = mapping.join_next().await {
            mapped.push(portion.map_err(join_fault)?);
        }
        mapped.sort_by_key(|(start, _)| *start);
        let verdicts = mapped.into_iter().flat_map(|(_, verdicts)| verdicts).collect();
        // Packing seals rejected records, so it needs a thread too.
        self.run(move || batch.pack(verdicts)).await
    }

    /// Does `work` on one of the threads. Dropping the future cancels it if no thread has started it.
    ///
    /// # Errors
    /// The process is ending.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (thread, mut running) = (self.acquire_thread(false).await, JoinSet::new());
        running.spawn_blocking(move || {
            let _thread = thread;
            work()
        });
        let done = running.join_next().await;
        done.ok_or_else(|| Fault::stopped("the work did not start"))?.map_err(join_fault)
    }

    /// Waits for a free thread; the permits keep it until they are dropped. The semaphores are fair, so
    /// waiting batches take turns.
    async fn acquire_thread(&self, is_large: bool) -> [Option<OwnedSemaphorePermit>; 2] {
        let large = match is_large {
            true => Arc::clone(&self.large).acquire_owned().await.ok(),
            false => None,
        };
        [large, Arc::clone(&self.threads).acquire_owned().await.ok()]
    }
}

/// The fault of a task that was cancelled; continues the panic of one that panicked.
fn join_fault(error: JoinError) -> Fault {
    match error.try_into_panic() {
        Ok(panic) => resume_unwind(panic),
        Err(_) => Fault::stopped("mapping was cancelled because the process is ending"),
    }
}

/// Consecutive entries of a batch that one thread maps in one go: the range of their indexes.
struct Portion {
    entries: Range<usize>,
    is_large: bool,
}

/// Size in bytes above which a record is large; it is also the maximum size of other portions.
const LARGE_BYTES: usize = 64 * 1024;
/// Maximum number of entries of a portion, which take some milliseconds.
const MAX_PORTION_ENTRIES: usize = 64;

/// Splits entries into portions by their weights; returns at least one portion.
fn portions(weights: impl Iterator<Item = usize>) -> Vec<Portion> {
    let mut portions = Vec::new();
    let mut open = Portion { entries: 0..0, is_large: false };
    let mut sum = 0;
    for (index, weight) in weights.enumerate() {
        let is_full = sum + weight > LARGE_BYTES || open.entries.len() == MAX_PORTION_ENTRIES;
        if is_full && !open.entries.is_empty() {
            portions.push(open);
            (open, sum) = (Portion { entries: index..index, is_large: false }, 0);
        }
        open.entries.end = index + 1;
        open.is_large = weight > LARGE_BYTES;
        sum += weight;
    }
    if !open.entries.is_empty() || portions.is_empty() {
        portions.push(open);
    }
    portions
}

/// Approximate size of a record in bytes; counting stops above [`LARGE_BYTES`], because it takes time.
fn weight(entry: &Entry) -> usize {
    fn add(sum: usize, value: &Value) -> usize {
        if sum > LARGE_BYTES {
            return sum;
        }
        match value {
            Value::String(text) => sum + 1 + text.len(),
            Value::Array(items) => items.iter().fold(sum + 1, add),
            Value::Object(members) => members.values().fold(sum + 1, add),
            Value::Null | Value::Bool(_) | Value::Number(_) => sum + 1,
        }
    }
    match entry {
        Entry::Record(record) => add(0, record.body.tree()),
        Entry::Unreadable { .. } => 1,
    }
}

#[cfg(test)]
mod tests;
