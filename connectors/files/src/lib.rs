//! Files that a source drops into a folder, on this machine or behind SFTP.
//!
//! A drop has no protocol: files overlap, come late, come again with another content, are read while
//! they are written, and change their columns. So a file is read when it is complete, and whole or
//! not at all where a manifest says what it holds; the newest state of a record wins by the time of
//! its file; and what cannot be read is put where somebody looks. Files move only when what they
//! held is in our custody.
//!
//! Reading order: `choose.rs` (which file), `reading.rs` (is it good), `form.rs` (its records),
//! `settle.rs`, then `place.rs`.

#![warn(missing_docs)]

mod config;
mod plan;

mod choose;
mod name;
mod pick;
mod waiting;

mod manifest;
mod reading;
mod survey;
mod unpack;

mod form;
mod text;

mod cursor;
mod desk;
mod path;
mod record;
mod sample;
mod settle;

mod blocking;
mod place;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{Batch, Connector, Entry, Fault, Means, Place as At, Reason, RecordKey};

pub use config::{
    Config, CsvConfig, Format, JsonPath, Limits, Malformed, RevisionConfig, SftpConfig,
};
pub use cursor::Cursor;

use crate::{
    blocking::blocking,
    choose::{Next, Trouble, disk},
    cursor::{Debt, Done, Mark},
    desk::{Desk, End},
    pick::Candidate,
    place::{Place, Stamp},
    plan::Plan,
    reading::{Refused, Share},
    waiting::Waiting,
};

/// After this long a read gives what it has.
const LONG: Duration = Duration::from_secs(5);

/// Bytes of the records of one batch, more or less.
const BATCH_BYTES: usize = 8 << 20;

/// The connector for files.
pub struct Files {
    plan: Arc<Plan>,
    place: Place,
    waiting: Waiting,
    desk: Option<Box<Desk>>,
}

impl Connector for Files {
    const KIND: &'static str = "files";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, means: Means) -> Result<Self, Fault> {
        let (plan, place) = (Plan::new(&config, &means)?, Place::new(&config, &means)?);
        Ok(Self { plan, place, waiting: Waiting::default(), desk: None })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut at = after.cloned().unwrap_or_default();
        at.owed = None;
        let mut trouble = Trouble::new();
        let share = Share::new(max, BATCH_BYTES, LONG);
        let next = match (at.within.take(), self.desk.take()) {
            (Some(within), Some(desk)) if desk.within() == within => Some(Next::Read(desk)),
            (Some(within), _) => self.reopen(&within, &mut trouble).await?,
            (None, _) => None,
        };
        let next = match next {
            Some(next) => next,
            None => self.choose(&mut at, &mut trouble).await?,
        };
        let (entries, caught_up) = match next {
            Next::Rest => {
                self.place.rest();
                (Vec::new(), true)
            }
            // Who asks for all there is, once, must not leave before it is ripe.
            Next::Wait => {
                self.place.rest();
                tokio::time::sleep(self.plan.stable.min(LONG)).await;
                (Vec::new(), false)
            }
            Next::Refuse(candidate, refused) => {
                let Refused { reason, md5, head } = refused;
                let entry = unreadable(&candidate, reason, head);
                finish(&mut at, &candidate, md5, true);
                (vec![entry], false)
            }
            Next::Read(desk) => (self.read_on(desk, share, &mut at).await?, false),
        };
        Ok(Batch { entries, upto: at, caught_up, trouble })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Some(debt) = &upto.owed else { return Ok(()) };
        settle::settle(&mut self.place, &self.plan, debt).await
    }

    fn sample(&self, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        sample::sample(&self.plan, page)
    }
}

impl Files {
    /// The next entries of an open file.
    async fn read_on(
        &mut self,
        mut desk: Box<Desk>,
        share: Share,
        at: &mut Cursor,
    ) -> Result<Vec<Entry>, Fault> {
        let (name, md5) = (Mark::of(&desk.candidate.name), desk.reading.md5.clone());
        let is_known = desk.within().n_records == 0
            && at.done.get(&name).is_some_and(|Done(_, content)| *content == md5);
        if is_known {
            // The same content was put there again.
            finish(at, &desk.candidate, md5, false);
            return Ok(Vec::new());
        }
        let plan = Arc::clone(&self.plan);
        let work = move || {
            let portion = desk.portion(share, &plan);
            (desk, portion)
        };
        let (desk, mut portion) = blocking(work).await?;
        match portion.end {
            End::More => {
                at.within = Some(desk.within());
                self.desk = Some(desk);
            }
            End::OfFile => finish(at, &desk.candidate, md5, false),
            End::Broken(reason) => {
                let entry = unreadable(&desk.candidate, reason, desk.reading.head.clone());
                portion.entries.push(entry);
                finish(at, &desk.candidate, md5, true);
            }
            End::Disk(error) => return Err(disk(error)),
        }
        Ok(portion.entries)
    }
}

/// A file that cannot be read, or not be read on. Its name is its key: it is one thing, whatever it
/// holds, and it is found again by its name.
fn unreadable(candidate: &Candidate, reason: Reason, head: Bytes) -> Entry {
    let Candidate { name, .. } = candidate;
    tracing::warn!(file = name, reason = %reason.code, "a file was put aside: {}", reason.detail);
    let place = At { key: Some(RecordKey::new(name.clone())), at: name.clone() };
    Entry::Unreadable { place, bytes: head, reason }
}

/// Notes that a file was read to its end, and that it is to be moved.
fn finish(at: &mut Cursor, candidate: &Candidate, md5: Mark, is_error: bool) {
    let Candidate { name, data, manifest } = candidate;
    at.done.insert(Mark::of(name), Done(candidate.seen(), md5.clone()));
    let (data, manifest) = (data.mark(), manifest.map(Stamp::mark));
    at.owed = Some(Debt { name: name.clone(), data, manifest, md5, is_error });
}
