//! An existing Singer tap, unchanged (the Singer specification, version 0.3).
//!
//! A tap is not asked: it is started with a state, writes records and new states, and ends. So a
//! read takes the next records of a run that goes on, and the pipe makes the tap wait meanwhile. The
//! cursor is the last state it has given and what came after that. A tap started again there is
//! believed to be where it was only if it gives the same records again; otherwise all that came
//! after the state is read once more, which is harmless.

mod files;
mod message;
mod run;
mod state;

use std::collections::HashMap;

use contract::{Batch, Entry, Fault, RecordKey};
use tokio::time::Instant;

pub(crate) use message::sample;

use crate::{
    config::{self, Catalog},
    cursor::{Cursor, Reached},
    limits::MOST_BYTES,
    plan::Plan,
};
use files::Files;
use message::Keys;
use run::{Run, Said};

/// After this long a read gives what it has.
const LONG: std::time::Duration = std::time::Duration::from_secs(5);

/// A tap, and its run where one is under way.
pub(crate) struct Tap {
    settings: config::Singer,
    /// What `--discover` said, once it was asked.
    catalog: Option<serde_json::Value>,
    /// Taken out while it is read: who is interrupted leaves none behind.
    run: Option<Run>,
}

impl Tap {
    pub(crate) fn new(settings: &config::Singer) -> Self {
        Self { settings: settings.clone(), catalog: None, run: None }
    }

    pub(crate) async fn read(
        &mut self,
        after: &Reached,
        max: usize,
        plan: &Plan,
    ) -> Result<Batch<Cursor>, Fault> {
        let mut run = match self.run.take() {
            Some(run) if run.reached == *after => run,
            _ => self.start(after, plan).await?,
        };
        let started = Instant::now();
        let mut batch = Gathered::default();
        let caught_up = loop {
            match run.next(plan).await? {
                Said::Record(key, entry, n_bytes) => batch.add(key, entry, n_bytes),
                Said::State => {}
                Said::Ended => break true,
                Said::Failed(fault) if batch.entries.is_empty() => return Err(fault),
                // What it gave is good; the next read meets the fault.
                Said::Failed(_) => break false,
            }
            let is_full = batch.entries.len() == max || batch.n_bytes > MOST_BYTES;
            if is_full || started.elapsed() > LONG {
                let upto = Cursor::Singer(run.reached.clone());
                self.run = Some(run);
                return Ok(batch.into_batch(upto, false));
            }
        };
        let mut upto = run.reached;
        if caught_up {
            // Behind the end there is nothing to pass: the next run begins at its last state.
            upto = Reached { state: upto.state, ..Reached::default() };
        }
        Ok(batch.into_batch(Cursor::Singer(upto), caught_up))
    }

    /// Starts a run and brings it to where it was.
    async fn start(&mut self, after: &Reached, plan: &Plan) -> Result<Run, Fault> {
        let catalog = self.catalog(plan).await?;
        let files = Files::write(plan, catalog, after.state.as_ref())?;
        let keys = Keys::of(&self.settings);
        let mut run = Run::start(plan, files, keys, after.state.clone())?;
        if run.passes_the_same(after, plan).await? {
            return Ok(run);
        }
        let keys = Keys::of(&self.settings);
        let files = Files::write(plan, self.catalog.as_ref(), after.state.as_ref())?;
        Run::start(plan, files, keys, after.state.clone())
    }

    async fn catalog(&mut self, plan: &Plan) -> Result<Option<&serde_json::Value>, Fault> {
        if self.catalog.is_none() {
            self.catalog = match &self.settings.catalog {
                Catalog::None => None,
                Catalog::File(name) => Some(files::catalog(plan, name)?),
                Catalog::Discover => Some(run::discover(plan, &self.settings.stream).await?),
            };
        }
        Ok(self.catalog.as_ref())
    }
}

/// Entries of one batch. Taps repeat themselves: the last state of a key counts.
#[derive(Default)]
struct Gathered {
    entries: Vec<Entry>,
    places: HashMap<RecordKey, usize>,
    n_bytes: usize,
}

impl Gathered {
    fn add(&mut self, key: Option<RecordKey>, entry: Entry, n_bytes: usize) {
        self.n_bytes += n_bytes;
        let place = key.map(|key| *self.places.entry(key).or_insert(self.entries.len()));
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(earlier) => *earlier = entry,
            None => self.entries.push(entry),
        }
    }

    fn into_batch(self, upto: Cursor, caught_up: bool) -> Batch<Cursor> {
        Batch { entries: self.entries, upto, caught_up, trouble: Vec::new() }
    }
}
