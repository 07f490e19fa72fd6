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
use tokio::time::Instant;

use crate::{
    MAX_READ_TIME,
    config::Format,
    cursor::{FilePosition, Fingerprint},
    folder::{SizeAndTime, disk_fault},
    format::{self, Document, RawRow, RowReader},
    manifest::Manifest,
    options::Options,
    record,
    selection::Candidate,
    spool::FileError,
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
    /// The revision of all records, if it comes from the name of the file.
    revision: Option<Revision>,
    /// The number of records that were read, including `next_entry`.
    n_records: u64,
    rows: FileRows,
    /// The first entry of the next batch, if it was already read.
    next_entry: Option<Entry>,
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
        let checked =
            check(name, file, summary, manifest, options).and_then(|(revision, mut rows)| {
                for _ in 0..n_already_read {
                    rows.next()?;
                }
                Ok((revision, rows))
            });
        match checked {
            Ok((revision, rows)) => Ok(Ok(Self {
                candidate: candidate.clone(),
                hash,
                first_bytes,
                revision,
                n_records: n_already_read,
                rows,
                next_entry: None,
            })),
            Err(FileError::Content(reason)) => Ok(Err(RefusedFile { reason, hash, first_bytes })),
            Err(FileError::Disk(error)) => Err(error),
        }
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
                None => match self.next_row() {
                    Ok(None) => return (entries, Ok(true)),
                    Ok(Some((row, _))) if !record::is_selected(&row, options) => continue,
                    Ok(Some((row, report))) => {
                        // For a row of a workbook, whose bytes are not known, a typical size.
                        n_bytes += row.bytes.as_ref().map_or(1_024, Vec::len);
                        let name = &self.candidate.name;
                        record::entry(name, self.revision, row, &report, options)
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

    /// Reads the next record, and how its text was decoded. A file without records is an error,
    /// unless its format shows that there are none: a header, or an empty list.
    fn next_row(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        let next = self.rows.next()?;
        match &next {
            Some(_) => self.n_records += 1,
            None if self.n_records == 0 && !self.rows.may_be_empty => {
                return Err(FileError::content("no_records", "the file has no records"));
            }
            None => {}
        }
        Ok(next)
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
    if summary.n_bytes == 0 {
        return Err(FileError::content("empty_file", "the file has no bytes"));
    }
    let revision = match record::revision_by_name(name, options) {
        Ok(revision) => revision,
        // Only a fixture can have a name that the channel does not select. It needs no revision.
        Err(_) if !options.is_selected(name) => Some(Revision::NONE),
        Err(reason) => return Err(FileError::Content(reason)),
    };
    let documents = open_documents(name, file, summary, options)?;
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
    /// Whether the file may contain no records.
    may_be_empty: bool,
    /// The document that is being read: its name in the archive, which precedes the place of each
    /// row; the reader of its rows; and how its bytes were decoded.
    current: Option<(String, RowReader, TextReport)>,
}

impl FileRows {
    /// Opens the first document, so that a wrong header is found at once.
    fn open(documents: Vec<Document>, options: Arc<Options>) -> Result<Self, FileError> {
        let is_list =
            |document: &Document| !matches!(document.format, Format::Xml | Format::JsonLines);
        let may_be_empty = !documents.is_empty() && documents.iter().all(is_list);
        let documents = documents.into();
        let mut rows = Self { options, documents, may_be_empty, current: None };
        rows.open_next_document()?;
        Ok(rows)
    }

    fn open_next_document(&mut self) -> Result<(), FileError> {
        let Some(document) = self.documents.pop_front() else { return Ok(()) };
        let (next_row, report) = format::open(&document, &self.options)?;
        let prefix = document.name_in_archive.map_or_else(String::new, |name| format!("{name}, "));
        self.current = Some((prefix, next_row, report));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        while let Some((prefix, next_row, report)) = &mut self.current {
            if let Some(mut row) = next_row()? {
                row.at.insert_str(0, prefix);
                return Ok(Some((row, report.clone())));
            }
            self.current = None;
            self.open_next_document()?;
        }
        Ok(None)
    }
}
