//! Checks a file as a whole, and reads it record by record.
//!
//! If a file has a manifest, the whole file is checked before any record is returned, because
//! records cannot be withdrawn. The file stays open between two batches. After a restart it is
//! opened again, and the records that were read already are skipped.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision, TextReport};
use document::Defects;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    MAX_READ_TIME,
    cursor::{FilePosition, Fingerprint},
    folder::{SizeAndTime, disk_fault},
    format::{self, Document, RawRow, RowReader},
    manifest::Manifest,
    options::Options,
    record,
    seen::{Seen, SeenRecords},
    selection::Candidate,
    spool::FileError,
    text::FileSummary,
    unpack::{guess_extension, has_known_extension, may_be_empty, open_documents},
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
    /// The revision of all records, if it comes from the name of the file.
    revision: Option<Revision>,
    /// The number of records that were read, including `next_entry`.
    n_records: u64,
    rows: FileRows,
    /// The first entry of the next batch, if it was already read.
    next_entry: Option<Entry>,
    seen: SeenRecords,
    /// The number of records that came before with the same content.
    pub(crate) n_repeated: u64,
    /// The number of records that `skip` and `only` leave out.
    pub(crate) n_filtered: u64,
    /// The number of records that its manifest lists; `None` without a manifest.
    pub(crate) n_listed: Option<u64>,
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
    /// Checks a whole file and opens it after its first `n_already_read` records. The outer error
    /// means that the disk failed.
    pub(crate) fn open(
        candidate: &Candidate,
        file: File,
        manifest: Option<&Manifest>,
        n_already_read: u64,
        options: &Arc<Options>,
    ) -> io::Result<Result<Self, RefusedFile>> {
        let file = Arc::new(file);
        let summary = FileSummary::read(&file)?;
        let (hash, first_bytes) = (Fingerprint::of(&summary.md5), summary.first_bytes.clone());
        let name = &candidate.name;
        let (revision, rows) = match check(name, file, summary, manifest, options) {
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
            revision,
            n_records: 0,
            rows,
            next_entry: None,
            seen: SeenRecords::default(),
            n_repeated: 0,
            n_filtered: 0,
            n_listed: manifest.map(|manifest| manifest.n_rows),
        };
        while open.n_records < n_already_read {
            match open.read_row(options) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(FileError::Content(reason)) => {
                    let Self { hash, first_bytes, .. } = open;
                    return Ok(Err(RefusedFile { reason, hash, first_bytes }));
                }
                Err(FileError::Disk(error)) => return Err(error),
            }
        }
        (open.n_repeated, open.n_filtered) = (0, 0);
        Ok(Ok(open))
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
        options: &Options,
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
                None => match self.read_row(options) {
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

    /// Reads the next record: its entry, which is `None` for a record that came before or that the
    /// channel does not read, and the number of its bytes.
    fn read_row(&mut self, options: &Options) -> Result<Option<(Option<Entry>, usize)>, FileError> {
        let Some((mut row, report)) = self.rows.next()? else { return Ok(None) };
        self.n_records += 1;
        // For a row of a workbook, whose bytes are not known, a typical size.
        let len = row.bytes.as_ref().map_or(1_024, Vec::len);
        remove_null_words(&mut row.tree, &options.config.null);
        if !record::is_selected(&row, options) {
            self.n_filtered += 1;
            return Ok(Some((None, len)));
        }
        let (name, at) = (&self.candidate.name, row.at.clone());
        let entry = record::entry(name, self.revision, row, &report, options);
        let entry = match self.seen.check(&entry) {
            Seen::No => Some(entry),
            Seen::Same => {
                self.n_repeated += 1;
                None
            }
            Seen::Other => Some(conflicting_entry(entry, format!("{name}, {at}"))),
        };
        Ok(Some((entry, len)))
    }

    /// Whether a file in the archive could not be read.
    pub(crate) fn is_partial(&self) -> bool {
        self.rows.has_refused
    }
}

/// Replaces the texts that mean no value, which the channel lists.
fn remove_null_words(tree: &mut Value, words: &[String]) {
    match tree {
        _ if words.is_empty() => {}
        Value::String(text) if words.iter().any(|word| word == text.trim()) => *tree = Value::Null,
        Value::Array(list) => list.iter_mut().for_each(|value| remove_null_words(value, words)),
        Value::Object(object) => {
            object.values_mut().for_each(|value| remove_null_words(value, words));
        }
        _ => {}
    }
}

/// The entry for a record whose key came before in the file, with other content.
fn conflicting_entry(entry: Entry, at: String) -> Entry {
    let detail = "the file has another record with this key and revision, and other content";
    match entry {
        Entry::Record(record) => Entry::Unreadable {
            place: Place { key: Some(record.key), at },
            bytes: record.body.to_bytes().into(),
            reason: Reason::new("duplicate_key", detail),
        },
        unreadable @ Entry::Unreadable { .. } => unreadable,
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
    let stamp = SizeAndTime { n_bytes: page.len() as u64, modified: 0 };
    let candidate = Candidate { name: format!("{name}{extension}"), stamp, manifest_stamp: None };
    let mut open = match OpenFile::open(&candidate, file, None, 0, options).map_err(disk_fault)? {
        Ok(open) => open,
        Err(RefusedFile { reason, first_bytes, .. }) => {
            return Ok(vec![unreadable_entry(&candidate.name, reason, first_bytes)]);
        }
    };
    let mut entries = Vec::new();
    loop {
        let (more, is_end) = open.next_batch(usize::MAX, Instant::now() + MAX_READ_TIME, options);
        entries.extend(more);
        match is_end {
            Ok(false) => {}
            Ok(true) => return Ok(entries),
            Err(FileError::Content(reason)) => {
                entries.push(unreadable_entry(&candidate.name, reason, open.first_bytes));
                return Ok(entries);
            }
            Err(FileError::Disk(error)) => return Err(disk_fault(error)),
        }
    }
}

/// The entry for a file that cannot be read to its end. Its key is the name of the file, so that a
/// corrected file replaces it.
pub(crate) fn unreadable_entry(name: &str, reason: Reason, first_bytes: Bytes) -> Entry {
    let place = Place { key: Some(RecordKey::new(name.to_owned())), at: name.to_owned() };
    Entry::Unreadable { place, bytes: first_bytes, reason }
}

/// Checks a file, against its manifest if it has one. Returns the revision in its name, if the
/// channel takes it from there, and a reader of its records.
fn check(
    name: &str,
    file: Arc<File>,
    summary: FileSummary,
    manifest: Option<&Manifest>,
    options: &Arc<Options>,
) -> Result<(Option<Revision>, FileRows), FileError> {
    if let Some(manifest) = manifest {
        manifest.check_file(name, &summary).map_err(FileError::Content)?;
    }
    let revision = match record::revision_by_name(name, options) {
        Ok(revision) => revision,
        // Only a fixture can have a name that the channel does not select. It needs no revision.
        Err(_) if !options.is_selected(name) => Some(Revision::NONE),
        Err(reason) => return Err(FileError::Content(reason)),
    };
    // A scheduled export without records may have no bytes at all.
    let documents = match summary.n_bytes {
        0 if may_be_empty(name, options)? => Vec::new(),
        0 => return Err(FileError::content("empty_file", "the file has no bytes")),
        _ => open_documents(name, file, summary, options)?,
    };
    let open = || FileRows::open(documents.clone(), Arc::clone(options));
    if let Some(manifest) = manifest {
        let mut rows = open()?;
        let mut n_rows = 0;
        while rows.next()?.is_some() {
            n_rows += 1;
        }
        manifest.check_rows(n_rows).map_err(FileError::Content)?;
    }
    Ok((revision, open()?))
}

/// Reads the records of all documents in a file.
struct FileRows {
    options: Arc<Options>,
    documents: VecDeque<Document>,
    /// The document that is being read: its name in the archive, which precedes the place of each
    /// row; the reader of its rows; and how its bytes were decoded.
    current: Option<(String, RowReader, TextReport)>,
    is_archive: bool,
    /// Whether a file in the archive could not be read.
    has_refused: bool,
}

impl FileRows {
    /// Opens a file that is no archive, so that a wrong header is found at once.
    fn open(documents: Vec<Document>, options: Arc<Options>) -> Result<Self, FileError> {
        let is_archive = documents.len() > 1;
        let documents = documents.into();
        let mut rows = Self { options, documents, current: None, is_archive, has_refused: false };
        if let Some(document) = rows.documents.pop_front_if(|_| !is_archive) {
            rows.open_document(&document)?;
        }
        Ok(rows)
    }

    fn open_document(&mut self, document: &Document) -> Result<(), FileError> {
        let (next_row, report) = format::open(document, &self.options)?;
        let name = document.name_in_archive.as_ref();
        let prefix = name.map_or_else(String::new, |name| format!("{name}, "));
        self.current = Some((prefix, next_row, report));
        Ok(())
    }

    /// The next row of all documents. A file in an archive that cannot be read, or not to its end, is
    /// one row: the other files are read.
    fn next(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        loop {
            let mut refused = None;
            if let Some((prefix, next_row, report)) = &mut self.current {
                match next_row() {
                    Ok(Some(mut row)) => {
                        row.at.insert_str(0, prefix);
                        return Ok(Some((row, report.clone())));
                    }
                    Err(FileError::Content(reason)) if self.is_archive => {
                        refused =
                            Some((prefix.trim_end_matches(", ").to_owned(), Bytes::new(), reason));
                    }
                    Err(error) => return Err(error),
                    Ok(None) => {}
                }
                self.current = None;
            } else {
                let Some(document) = self.documents.pop_front() else { return Ok(None) };
                let name = document.name_in_archive.clone().unwrap_or_default();
                match self.open_document(&document) {
                    Err(FileError::Content(reason)) if self.is_archive => {
                        refused = Some((name, document.summary.first_bytes, reason));
                    }
                    opened => opened?,
                }
            }
            if let Some((at, bytes, reason)) = refused {
                self.has_refused = true;
                let defects = Defects { damage: Some(reason), ..Defects::default() };
                // Without a key, the bytes tell one entry from another.
                let bytes = if bytes.is_empty() { at.clone().into_bytes() } else { bytes.to_vec() };
                let bytes = Some(bytes);
                let row = RawRow { at, bytes, defects, ..RawRow::default() };
                return Ok(Some((row, TextReport::default())));
            }
        }
    }
}
