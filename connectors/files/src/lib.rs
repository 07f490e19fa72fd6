//! Reads files that a source puts into a folder, on this machine or on an SFTP server.
//!
//! A folder has no protocol: the same record appears in several files, and files arrive late, are
//! replaced, are visible while they are still being written, and change their columns. So a file is
//! read only after it is complete, and a file with a manifest is checked as a whole before any
//! record is returned. Every record gets a revision, which orders its states. If the channel has the
//! folders `archive` and `error`, a file is moved to `archive` only after its records are in custody
//! (confirmed by the bus, or stored), and to `error` if it cannot be read.
//!
//! Reading order: `next_file.rs` (chooses a file), `open_file.rs` (checks and reads it),
//! `rows.rs` and `format.rs` (its records), `record.rs`, then `folder.rs`.

#![warn(missing_docs)]

mod config;
mod cursor;
mod options;

mod folder;
mod next_file;
mod selection;

mod manifest;
mod open_file;
mod pass_keys;
mod repeats;
mod rows;
mod spool;
mod unpack;

mod format;
mod record;
mod text;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use contract::{
    Batch, Complete, Connector, ConnectorContext, DropReason, Entry, Fault, FaultKind, Partition,
    PassEnd, Reason,
};
use tokio::time::Instant;

pub use config::Config;
pub use cursor::Cursor;

use crate::{
    cursor::{DoneFile, Fingerprint, MovedFile, PendingMove},
    folder::{Folder, SizeAndTime, blocking, disk_fault},
    next_file::{FileFaults, NextStep},
    open_file::{OpenFile, RefusedFile, unreadable_entry},
    options::Options,
    pass_keys::PassKeys,
    selection::{Candidate, FileStates},
    spool::FileError,
};

/// After this time, a read returns the records it has so far.
const MAX_READ_TIME: Duration = Duration::from_secs(5);
/// The shortest time to wait for a file that is being written.
const MIN_WAIT: Duration = Duration::from_millis(100);

/// The connector that reads files from a folder.
pub struct Files {
    options: Arc<Options>,
    folder: Folder,
    file_states: FileStates,
    /// The file in which the last read stopped.
    open_file: Option<Box<OpenFile>>,
    /// What came since the last pass ended.
    account: PassEnd,
    pass_keys: PassKeys,
    /// Whether the files that were moved last were looked at again in this pass.
    has_rechecked: bool,
    /// Names of files that were written to while they were read, and were not read to their end since.
    overwritten: BTreeSet<String>,
    /// Names of files whose manifest was missing in the last listing.
    waiting: Vec<String>,
}

impl Connector for Files {
    const KIND: &'static str = "files";
    type Config = Config;
    type Cursor = Cursor;

    fn build(config: Config, context: ConnectorContext) -> Result<Self, Fault> {
        let folder = Folder::new(&config, &context)?;
        let options = Options::new(config, &context)?;
        let (file_states, account) = (FileStates::default(), new_account(&options));
        let pass_keys = PassKeys::default();
        Ok(Self {
            options,
            folder,
            file_states,
            open_file: None,
            account,
            pass_keys,
            has_rechecked: false,
            overwritten: BTreeSet::new(),
            waiting: Vec::new(),
        })
    }

    async fn read(&mut self, after: Option<&Cursor>, max: usize) -> Result<Batch<Cursor>, Fault> {
        let mut cursor = after.cloned().unwrap_or_default();
        cursor.pending_move = None;
        self.fit(&mut cursor)?;
        let mut faults = FileFaults::new();
        let until = Instant::now() + MAX_READ_TIME;
        // A file that was partly read is continued before another one is opened.
        let step = match (cursor.current.take(), self.open_file.take()) {
            (Some(position), Some(open)) if open.position() == position => {
                Some(NextStep::Read(open))
            }
            (Some(position), _) => {
                // The counts of the first part are lost: an earlier process read it, or a read that was
                // cancelled.
                (self.account.listed, self.account.distinct) = (None, None);
                self.reopen(&position, &mut faults).await?
            }
            (None, _) => None,
        };
        let step = match step {
            Some(step) => step,
            None => {
                self.recheck_moved(&mut cursor, &mut faults).await?;
                self.next_file(&mut cursor, &mut faults).await?
            }
        };
        let mut end = None;
        let entries = match step {
            NextStep::CaughtUp => {
                self.folder.close();
                end = Some(self.end_pass());
                Vec::new()
            }
            // The channel is not caught up: a file that may still be changing is read soon.
            NextStep::Wait => self.wait().await,
            NextStep::Refuse(candidate, refused) => {
                self.mark_finished(&mut cursor, &candidate, refused.hash.clone(), true);
                self.account.given += 1;
                vec![self.quarantine(&candidate, refused)]
            }
            NextStep::Read(open) => self.read_batch(open, max, until, &mut cursor).await?,
        };
        Ok(Batch { entries, upto: cursor, end, trouble: faults })
    }

    async fn settled(&mut self, upto: &Cursor) -> Result<(), Fault> {
        let Some(pending) = &upto.pending_move else { return Ok(()) };
        self.folder.settle(&self.options, pending).await
    }

    fn ensure_listable(&self) -> Result<(), Fault> {
        match self.options.config.archive {
            None => Ok(()),
            Some(_) => Err(Fault::stopped(
                "the files that were read are in the folder `archive`, where they are not read again",
            )
            .remedy(
                "to have the channel read some of them again, move them from `archive` back into the \
                 folder; duplicates do no harm",
            )),
        }
    }

    fn sample(&self, name: &str, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        open_file::sample(name, page, &self.options)
    }
}

impl Files {
    /// Fits the position to the current settings.
    fn fit(&self, cursor: &mut Cursor) -> Result<(), Fault> {
        if cursor.has_other_keys(&self.options.key_hash) {
            let what = "`key` has changed: every record would become another demand";
            return Err(Fault::stopped(what).remedy(
                "restore it, or give the channel a new name; to read everything again under the new keys, run \
                 `tonghui position CHANNEL reset`",
            ));
        }
        if cursor.fit_to(&self.options.selection_hash) {
            tracing::warn!(
                "settings of this channel have changed: it is read from its start again, as far as its files are \
                 still in the folder"
            );
        }
        Ok(())
    }

    /// Waits until a file may have become complete.
    async fn wait(&mut self) -> Vec<Entry> {
        self.folder.close();
        tokio::time::sleep(self.options.config.stable.0.clamp(MIN_WAIT, MAX_READ_TIME)).await;
        Vec::new()
    }

    /// Notes that records are missing, because a file was not read or not to its end, and returns the entry that
    /// puts it into quarantine.
    fn quarantine(&mut self, candidate: &Candidate, refused: RefusedFile) -> Entry {
        let (file, Reason { code, detail }) = (&candidate.name, &refused.reason);
        tracing::warn!(file, reason = %code, "the file goes to quarantine: {detail}");
        self.account.gap.get_or_insert_with(|| format!("{file} was refused: {code}"));
        unreadable_entry(candidate, refused)
    }

    /// Notes that a file was overwritten or removed after some of its records were read: the others of that time will
    /// never come.
    fn note_overwritten(&mut self, name: &str) {
        let gap = || format!("{name} was overwritten or removed while it was read");
        self.account.gap.get_or_insert_with(gap);
        self.overwritten.insert(name.to_owned());
    }

    /// Notes that a file is still in the folder that an earlier pass refused.
    fn note_refused_before(&mut self, name: &str) {
        let gap = || {
            format!(
                "{name} was refused, or a part of it, and is still in the folder: replace or remove it"
            )
        };
        self.account.gap.get_or_insert_with(gap);
    }

    /// Puts files back that were written to after they were moved.
    async fn recheck_moved(
        &mut self,
        cursor: &mut Cursor,
        faults: &mut FileFaults,
    ) -> Result<(), Fault> {
        if self.has_rechecked {
            return Ok(());
        }
        let options = Arc::clone(&self.options);
        // The others are looked at again in the next pass: a program may pause for long.
        let mut kept = Vec::new();
        for moved in std::mem::take(&mut cursor.moved) {
            let Some(folder) = options.folder_of_moved(moved.is_error) else { continue };
            match self.folder.recheck(folder, &moved).await {
                Ok(true) => {}
                Ok(false) => kept.push(moved),
                Err(fault) if fault.kind() == FaultKind::Stopped => {
                    faults.push((Partition(moved.name.clone()), fault));
                    kept.push(moved);
                }
                Err(fault) => return Err(fault),
            }
        }
        cursor.moved = kept;
        self.has_rechecked = true;
        Ok(())
    }

    /// The account of the pass that ends here. The next pass begins.
    fn end_pass(&mut self) -> PassEnd {
        self.has_rechecked = false;
        let mut account = std::mem::replace(&mut self.account, new_account(&self.options));
        std::mem::take(&mut self.pass_keys).end(&mut account);
        if let [first, others @ ..] = self.waiting.as_slice() {
            let waiting = match others.len() {
                0 => format!("1 file waits for its manifest: {first}"),
                n => format!("{} files wait for their manifests: {first} and {n} more", n + 1),
            };
            // What is listed is only what the manifests list that have come.
            if account.complete() == Complete::Yes {
                account.listed = None;
            }
            account.doubt.get_or_insert(waiting);
        }
        account
    }

    /// Returns the next entries of an open file, and moves the cursor past them.
    async fn read_batch(
        &mut self,
        mut open: Box<OpenFile>,
        max: usize,
        until: Instant,
        cursor: &mut Cursor,
    ) -> Result<Vec<Entry>, Fault> {
        let (is_new, hash) = (open.position().n_records == 0, open.hash.clone());
        if open.was_read {
            // A file with this name and content was read before.
            self.mark_finished(cursor, &open.candidate, hash, false);
            return Ok(Vec::new());
        }
        let work = move || {
            let batch = open.next_batch(max, until);
            let has_changed = open.has_changed();
            (open, batch, has_changed)
        };
        let (mut open, (mut entries, outcome), has_changed) = blocking(work).await?;
        if has_changed.map_err(disk_fault)? {
            // Some of these entries may be parts of rows. The file is read again from its beginning: then
            // what was counted before would count twice.
            let name = open.candidate.name.clone();
            if is_new {
                self.overwritten.insert(name);
            } else {
                (self.account.listed, self.account.distinct) = (None, None);
                self.note_overwritten(&name);
            }
            return Ok(self.wait().await);
        }
        let n_titles = std::mem::take(&mut open.n_titles);
        let n_repeated = std::mem::take(&mut open.n_repeated);
        let n_filtered = std::mem::take(&mut open.n_filtered);
        let name = &open.candidate.name;
        let compared = self.pass_keys.compare(name, is_new, &mut entries, &self.options);
        if entries.iter().any(|entry| matches!(entry, Entry::Record(_))) {
            cursor.note_keys(&self.options.key_hash);
        }
        let n_entries = entries.len() as u64;
        self.account.given += n_entries + n_repeated + n_filtered;
        let add = |sum: &mut Option<u64>, n: u64| *sum = sum.map(|sum| sum.saturating_add(n));
        add(&mut self.account.distinct, compared.n_different);
        add(&mut self.account.listed, open.n_listed.take().unwrap_or(0));
        // A manifest lists rows; this counts those of different keys.
        let n_known = n_repeated + n_entries.saturating_sub(compared.n_different);
        self.account.listed = self.account.listed.map(|n| n.saturating_sub(n_known));
        for (why, n) in [
            (DropReason::Repeated, n_repeated),
            (DropReason::Filtered, n_filtered),
            (DropReason::Title, n_titles),
        ] {
            if n > 0 {
                *self.account.dropped.entry(why).or_default() += n;
            }
        }
        if n_titles > 0 {
            let file = &open.candidate.name;
            tracing::info!(file, n_titles, "rows above the header are left out as titles");
        }
        let outcome = match compared.refused {
            Some(reason) => Err(FileError::Content(reason)),
            None => outcome,
        };
        match outcome {
            Ok(false) => {
                cursor.current = Some(open.position());
                self.open_file = Some(open);
            }
            // An archive in which a file could not be read goes to `error` as a whole.
            Ok(true) => {
                let unread = open.unread();
                self.mark_finished(cursor, &open.candidate, hash, unread.is_some());
                self.overwritten.remove(&open.candidate.name);
                self.account.gap = self.account.gap.take().or(unread);
            }
            Err(FileError::Content(reason)) => {
                entries.push(self.quarantine(&open.candidate, open.refused(reason)));
                self.mark_finished(cursor, &open.candidate, hash, true);
            }
            Err(FileError::Disk(error)) => return Err(disk_fault(error)),
        }
        Ok(entries)
    }

    /// Notes in the cursor that a file is finished, and that it is to be moved: to the folder `error` if `is_error`,
    /// else to `archive`. A content that could not be read counts as not read: with a corrected manifest it can be.
    fn mark_finished(
        &self,
        cursor: &mut Cursor,
        candidate: &Candidate,
        hash: Fingerprint,
        is_error: bool,
    ) {
        let Candidate { name, size_and_time, manifest_size_and_time } = candidate;
        let read_hash = if is_error { Fingerprint::none() } else { hash.clone() };
        cursor.done.insert(Fingerprint::of(name), DoneFile(candidate.fingerprint(), read_hash));
        // A manifest proves that its file is whole.
        if manifest_size_and_time.is_none() && self.options.folder_of_moved(is_error).is_some() {
            watch_moved(cursor, candidate, &hash, is_error);
        }
        let manifest_state = manifest_size_and_time.map(SizeAndTime::fingerprint);
        let (name, state) = (name.clone(), size_and_time.fingerprint());
        cursor.pending_move = Some(PendingMove { name, state, manifest_state, hash, is_error });
    }
}

/// An account in which nothing has come yet. Only a manifest says how many records there are, so without one
/// `listed` and `distinct` stay unknown.
fn new_account(options: &Options) -> PassEnd {
    let none = options.config.manifest.as_ref().map(|_| 0);
    PassEnd { listed: none, distinct: none, ..PassEnd::default() }
}

/// The number of files that are looked at again after they were moved.
const MAX_WATCHED: usize = 8;

/// Notes in the cursor that a file is to be looked at again after it was moved.
fn watch_moved(cursor: &mut Cursor, candidate: &Candidate, hash: &Fingerprint, is_error: bool) {
    let Candidate { name, size_and_time, .. } = candidate;
    cursor.moved.retain(|moved| (&moved.name, &moved.hash) != (name, hash));
    if cursor.moved.len() >= MAX_WATCHED {
        cursor.moved.remove(0);
    }
    let modified = i64::try_from(size_and_time.modified).unwrap_or(i64::MAX);
    let (name, hash, n_bytes) = (name.clone(), hash.clone(), size_and_time.n_bytes);
    cursor.moved.push(MovedFile { name, hash, n_bytes, modified, is_error });
}
