//! Runs an existing Singer tap, unchanged (the Singer specification, version 0.3).
//!
//! A tap accepts no requests: it starts with a state, writes records and new states, and ends. So a
//! read returns the next records of a run, and between reads a full pipe makes the tap wait. The cursor
//! is the last state, with the number and hash of the records after it. A tap that is started again
//! reaches that position if it writes the same records again; otherwise all records after the state are
//! read again, which does no harm.

mod files;
mod message;
mod reading;
mod run;
mod state;

use std::{collections::HashMap, time::Duration};

use contract::{Batch, Entry, Fault, PassEnd, RecordKey};
use tokio::time::{Instant, timeout_at};

pub(crate) use message::parse_sample;

use crate::{
    Cursor, TapPosition,
    config::{self, Catalog},
    lines::MAX_ANSWER_BYTES,
    plan::Plan,
};
use files::TapFiles;
use message::Keys;
use reading::Output;
use run::Run;

/// Time limit of a read. A read then returns the records that it has so far.
const READ_TIME: Duration = Duration::from_secs(5);

/// A tap, with its current run.
pub(crate) struct Tap {
    settings: config::Singer,
    /// Its catalog; `None` before the first start, and if it has none.
    catalog: Option<serde_json::Value>,
    /// The current run; `None` between two runs. A read takes it out, so that an interrupted read drops it.
    run: Option<Run>,
}

impl Tap {
    pub(crate) fn new(settings: &config::Singer) -> Self {
        Self { settings: settings.clone(), catalog: None, run: None }
    }

    pub(crate) async fn read(
        &mut self,
        after: &TapPosition,
        max: usize,
        plan: &Plan,
    ) -> Result<Batch<Cursor>, Fault> {
        let mut run = match self.run.take() {
            Some(run) if run.position() == after => run,
            _ => self.start(after, plan).await?,
        };
        let until = Instant::now() + READ_TIME;
        let mut batch = BatchBuilder::default();
        loop {
            let output = match run.next(plan) {
                next if batch.entries.is_empty() => next.await,
                // The records are returned even if the tap is still waiting for its source.
                next => match timeout_at(until, next).await {
                    Ok(output) => output,
                    Err(_) => return Ok(self.keep_run(run, batch)),
                },
            };
            match output {
                Ok(Output::Record(entry, n_bytes)) => batch.add(entry, n_bytes),
                Ok(Output::Other) => {}
                Ok(Output::Ended) => break,
                Err(fault) if batch.entries.is_empty() => return Err(fault),
                Err(fault) => {
                    // The records before the fault are valid; the next read returns it.
                    run.fault = Some(fault);
                    return Ok(self.keep_run(run, batch));
                }
            }
            let is_full = batch.entries.len() == max || batch.n_bytes > MAX_ANSWER_BYTES;
            if is_full || Instant::now() > until {
                return Ok(self.keep_run(run, batch));
            }
        }
        // The next run begins at the last state, with no records to skip.
        let position = run.position();
        let upto = Cursor::Singer(position.with_state(position.state.clone()));
        Ok(batch.into_batch(upto, true))
    }

    /// Returns the batch so far, and keeps the run for the next read.
    fn keep_run(&mut self, run: Run, batch: BatchBuilder) -> Batch<Cursor> {
        let upto = Cursor::Singer(run.position().clone());
        self.run = Some(run);
        batch.into_batch(upto, false)
    }

    /// Starts a run and reads up to the position `after`.
    async fn start(&mut self, after: &TapPosition, plan: &Plan) -> Result<Run, Fault> {
        if self.catalog.is_none() {
            self.catalog = match &self.settings.catalog {
                Catalog::None => None,
                Catalog::File(name) => Some(files::read_catalog(plan, name)?),
                Catalog::Discover => Some(run::discover(plan, &self.settings.stream).await?),
            };
        }
        let start = || {
            let files = TapFiles::write(plan, self.catalog.as_ref(), after.state.as_ref())?;
            Run::start(plan, files, Keys::new(&self.settings), after)
        };
        let mut run = start()?;
        if run.reaches(after, plan).await? { Ok(run) } else { start() }
    }
}

/// The entries of one batch. If a tap repeats a key, only its newest state is kept.
#[derive(Default)]
struct BatchBuilder {
    entries: Vec<Entry>,
    /// The index of each key's entry.
    indices: HashMap<RecordKey, usize>,
    n_bytes: usize,
}

impl BatchBuilder {
    fn add(&mut self, entry: Entry, n_bytes: usize) {
        self.n_bytes += n_bytes;
        let key = entry.key().cloned();
        let index = key.map(|key| *self.indices.entry(key).or_insert(self.entries.len()));
        match index.and_then(|index| self.entries.get_mut(index)) {
            Some(earlier) if is_older(&entry, earlier) => {}
            Some(earlier) => *earlier = entry,
            None => self.entries.push(entry),
        }
    }

    fn into_batch(self, upto: Cursor, caught_up: bool) -> Batch<Cursor> {
        Batch {
            entries: self.entries,
            upto,
            end: caught_up.then(PassEnd::default),
            trouble: Vec::new(),
        }
    }
}

/// Whether the revision of a record is lower than that of one that came before it.
fn is_older(entry: &Entry, earlier: &Entry) -> bool {
    match (entry, earlier) {
        (Entry::Record(record), Entry::Record(earlier)) => record.revision < earlier.revision,
        _ => false,
    }
}
