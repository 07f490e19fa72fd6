//! Files that a source puts into a folder, on this machine or on an SFTP server.
//!
//! A folder has no protocol: files contain the same records, arrive late, are replaced, are found
//! while they are still being written, and change their columns. So a file is read when it is
//! complete; a file with a manifest is read as a whole or not at all. The newest state of a record
//! wins, by the time of its file. Files that cannot be read are moved to a folder for errors. Files
//! are moved only when their records are stored.
//!
//! Reading order: `next_file.rs` (which file), `open_file.rs` (checking and reading it), `format.rs`
//! (its records), `record.rs`, then `folder.rs`.

#![warn(missing_docs)]

mod config;
mod cursor;
mod options;

mod folder;
mod next_file;
mod selection;

mod manifest;
mod open_file;
mod spool;
mod unpack;

mod format;
mod record;
mod text;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{Batch, Connector, ConnectorContext, Entry, Fault, Reason};
use tokio::time::Instant;

pub use config::Config;
pub use cursor::Cursor;

use crate::{
    cursor::{Fingerprint, PendingMove, ReadFile},
    folder::{Folder, SizeAndTime, blocking, disk_fault},
    next_file::{NextStep, FileFaults},
    open_file::{OpenFile, RefusedFile, parse_sample, unreadable_entry},
    options::Options,
    selection::{Candidate, FileStates},
    spool::FileError,
};

/// After this time, a read returns the records it has so far.
const READ_TIME: Duration = Duration::from_secs(5);

/// The connector for files.
pub struct Files {
    options: Arc<Options>,
    folder: Folder,
    unchanged: FileStates,
    open: Option<Box<OpenFile>>,
}

impl Connector for Files {
    const KIND: &'static str = "files";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let folder = Folder::new(&config, &context)?;
        let options = Options::new(config, &context)?;
        Ok(Self { options, folder, unchanged: FileStates::default(), open: None })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut at = after.cloned().unwrap_or_default();
        at.pending_move = None;
        let mut trouble = FileFaults::new();
        let until = Instant::now() + READ_TIME;
        let next = match (at.current.take(), self.open.take()) {
            (Some(position), Some(open)) if open.position() == position => {
                Some(NextStep::Read(open))
            }
            (Some(position), _) => self.reopen(&position, &mut trouble).await?,
            (None, _) => None,
        };
        let next = match next {
            Some(next) => next,
            None => self.next_file(&mut at, &mut trouble).await?,
        };
        let (entries, caught_up) = match next {
            NextStep::CaughtUp => {
                self.folder.close();
                (Vec::new(), true)
            }
            // Not caught up: a caller that reads everything once has to wait for this file.
            NextStep::Wait => {
                self.folder.close();
                tokio::time::sleep(self.options.config.stable.0.min(READ_TIME)).await;
                (Vec::new(), false)
            }
            NextStep::Refuse(candidate, refused) => {
                let RefusedFile { reason, md5, first_bytes } = refused;
                mark_finished(&mut at, &candidate, md5, true);
                (vec![quarantine_entry(&candidate, reason, first_bytes)], false)
            }
            NextStep::Read(open) => (self.read_batch(open, max, until, &mut at).await?, false),
        };
        Ok(Batch { entries, upto: at, caught_up, trouble })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Some(pending) = &upto.pending_move else { return Ok(()) };
        self.folder.settle(&self.options, pending).await
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        parse_sample(name, page, &self.options)
    }
}

impl Files {
    /// The next entries of an open file.
    async fn read_batch(
        &mut self,
        mut open: Box<OpenFile>,
        max: usize,
        until: Instant,
        at: &mut Cursor,
    ) -> Result<Vec<Entry>, Fault> {
        let (name, md5) = (Fingerprint::of(&open.candidate.name), open.md5.clone());
        let is_known = open.position().n_records == 0
            && at.done.get(&name).is_some_and(|ReadFile(_, content)| *content == md5);
        if is_known {
            // A file of this name and content was read before.
            mark_finished(at, &open.candidate, md5, false);
            return Ok(Vec::new());
        }
        let options = Arc::clone(&self.options);
        let work = move || {
            let batch = open.next_batch(max, until, &options);
            (open, batch)
        };
        let (open, (mut entries, end)) = blocking(work).await?;
        match end {
            Ok(false) => {
                at.current = Some(open.position());
                self.open = Some(open);
            }
            Ok(true) => mark_finished(at, &open.candidate, md5, false),
            Err(FileError::Content(reason)) => {
                entries.push(quarantine_entry(&open.candidate, reason, open.first_bytes.clone()));
                mark_finished(at, &open.candidate, md5, true);
            }
            Err(FileError::Disk(error)) => return Err(disk_fault(error)),
        }
        Ok(entries)
    }
}

fn quarantine_entry(candidate: &Candidate, reason: Reason, first_bytes: Bytes) -> Entry {
    tracing::warn!(
        file = candidate.name,
        reason = %reason.code,
        "the file cannot be read and goes to quarantine: {}",
        reason.detail,
    );
    unreadable_entry(&candidate.name, reason, first_bytes)
}

/// Records in the cursor that a file was read to its end and is to be moved.
fn mark_finished(at: &mut Cursor, candidate: &Candidate, md5: Fingerprint, is_error: bool) {
    let Candidate { name, data, manifest } = candidate;
    at.done.insert(Fingerprint::of(name), ReadFile(candidate.fingerprint(), md5.clone()));
    let (data, manifest) = (data.fingerprint(), manifest.map(SizeAndTime::fingerprint));
    at.pending_move = Some(PendingMove { name: name.clone(), data, manifest, md5, is_error });
}
