//! The threads that map what was read. No thread of the runtime does: mapping computes and never
//! waits, and while a record takes a second, nothing else on its thread would move.
//!
//! A batch is cut into portions, and the threads take portions from all waiting batches in turn, so
//! a channel with much to map does not keep the others waiting. A large record is a portion of its
//! own, and only half of the threads take those: the other half is left for everybody else.

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

/// As many threads as there are cores. They end when this is dropped.
pub struct MappingPool {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

impl MappingPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new() -> Result<Self, Fault> {
        // With a single one, a large record would have no half to leave to others.
        Self::of(available_parallelism().map_or(2, NonZero::get).max(2))
    }

    fn of(n_threads: usize) -> Result<Self, Fault> {
        let most_large = n_threads / 2;
        let queue = Arc::new(Queue::default());
        // What was started ends with this, should a later one fail.
        let mut pool = Self { queue, threads: Vec::new() };
        for _ in 0..n_threads {
            let queue = Arc::clone(&pool.queue);
            let work = move || while queue.map_next(most_large) {};
            let thread = thread::Builder::new().name("map".to_owned()).spawn(work);
            pool.threads.push(thread.map_err(|error| {
                Fault::stopped("no thread for mapping can be started").because(error)
            })?);
        }
        Ok(pool)
    }

    /// Maps a batch and packs it. Dropping the future takes back what no thread has begun yet.
    ///
    /// # Errors
    /// The pool has ended.
    ///
    /// # Panics
    /// Where mapping panicked: the panic is the channel's, and its supervisor catches it.
    pub async fn pack(&self, batch: ReadBatch) -> Result<Outbox, Fault> {
        let (answer, packed) = oneshot::channel();
        self.queue.add(Job::new(batch, answer));
        match packed.await {
            Ok(Ok(outbox)) => Ok(outbox),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Fault::stopped("the threads that map have ended")),
        }
    }
}

impl Drop for MappingPool {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // It catches every panic; and at most one portion is still under way in it.
            let _ = thread.join();
        }
    }
}

/// What waits to be mapped.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Batches with the number of their first portion that nobody has taken, in the order of their
    /// turns.
    jobs: VecDeque<(Arc<Job>, usize)>,
    /// Threads that are at work on a large record.
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
    /// The next portion of the batch whose turn it is, which then goes behind all others.
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
    /// By entry.
    verdicts: Vec<Option<Verdict>>,
    n_missing: usize,
    /// Who waits for it; gone once the answer is given.
    answer: Option<oneshot::Sender<thread::Result<Outbox>>>,
}

/// Entries that one thread maps without looking up.
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

    /// Nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        self.progress().answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Maps some of its entries, and packs it when they were the last.
    fn map(&self, entries: Range<usize>) {
        // `pack` seals what was rejected, which is code of a mapping too.
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
            // Where nobody waits any more, the batch is read again.
            let _ = waits.send(answer);
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Takes what became of some entries; gives all, when these were the last.
    fn add(&mut self, entries: Range<usize>, verdicts: Vec<Verdict>) -> Option<Vec<Verdict>> {
        self.n_missing -= entries.len();
        for (place, verdict) in self.verdicts[entries].iter_mut().zip(verdicts) {
            *place = Some(verdict);
        }
        (self.n_missing == 0).then(|| self.verdicts.drain(..).flatten().collect())
    }
}

/// A record of so many bytes is large, and a portion ends with as many.
const LARGE: usize = 64 * 1024;
/// A portion of small records: some milliseconds of work.
const MOST_ENTRIES: usize = 64;

/// Cuts entries into portions by their weights. There is one at least: an empty batch is packed too.
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

/// Bytes of a record, as far as it matters: to count those of a large one would be work itself.
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
