//! Checks a file as a whole, and reads it record by record.
//!
//! If a file has a manifest, the whole file is checked before any record is returned, because
//! records cannot be withdrawn. The file stays open between two batches. After a restart it is
//! opened again, and the records that were read already are skipped.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision};
use document::DuplicateOutcome;
use tokio::time::Instant;

use crate::{
    MAX_READ_TIME,
    cursor::{FilePosition, Fingerprint},
    folder::{SizeAndTime, disk_fault},
    manifest::Manifest,
    options::Options,
    record,
    repeats::Repeats,
    rows::FileRows,
    selection::Candidate,
    spool::{FileError, Watch},
    text::FileSummary,
    unpack::{guess_extension, has_known_extension, open_documents},
};

/// A batch ends when its records have about this many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// A file that passed the checks, and how far it was read.
pub(crate) struct OpenFile {
    pub(crate) candidate: Candidate,
    /// The fingerprint of its content.
    pub(crate) hash: Fingerprint,
    /// Its first bytes, for quarantine.
    pub(crate) first_bytes: Bytes,
    watch: Watch,
    /// The number of bytes of which `hash` is the fingerprint.
    n_bytes: u64,
    /// The number of rows that were read, including that of `next_entry`.
    n_records: u64,
    rows: FileRows,
    /// The first entry of the next batch, if it was already read.
    next_entry: Option<Entry>,
    repeats: Repeats,
    /// The number of records that are left out, because another one has their key.
    pub(crate) n_repeated: u64,
    /// The number of records that `skip` and `only` leave out.
    pub(crate) n_filtered: u64,
    /// The number of titles above its headers.
    pub(crate) n_titles: u64,
    /// The number of records that its manifest lists; `None` without a manifest.
    pub(crate) n_listed: Option<u64>,
    /// Whether its content was read before under its name: then it has no rows.
    pub(crate) was_read: bool,
}

/// A file that cannot be read, and why.
pub(crate) struct RefusedFile {
    pub(crate) reason: Reason,
    /// The fingerprint of its content; `Fingerprint::none()` if the file was not read.
    pub(crate) hash: Fingerprint,
    /// Its first bytes, for quarantine; empty if the file was not read.
    pub(crate) first_bytes: Bytes,
}

impl OpenFile {
    /// Checks a whole file and opens it after its first `n_already_read` records. If its content has the
    /// hash `read_hash`, it was read before, and opens without records. The outer error means that the
    /// disk failed.
    pub(crate) fn open(
        candidate: &Candidate,
        watch: Watch,
        manifest: Option<&Manifest>,
        n_already_read: u64,
        read_hash: Option<&Fingerprint>,
        options: &Arc<Options>,
    ) -> io::Result<Result<Self, RefusedFile>> {
        let file = watch.file();
        let summary = FileSummary::read(file)?;
        let (hash, first_bytes) = (Fingerprint::of(&summary.md5), summary.first_bytes.clone());
        let n_bytes = summary.n_bytes;
        let (name, was_read) = (&candidate.name, read_hash == Some(&hash));
        let checked = check(name, Arc::clone(file), summary, manifest, was_read, options);
        let (rows, repeats) = match checked {
            Ok(checked) => checked,
            Err(FileError::Content(reason)) => {
                return Ok(Err(RefusedFile { reason, hash, first_bytes }));
            }
            Err(FileError::Disk(error)) => return Err(error),
        };
        let mut open = Self {
            candidate: candidate.clone(),
            hash,
            first_bytes,
            watch,
            n_bytes,
            n_records: 0,
            rows,
            next_entry: None,
            repeats,
            n_repeated: 0,
            n_filtered: 0,
            n_titles: 0,
            n_listed: manifest.map(|manifest| manifest.n_rows),
            was_read,
        };
        while open.n_records < n_already_read {
            match open.read_row() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(FileError::Content(reason)) => return Ok(Err(open.refused(reason))),
                Err(FileError::Disk(error)) => return Err(error),
            }
        }
        (open.n_repeated, open.n_filtered, open.n_titles) = (0, 0, 0);
        Ok(Ok(open))
    }

    /// Whether it is not, or was not, the file that was opened.
    pub(crate) fn has_changed(&self) -> io::Result<bool> {
        Ok(self.n_bytes != self.watch.n_bytes() || self.watch.has_changed()?)
    }

    /// The file as one that is refused from here on.
    pub(crate) fn refused(&self, reason: Reason) -> RefusedFile {
        let (hash, first_bytes) = (self.hash.clone(), self.first_bytes.clone());
        RefusedFile { reason, hash, first_bytes }
    }

    /// The position after the last entry that was returned.
    pub(crate) fn position(&self) -> FilePosition {
        let n_not_returned = u64::from(self.next_entry.is_some());
        FilePosition {
            name: self.candidate.name.clone(),
            fingerprint: self.candidate.fingerprint(),
            n_records: self.n_records - n_not_returned,
        }
    }

    /// Reads the next entries. Also returns whether they are the last, or why the rest of the file
    /// cannot be read. The batch ends when it is full, when `until` has passed, or before a key
    /// that it already contains.
    pub(crate) fn next_batch(
        &mut self,
        max_entries: usize,
        until: Instant,
    ) -> (Vec<Entry>, Result<bool, FileError>) {
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        let n_records_before = self.n_records;
        loop {
            let has_progress = !entries.is_empty() || self.n_records > n_records_before;
            let is_full = entries.len() >= max_entries.max(1)
                || n_bytes >= BATCH_BYTES
                || (has_progress && Instant::now() >= until);
            if is_full {
                return (entries, Ok(false));
            }
            let entry = match self.next_entry.take() {
                Some(entry) => entry,
                None => match self.read_row() {
                    Ok(None) => return (entries, Ok(true)),
                    Ok(Some((None, _))) => continue,
                    Ok(Some((Some(entry), len))) => {
                        n_bytes += len;
                        entry
                    }
                    Err(error) => return (entries, Err(error)),
                },
            };
            if let Some(key) = entry.key()
                && !keys.insert(key.clone())
            {
                self.next_entry = Some(entry);
                return (entries, Ok(false));
            }
            entries.push(entry);
        }
    }

    /// Reads the next record: its entry, which is `None` for a record that is left out, and the
    /// number of its bytes.
    fn read_row(&mut self) -> Result<Option<(Option<Entry>, usize)>, FileError> {
        let Some(mut row) = self.rows.next()? else { return Ok(None) };
        let outcome = self.repeats.outcome(self.n_records);
        self.n_records += 1;
        if self.repeats.has_rounded_keys {
            row.reject_rounded();
        }
        match outcome {
            _ if row.is_title => self.n_titles += 1,
            _ if row.entry.is_none() => self.n_filtered += 1,
            DuplicateOutcome::Read => {}
            DuplicateOutcome::Repeated => {
                self.n_repeated += 1;
                row.entry = None;
            }
            DuplicateOutcome::Quarantine => row.reject_duplicate(),
        }
        Ok(Some((row.entry, row.n_bytes)))
    }

    /// What could not be read, in words for the admin, after the last row: all of the file, or of a file in the
    /// archive. A few bad rows do not make a file bad.
    pub(crate) fn unread(&self) -> Option<String> {
        let name = &self.candidate.name;
        let rounded = || format!("{name} has keys that Excel has rounded");
        let unread = self.rows.first_unread.as_ref();
        let unread = unread.map(|(at, code)| match at.is_empty() {
            true => format!("{name} was refused: {code}"),
            false => format!("{name}, {at} was refused: {code}"),
        });
        unread.or_else(|| self.repeats.has_rounded_keys.then(rounded))
    }
}

/// Reads the entries of a fixture (an example of a file) like those of a file in the folder. A name
/// that matches no pattern of the channel need not contain a revision; if it has no known extension
/// either, the first bytes decide the format.
pub(crate) fn sample(name: &str, page: &[u8], options: &Arc<Options>) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().map_err(disk_fault)?;
    file.write_all(page).map_err(disk_fault)?;
    let has_extension = options.is_selected(name) || has_known_extension(name);
    let extension = if has_extension { "" } else { guess_extension(page) };
    let size_and_time = SizeAndTime { n_bytes: page.len() as u64, modified: 0, changed: 0 };
    let candidate = Candidate {
        name: format!("{name}{extension}"),
        size_and_time,
        manifest_size_and_time: None,
    };
    let opened = Watch::new(Arc::new(file))
        .and_then(|watch| OpenFile::open(&candidate, watch, None, 0, None, options));
    let mut open = match opened.map_err(disk_fault)? {
        Ok(open) => open,
        Err(refused) => return Ok(vec![unreadable_entry(&candidate, refused)]),
    };
    let mut entries = Vec::new();
    loop {
        let (more, is_end) = open.next_batch(usize::MAX, Instant::now() + MAX_READ_TIME);
        entries.extend(more);
        match is_end {
            Ok(false) => {}
            Ok(true) => return Ok(entries),
            Err(FileError::Content(reason)) => {
                entries.push(unreadable_entry(&candidate, open.refused(reason)));
                return Ok(entries);
            }
            Err(FileError::Disk(error)) => return Err(disk_fault(error)),
        }
    }
}

/// The entry for a file that cannot be read to its end. Its key is the name of the file and its content, or its state
/// if it was not read: tomorrow another file may have the name.
pub(crate) fn unreadable_entry(candidate: &Candidate, refused: RefusedFile) -> Entry {
    let RefusedFile { reason, hash, first_bytes } = refused;
    let state = if hash == Fingerprint::none() { candidate.fingerprint() } else { hash };
    let key = Some(RecordKey::new(format!("{} {}", candidate.name, state.0)));
    let place = Place { key, revision: Revision::NONE, at: candidate.name.clone() };
    Entry::Unreadable { place, bytes: first_bytes, reason }
}

/// Checks a file, against its manifest if it has one. Returns a reader of its rows, and what becomes of
/// those whose key comes twice. A file that `was_read` before has none.
fn check(
    name: &str,
    file: Arc<File>,
    summary: FileSummary,
    manifest: Option<&Manifest>,
    was_read: bool,
    options: &Arc<Options>,
) -> Result<(FileRows, Repeats), FileError> {
    if let Some(manifest) = manifest {
        manifest.check_file(name, &summary).map_err(FileError::Content)?;
    }
    let revision = match record::revision_by_name(name, options) {
        Ok(revision) => revision,
        // Only a fixture can have a name that the channel does not select. It needs no revision.
        Err(_) if !options.is_selected(name) => Some(Revision::NONE),
        Err(reason) => return Err(FileError::Content(reason)),
    };
    let documents = match manifest {
        // It may be large, and its rights may change every minute.
        _ if was_read => Vec::new(),
        // The manifest says whether that is all.
        Some(_) if summary.n_bytes == 0 => Vec::new(),
        _ => open_documents(name, file, summary, options)?,
    };
    let open = || FileRows::open(name, revision, documents.clone(), Arc::clone(options));
    let max_bytes = options.config.limits.total_bytes();
    let repeats = Repeats::find(open, options.config.duplicates, manifest.is_some(), max_bytes)?;
    if let Some(manifest) = manifest.filter(|_| !was_read) {
        manifest.check_rows(repeats.n_rows).map_err(FileError::Content)?;
    }
    // Opened again, because the rows were read above.
    Ok((open()?, repeats))
}
