//! Files that a source puts into a folder, on this machine or on an SFTP server.
//!
//! A folder has no protocol: files overlap, come late, come again with other content, are read while
//! they are written, and change their columns. So a file is read when it is complete; where a
//! manifest says what it contains, completely or not at all. The newest state of a record wins, by
//! the time of its file. Files that cannot be read are moved to a folder where somebody looks. Files
//! are moved only when their records are stored.
//!
//! Reading order: `choose.rs` (which file), `reading.rs` (is it good), `form.rs` (its records),
//! `record.rs`, then `folder.rs`.

#![warn(missing_docs)]

mod config;
mod cursor;
mod options;

mod choose;
mod folder;
mod pick;

mod manifest;
mod reading;
mod spool;
mod unpack;

mod form;
mod record;
mod text;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{Batch, Connector, ConnectorContext, Entry, Fault, Reason};

pub use config::Config;
pub use cursor::Cursor;

use crate::{
    choose::{Next, Trouble},
    cursor::{Done, Mark, PendingMove},
    folder::{Folder, Stamp, blocking, disk},
    options::Options,
    pick::{Candidate, Waiting},
    reading::{OpenFile, Refused, Share, sample, unreadable},
    spool::Broken,
};

/// After this time, a read returns what it has.
const READ_TIME: Duration = Duration::from_secs(5);

/// Bytes of the records of one batch, approximately.
const BATCH_BYTES: usize = 8 << 20;

/// The connector for files.
pub struct Files {
    options: Arc<Options>,
    folder: Folder,
    waiting: Waiting,
    open: Option<Box<OpenFile>>,
}

impl Connector for Files {
    const KIND: &'static str = "files";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let folder = Folder::new(&config, &context)?;
        let options = Options::new(config, &context)?;
        Ok(Self { options, folder, waiting: Waiting::default(), open: None })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut at = after.cloned().unwrap_or_default();
        at.owed = None;
        let mut trouble = Trouble::new();
        let share = Share::new(max, BATCH_BYTES, READ_TIME);
        let next = match (at.within.take(), self.open.take()) {
            (Some(within), Some(open)) if open.within() == within => Some(Next::Read(open)),
            (Some(within), _) => self.reopen(&within, &mut trouble).await?,
            (None, _) => None,
        };
        let next = match next {
            Some(next) => next,
            None => self.choose(&mut at, &mut trouble).await?,
        };
        let (entries, caught_up) = match next {
            Next::Rest => {
                self.folder.rest();
                (Vec::new(), true)
            }
            // A caller that reads everything once must not end before a file has been unchanged long enough.
            Next::Wait => {
                self.folder.rest();
                tokio::time::sleep(self.options.config.stable.0.min(READ_TIME)).await;
                (Vec::new(), false)
            }
            Next::Refuse(candidate, refused) => {
                let Refused { reason, md5, head } = refused;
                finish(&mut at, &candidate, md5, true);
                (vec![put_aside(&candidate, reason, head)], false)
            }
            Next::Read(open) => (self.read_on(open, share, &mut at).await?, false),
        };
        Ok(Batch { entries, upto: at, caught_up, trouble })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Some(pending) = &upto.owed else { return Ok(()) };
        self.folder.settle(&self.options, pending).await
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        sample(name, page, &self.options)
    }
}

impl Files {
    /// The next entries of an open file.
    async fn read_on(
        &mut self,
        mut open: Box<OpenFile>,
        share: Share,
        at: &mut Cursor,
    ) -> Result<Vec<Entry>, Fault> {
        let (name, md5) = (Mark::of(&open.candidate.name), open.md5.clone());
        let is_known = open.within().n_records == 0
            && at.done.get(&name).is_some_and(|Done(_, content)| *content == md5);
        if is_known {
            // A file with the same content was read before.
            finish(at, &open.candidate, md5, false);
            return Ok(Vec::new());
        }
        let options = Arc::clone(&self.options);
        let work = move || {
            let portion = open.portion(share, &options);
            (open, portion)
        };
        let (open, (mut entries, end)) = blocking(work).await?;
        match end {
            Ok(false) => {
                at.within = Some(open.within());
                self.open = Some(open);
            }
            Ok(true) => finish(at, &open.candidate, md5, false),
            Err(Broken::Content(reason)) => {
                entries.push(put_aside(&open.candidate, reason, open.head.clone()));
                finish(at, &open.candidate, md5, true);
            }
            Err(Broken::Disk(error)) => return Err(disk(error)),
        }
        Ok(entries)
    }
}

fn put_aside(candidate: &Candidate, reason: Reason, head: Bytes) -> Entry {
    tracing::warn!(
        file = candidate.name,
        reason = %reason.code,
        "the file cannot be read and goes to quarantine: {}",
        reason.detail,
    );
    unreadable(&candidate.name, reason, head)
}

/// Notes that a file was read to its end and is to be moved.
fn finish(at: &mut Cursor, candidate: &Candidate, md5: Mark, is_error: bool) {
    let Candidate { name, data, manifest } = candidate;
    at.done.insert(Mark::of(name), Done(candidate.seen(), md5.clone()));
    let (data, manifest) = (data.mark(), manifest.map(Stamp::mark));
    at.owed = Some(PendingMove { name: name.clone(), data, manifest, md5, is_error });
}
