//! The mapping threads. Records are not mapped on runtime threads: mapping computes without waiting, and
//! while a record takes a second, nothing else on that thread could run.
//!
//! A batch is split into portions, and the threads take portions from all waiting batches in turn, so a
//! channel with much to map does not delay the others. A large record is a portion of its own, and at
//! most half of the threads work on those: the other half stays free for everything else.

use std::{
    collections::VecDeque,
    num::NonZero,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle, available_parallelism},
};

use contract::{Entry, Fault, Outbox, ReadBatch, Verdict};
use serde_json::Value;
use tokio::sync::oneshot;

/// A pool of as many threads as there are cores. They end when it is dropped.
pub struct MappingPool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl MappingPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system refuses to create a thread.
    pub fn new() -> Result<Self, Fault> {
        // With a single thread, a large record would block everything else.
        Self::of(available_parallelism().map_or(2, NonZero::get).max(2))
    }

    fn of(n_threads: usize) -> Result<Self, Fault> {
        let most_large = n_threads / 2;
        let queue = Arc::new(Queue::default());
        // If a later thread cannot be started, dropping the pool ends the earlier ones.
        let mut pool = Self { queue, threads: Vec::new() };
        for _ in 0..n_threads {
            let queue = Arc::clone(&pool.queue);
            let work = move || while queue.map_next(most_large) {};
            let thread = thread::Builder::new().name("map".to_owned()).spawn(work);
            pool.threads.push(
                thread.map_err(|error| {
                    Fault::stopped("cannot start a mapping thread").because(error)
                })?,
            );
        }
        Ok(pool)
    }

    /// Maps a batch and packs it. Dropping the future cancels the portions that no thread has started.
    ///
    /// # Errors
    /// The pool has ended.
    ///
    /// # Panics
    /// If mapping panicked: the panic continues in the channel's task, where its supervisor catches it.
    pub async fn pack(&self, batch: ReadBatch) -> Result<Outbox, Fault> {
        let (answer, packed) = oneshot::channel();
        self.queue.add(Job::new(batch, answer));
        match packed.await {
            Ok(Ok(outbox)) => Ok(outbox),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Fault::stopped("the mapping threads have ended")),
        }
    }
}

impl Drop for MappingPool {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // It catches every panic, and has at most one portion left to finish.
            let _ = thread.join();
        }
    }
}

/// Batches that wait to be mapped.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Each batch with the number of its next portion, in the order of their turns.
    jobs: VecDeque<(Arc<Job>, usize)>,
    /// Threads that are working on a large record.
    n_large: usize,
    is_closed: bool,
}

impl Queue {
    fn add(&self, job: Job) {
        self.lock().jobs.push_back((Arc::new(job), 0));
        self.changed.notify_all();
    }

    /// Maps the next portion; `false` once the pool ends.
    fn map_next(&self, most_large: usize) -> bool {
        let mut waiting = self.lock();
        let (job, portion) = loop {
            if waiting.is_closed {
                return false;
            }
            match waiting.take(most_large) {
                Some(next) => break next,
                None => {
                    waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        drop(waiting);
        job.map(portion.entries);
        if portion.is_large {
            self.lock().n_large -= 1;
            self.changed.notify_all();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes the next portion of the batch whose turn it is; the batch then moves to the end of the queue.
    fn take(&mut self, most_large: usize) -> Option<(Arc<Job>, Portion)> {
        self.jobs.retain(|(job, _)| !job.is_abandoned());
        let may_begin = |(job, next): &(Arc<Job>, usize)| {
            job.portions.get(*next).is_some_and(|p| !p.is_large || self.n_large < most_large)
        };
        let turn = self.jobs.iter().position(may_begin)?;
        let (job, next) = self.jobs.remove(turn)?;
        let portion = job.portions.get(next)?.clone();
        self.n_large += usize::from(portion.is_large);
        if next + 1 < job.portions.len() {
            self.jobs.push_back((Arc::clone(&job), next + 1));
        }
        Some((job, portion))
    }
}

/// A batch that is being mapped.
struct Job {
    batch: ReadBatch,
    portions: Vec<Portion>,
    progress: Mutex<Progress>,
}

struct Progress {
    /// By entry; `None` until it is mapped.
    verdicts: Vec<Option<Verdict>>,
    n_missing: usize,
    /// Receives the result; `None` once it is sent.
    answer: Option<oneshot::Sender<thread::Result<Outbox>>>,
}

/// Entries that one thread maps in one go.
#[derive(Clone)]
struct Portion {
    entries: Range<usize>,
    is_large: bool,
}

impl Job {
    fn new(batch: ReadBatch, answer: oneshot::Sender<thread::Result<Outbox>>) -> Self {
        let entries = &batch.batch.entries;
        let portions = portions(entries.iter().map(weight));
        let verdicts = entries.iter().map(|_| None).collect();
        let progress = Progress { verdicts, n_missing: entries.len(), answer: Some(answer) };
        Self { batch, portions, progress: Mutex::new(progress) }
    }

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        self.progress().answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Maps some of its entries, and packs the batch if they were the last.
    fn map(&self, entries: Range<usize>) {
        // `pack` may panic too: it calls the mapping to seal rejected records.
        let done = catch_unwind(AssertUnwindSafe(|| {
            let verdicts = self.batch.verdicts(entries.clone());
            let all = self.progress().add(entries, verdicts)?;
            Some(self.batch.pack(all))
        }));
        let answer = match done {
            Ok(None) => return,
            Ok(Some(outbox)) => Ok(outbox),
            Err(panic) => Err(panic),
        };
        if let Some(waits) = self.progress().answer.take() {
            // If nobody waits any more, the batch will be read again.
            let _ = waits.send(answer);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Adds the verdicts on some entries; returns all verdicts if these were the last.
    fn add(&mut self, entries: Range<usize>, verdicts: Vec<Verdict>) -> Option<Vec<Verdict>> {
        self.n_missing -= entries.len();
        for (place, verdict) in self.verdicts[entries].iter_mut().zip(verdicts) {
            *place = Some(verdict);
        }
        (self.n_missing == 0).then(|| self.verdicts.drain(..).flatten().collect())
    }
}

/// A record above this size is large, and a portion ends at this size, in bytes.
const LARGE: usize = 64 * 1024;
/// Most entries of a portion: some milliseconds of work.
const MOST_ENTRIES: usize = 64;

/// Splits entries into portions by their weights. There is at least one: an empty batch is packed too.
fn portions(weights: impl Iterator<Item = usize>) -> Vec<Portion> {
    let mut portions = Vec::new();
    let mut open = Portion { entries: 0..0, is_large: false };
    let mut sum = 0;
    for (index, weight) in weights.enumerate() {
        let is_full = sum + weight > LARGE || open.entries.len() == MOST_ENTRIES;
        if is_full && !open.entries.is_empty() {
            portions.push(open);
            (open, sum) = (Portion { entries: index..index, is_large: false }, 0);
        }
        open.entries.end = index + 1;
        open.is_large = weight > LARGE;
        sum += weight;
    }
    if !open.entries.is_empty() || portions.is_empty() {
        portions.push(open);
    }
    portions
}

/// Approximate bytes of a record; counting stops above [`LARGE`], because counting is work too.
fn weight(entry: &Entry) -> usize {
    fn add(sum: usize, value: &Value) -> usize {
        if sum > LARGE {
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
