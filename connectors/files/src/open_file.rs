//! A file that was checked as a whole and is read record by record.
//!
//! Where a file has a manifest, no record is returned before the whole file was checked: records
//! cannot be withdrawn. Between two batches the file stays open. After a restart the file is opened
//! again, and the records that were read are skipped.

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
    READ_TIME,
    cursor::{FilePosition, Fingerprint},
    folder::{SizeAndTime, disk_fault},
    format::{self, Document, RawRow, RowReader},
    manifest::Manifest,
    options::Options,
    record,
    selection::Candidate,
    spool::FileError,
    text::FileSummary,
    unpack::{documents, guess_extension, has_known_extension},
};

/// Bytes of the records of one batch, approximately.
const BATCH_BYTES: usize = 8 << 20;

/// A file that passed its checks.
pub(crate) struct OpenFile {
    pub(crate) candidate: Candidate,
    pub(crate) md5: Fingerprint,
    /// Its first bytes.
    pub(crate) first_bytes: Bytes,
    /// The revision of all its records, where its name has it.
    revision: Option<Revision>,
    /// Records that were read.
    n_records: u64,
    rows: FileRows,
    /// The first entry of the next batch, if it was read already.
    next_entry: Option<Entry>,
}

/// A file that cannot be read, and why.
pub(crate) struct RefusedFile {
    pub(crate) reason: Reason,
    pub(crate) md5: Fingerprint,
    /// Its first bytes.
    pub(crate) first_bytes: Bytes,
}

impl OpenFile {
    /// Checks a whole file and opens it after its first `n_already_read` records. The outer error is one
    /// of the disk.
    pub(crate) fn open(
        candidate: &Candidate,
        file: File,
        manifest: Option<&Manifest>,
        n_already_read: u64,
        options: &Arc<Options>,
    ) -> io::Result<Result<Self, RefusedFile>> {
        let file = Arc::new(file);
        let summary = FileSummary::read(&file)?;
        let (md5, first_bytes) = (Fingerprint::of(&summary.md5), summary.first_bytes.clone());
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
                md5,
                first_bytes,
                revision,
                n_records: n_already_read,
                rows,
                next_entry: None,
            })),
            Err(FileError::Content(reason)) => Ok(Err(RefusedFile { reason, md5, first_bytes })),
            Err(FileError::Disk(error)) => Err(error),
        }
    }

    pub(crate) fn position(&self) -> FilePosition {
        let n_unused = u64::from(self.next_entry.is_some());
        FilePosition {
            name: self.candidate.name.clone(),
            fingerprint: self.candidate.fingerprint(),
            n_records: self.n_records - n_unused,
        }
    }

    /// The next entries, and whether the file has ended, or why the rest of it cannot be read. A key
    /// that is in the batch already begins the next batch. After `until`, the batch is what was read.
    pub(crate) fn next_batch(
        &mut self,
        max_entries: usize,
        until: Instant,
        options: &Options,
    ) -> (Vec<Entry>, Result<bool, FileError>) {
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        loop {
            let is_full = entries.len() >= max_entries.max(1)
                || n_bytes >= BATCH_BYTES
                || (!entries.is_empty() && Instant::now() >= until);
            if is_full {
                return (entries, Ok(false));
            }
            let entry = match self.next_entry.take() {
                Some(entry) => entry,
                None => match self.next_row() {
                    Ok(None) => return (entries, Ok(true)),
                    Ok(Some((row, report))) => {
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

    /// The next record. A file without records is an error.
    fn next_row(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        let next = self.rows.next()?;
        match &next {
            Some(_) => self.n_records += 1,
            None if self.n_records == 0 => {
                return Err(FileError::content("no_records", "the file has no records"));
            }
            None => {}
        }
        Ok(next)
    }
}

/// The entries of a fixture, read like a file of the folder. If its name matches no pattern of the
/// channel, the first bytes decide its format, and its records have no revision by name.
pub(crate) fn parse_sample(name: &str, page: &[u8], options: &Arc<Options>) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().map_err(disk_fault)?;
    file.write_all(page).map_err(disk_fault)?;
    let is_unnamed = !options.is_selected(name) && !has_known_extension(name);
    let extension = if is_unnamed { format!(".{}", guess_extension(page)) } else { String::new() };
    let data = SizeAndTime { n_bytes: page.len() as u64, modified: 0 };
    let candidate = Candidate { name: format!("{name}{extension}"), data, manifest: None };
    let mut open = match OpenFile::open(&candidate, file, None, 0, options).map_err(disk_fault)? {
        Ok(open) => open,
        Err(refused) => {
            return Ok(vec![unreadable_entry(&candidate.name, refused.reason, refused.first_bytes)]);
        }
    };
    let mut entries = Vec::new();
    loop {
        let (more, end) = open.next_batch(usize::MAX, Instant::now() + READ_TIME, options);
        entries.extend(more);
        match end {
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

/// The entry of a file that cannot be read to its end. The name of the file is the key, so a
/// corrected file replaces the entry.
pub(crate) fn unreadable_entry(name: &str, reason: Reason, first_bytes: Bytes) -> Entry {
    let place = Place { key: Some(RecordKey::new(name.to_owned())), at: name.to_owned() };
    Entry::Unreadable { place, bytes: first_bytes, reason }
}

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
        Err(_) if !options.is_selected(name) => Some(Revision::NONE),
        Err(reason) => return Err(FileError::Content(reason)),
    };
    let documents = documents(name, file, summary, options)?;
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

/// The records of all documents in a file.
struct FileRows {
    options: Arc<Options>,
    documents: VecDeque<Document>,
    current: Option<(String, RowReader, TextReport)>,
}

impl FileRows {
    /// Opens the first document: a wrong header is found at once.
    fn open(documents: Vec<Document>, options: Arc<Options>) -> Result<Self, FileError> {
        let mut chain = Self { options, documents: documents.into(), current: None };
        chain.open_next()?;
        Ok(chain)
    }

    fn open_next(&mut self) -> Result<(), FileError> {
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
            self.open_next()?;
        }
        Ok(None)
    }
}
