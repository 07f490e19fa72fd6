//! An open file: checked as a whole, then read record by record.
//!
//! Where a manifest says what a file contains, no record is given before the whole file was checked:
//! records of half a file could not be taken back. Between two batches the file stays open. Where
//! that is lost, the file is opened again and the records that were read are skipped.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use contract::{Entry, Fault, Place, Reason, RecordKey, Revision, TextReport};
use tokio::time::Instant;

use crate::{
    cursor::{Mark, Within},
    folder::{Stamp, disk},
    form::{self, Document, RawRow, RowReader},
    manifest::Manifest,
    options::Options,
    pick::Candidate,
    record,
    spool::Broken,
    text::Survey,
    unpack::{documents, ending_of, says_its_form},
};

/// A file that passed its checks.
pub(crate) struct OpenFile {
    pub(crate) candidate: Candidate,
    pub(crate) md5: Mark,
    /// Its beginning.
    pub(crate) head: Bytes,
    /// The revision of all its records, where its name says it.
    revision: Option<Revision>,
    /// Records that were read.
    n_records: u64,
    rows: Chain,
    /// An entry that was read and not given yet.
    held: Option<Entry>,
}

/// Why a file is not read, or not read on.
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) md5: Mark,
    /// The beginning of the file.
    pub(crate) head: Bytes,
}

impl OpenFile {
    /// Checks a whole file and opens it after its first `n_skipped` records; an error of the disk is
    /// the outer one.
    pub(crate) fn open(
        candidate: &Candidate,
        file: File,
        manifest: Option<&Manifest>,
        n_skipped: u64,
        options: &Arc<Options>,
    ) -> io::Result<Result<Self, Refused>> {
        let file = Arc::new(file);
        let survey = Survey::of(&file)?;
        let (md5, head) = (Mark::of(&survey.md5), survey.head.clone());
        let name = &candidate.name;
        let judged =
            judge(name, file, survey, manifest, options).and_then(|(revision, mut rows)| {
                for _ in 0..n_skipped {
                    rows.next()?;
                }
                Ok((revision, rows))
            });
        match judged {
            Ok((revision, rows)) => Ok(Ok(Self {
                candidate: candidate.clone(),
                md5,
                head,
                revision,
                n_records: n_skipped,
                rows,
                held: None,
            })),
            Err(Broken::Content(reason)) => Ok(Err(Refused { reason, md5, head })),
            Err(Broken::Disk(error)) => Err(error),
        }
    }

    pub(crate) fn within(&self) -> Within {
        let n_held = u64::from(self.held.is_some());
        Within {
            name: self.candidate.name.clone(),
            seen: self.candidate.seen(),
            n_records: self.n_records - n_held,
        }
    }

    /// The next entries, and whether the file has ended or cannot be read on. A key that comes again
    /// begins a new batch.
    pub(crate) fn portion(
        &mut self,
        share: Share,
        options: &Options,
    ) -> (Vec<Entry>, Result<bool, Broken>) {
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        loop {
            let is_full = entries.len() >= share.n_entries
                || n_bytes >= share.n_bytes
                || (!entries.is_empty() && Instant::now() >= share.until);
            if is_full {
                return (entries, Ok(false));
            }
            let entry = match self.held.take() {
                Some(entry) => entry,
                None => match self.next_row() {
                    Ok(None) => return (entries, Ok(true)),
                    Ok(Some((row, report))) => {
                        n_bytes += row.bytes.as_ref().map_or(1_024, Vec::len);
                        let name = &self.candidate.name;
                        record::entry(name, self.revision, row, &report, options)
                    }
                    Err(broken) => return (entries, Err(broken)),
                },
            };
            if let Some(key) = entry.key()
                && !keys.insert(key.clone())
            {
                self.held = Some(entry);
                return (entries, Ok(false));
            }
            entries.push(entry);
        }
    }

    /// The next record. A file without records is an error.
    fn next_row(&mut self) -> Result<Option<(RawRow, TextReport)>, Broken> {
        let next = self.rows.next()?;
        match &next {
            Some(_) => self.n_records += 1,
            None if self.n_records == 0 => {
                return Err(Broken::content("no_records", "the file has no records"));
            }
            None => {}
        }
        Ok(next)
    }
}

/// The entries of a fixture, read like a file of the folder. Where the channel does not read files of
/// its name, the first bytes decide its format, and it has no time.
pub(crate) fn sample(name: &str, page: &[u8], options: &Arc<Options>) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().map_err(disk)?;
    file.write_all(page).map_err(disk)?;
    let is_nameless = !options.is_meant(name) && !says_its_form(name);
    let ending = if is_nameless { format!(".{}", ending_of(page)) } else { String::new() };
    let data = Stamp { n_bytes: page.len() as u64, modified: 0 };
    let candidate = Candidate { name: format!("{name}{ending}"), data, manifest: None };
    let mut open = match OpenFile::open(&candidate, file, None, 0, options).map_err(disk)? {
        Ok(open) => open,
        Err(refused) => {
            return Ok(vec![unreadable(&candidate.name, refused.reason, refused.head)]);
        }
    };
    let mut entries = Vec::new();
    loop {
        let (more, end) = open.portion(Share::new(usize::MAX, usize::MAX, FOREVER), options);
        entries.extend(more);
        match end {
            Ok(false) => {}
            Ok(true) => return Ok(entries),
            Err(Broken::Content(reason)) => {
                entries.push(unreadable(&candidate.name, reason, open.head));
                return Ok(entries);
            }
            Err(Broken::Disk(error)) => return Err(disk(error)),
        }
    }
}

/// Nobody waits for the batch of a fixture.
const FOREVER: Duration = Duration::from_secs(86_400);

/// The entry of a file that cannot be read to its end. Its name is its key, so it is found again by
/// its name, whatever its content.
pub(crate) fn unreadable(name: &str, reason: Reason, head: Bytes) -> Entry {
    let place = Place { key: Some(RecordKey::new(name.to_owned())), at: name.to_owned() };
    Entry::Unreadable { place, bytes: head, reason }
}

fn judge(
    name: &str,
    file: Arc<File>,
    survey: Survey,
    manifest: Option<&Manifest>,
    options: &Arc<Options>,
) -> Result<(Option<Revision>, Chain), Broken> {
    if let Some(manifest) = manifest {
        manifest.judge(name, &survey).map_err(Broken::Content)?;
    }
    if survey.n_bytes == 0 {
        return Err(Broken::content("empty_file", "the file has no bytes"));
    }
    let revision = match record::revision_of(name, options) {
        Ok(revision) => revision,
        Err(_) if !options.is_meant(name) => Some(Revision::NONE),
        Err(reason) => return Err(Broken::Content(reason)),
    };
    let documents = documents(name, file, survey, options)?;
    let open = || Chain::open(documents.clone(), Arc::clone(options));
    if let Some(manifest) = manifest {
        let mut rows = open()?;
        let mut n_rows = 0;
        while rows.next()?.is_some() {
            n_rows += 1;
        }
        manifest.judge_rows(n_rows).map_err(Broken::Content)?;
    }
    Ok((revision, open()?))
}

/// The records of one document after the other.
struct Chain {
    options: Arc<Options>,
    documents: VecDeque<Document>,
    current: Option<(String, Box<dyn RowReader>, TextReport)>,
}

impl Chain {
    /// Opens the first document: a wrong header is found at once.
    fn open(documents: Vec<Document>, options: Arc<Options>) -> Result<Self, Broken> {
        let mut chain = Self { options, documents: documents.into(), current: None };
        chain.open_next()?;
        Ok(chain)
    }

    fn open_next(&mut self) -> Result<(), Broken> {
        let Some(document) = self.documents.pop_front() else { return Ok(()) };
        let (rows, report) = form::open(&document, &self.options)?;
        let prefix = document.inner.map_or_else(String::new, |inner| format!("{inner}, "));
        self.current = Some((prefix, rows, report));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(RawRow, TextReport)>, Broken> {
        while let Some((prefix, rows, report)) = &mut self.current {
            if let Some(mut row) = rows.next()? {
                row.at.insert_str(0, prefix);
                return Ok(Some((row, report.clone())));
            }
            self.current = None;
            self.open_next()?;
        }
        Ok(None)
    }
}

/// How much one batch takes of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share {
    pub(crate) n_entries: usize,
    pub(crate) n_bytes: usize,
    pub(crate) until: Instant,
}

impl Share {
    pub(crate) fn new(n_entries: usize, n_bytes: usize, period: Duration) -> Self {
        Self { n_entries: n_entries.max(1), n_bytes, until: Instant::now() + period }
    }
}
