//! A file that is open: checked as a whole, then given record by record.
//!
//! Nothing of a file is given before all of it was seen, where a manifest says what that is: a row
//! that was taken from half a file could not be given back. Between two batches the file stays
//! open. That is no progress: where it is lost, the file is opened again and what was read is passed
//! over.

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

/// A file that was found good so far.
pub(crate) struct OpenFile {
    pub(crate) candidate: Candidate,
    pub(crate) md5: Mark,
    /// Its beginning.
    pub(crate) head: Bytes,
    /// Of all its records, where its name says it.
    revision: Option<Revision>,
    /// Records that were read.
    n_records: u64,
    rows: Chain,
    /// Read, and not given yet.
    held: Option<Entry>,
}

/// Why a file is not read, or not read on.
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) md5: Mark,
    /// The beginning of the file.
    pub(crate) head: Bytes,
}

/// Why a file is not opened.
pub(crate) enum Failed {
    Refused(Refused),
    /// The disk failed.
    Disk(io::Error),
}

/// A share of a file.
pub(crate) struct Portion {
    pub(crate) entries: Vec<Entry>,
    pub(crate) end: End,
}

/// How a share ends.
pub(crate) enum End {
    /// There is more.
    More,
    /// So does the file.
    OfFile,
    /// The rest of the file cannot be read.
    Broken(Reason),
    /// The disk failed.
    Disk(io::Error),
}

impl OpenFile {
    /// Looks over all of a file and opens it behind its first `n_skipped` records.
    pub(crate) fn open(
        candidate: &Candidate,
        file: File,
        manifest: Option<&Manifest>,
        n_skipped: u64,
        options: &Arc<Options>,
    ) -> Result<Self, Failed> {
        let file = Arc::new(file);
        let survey = Survey::of(&file).map_err(Failed::Disk)?;
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
            Ok((revision, rows)) => Ok(Self {
                candidate: candidate.clone(),
                md5,
                head,
                revision,
                n_records: n_skipped,
                rows,
                held: None,
            }),
            Err(Broken::Content(reason)) => Err(Failed::Refused(Refused { reason, md5, head })),
            Err(Broken::Disk(error)) => Err(Failed::Disk(error)),
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

    /// The next entries. A key that comes again begins a batch of its own.
    pub(crate) fn portion(&mut self, share: Share, options: &Options) -> Portion {
        let (mut entries, mut keys, mut n_bytes) = (Vec::new(), HashSet::new(), 0);
        let end = loop {
            let is_full = entries.len() >= share.n_entries
                || n_bytes >= share.n_bytes
                || (!entries.is_empty() && Instant::now() >= share.until);
            if is_full {
                break End::More;
            }
            let entry = match self.held.take() {
                Some(entry) => entry,
                None => match self.next_row() {
                    Ok(None) => break End::OfFile,
                    Ok(Some((row, report))) => {
                        n_bytes += row.bytes.as_ref().map_or(1_024, Vec::len);
                        let name = &self.candidate.name;
                        record::entry(name, self.revision, row, &report, &options.record)
                    }
                    Err(Broken::Content(reason)) => break End::Broken(reason),
                    Err(Broken::Disk(error)) => break End::Disk(error),
                },
            };
            if let Some(key) = key(&entry)
                && !keys.insert(key.clone())
            {
                self.held = Some(entry);
                break End::More;
            }
            entries.push(entry);
        };
        Portion { entries, end }
    }

    /// The next record, until there are no more. A file without any is none.
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

/// The entries of a page that lies in no folder, read as if it did. Where its name is none that the
/// channel reads, it says neither the form nor the time: the form is told by the first bytes, and
/// the time is left out.
pub(crate) fn sample(name: &str, page: &[u8], options: &Arc<Options>) -> Result<Vec<Entry>, Fault> {
    let mut file = tempfile::tempfile().map_err(disk)?;
    file.write_all(page).map_err(disk)?;
    let is_nameless = !options.is_meant(name) && !says_its_form(name);
    let ending = if is_nameless { format!(".{}", ending_of(page)) } else { String::new() };
    let data = Stamp { n_bytes: page.len() as u64, modified: 0 };
    let candidate = Candidate { name: format!("{name}{ending}"), data, manifest: None };
    let mut open = match OpenFile::open(&candidate, file, None, 0, options) {
        Ok(open) => open,
        Err(Failed::Refused(refused)) => {
            return Ok(vec![unreadable(&candidate.name, refused.reason, refused.head)]);
        }
        Err(Failed::Disk(error)) => return Err(disk(error)),
    };
    let mut entries = Vec::new();
    loop {
        let mut portion = open.portion(Share::new(usize::MAX, usize::MAX, FOR_EVER), options);
        entries.append(&mut portion.entries);
        match portion.end {
            End::More => {}
            End::OfFile => return Ok(entries),
            End::Broken(reason) => {
                entries.push(unreadable(&candidate.name, reason, open.head));
                return Ok(entries);
            }
            End::Disk(error) => return Err(disk(error)),
        }
    }
}

/// Nobody waits for the batch of a sample.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// A file that cannot be read, or not be read on. Its name is its key: it is one thing, whatever it
/// holds, and it is found again by its name.
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
    let revision = match record::revision_of(name, &options.record) {
        Ok(revision) => revision,
        Err(_) if !options.is_meant(name) => Some(Revision::NONE),
        Err(reason) => return Err(Broken::Content(reason)),
    };
    let documents = documents(name, file, survey, &options.form)?;
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

fn key(entry: &Entry) -> Option<&RecordKey> {
    match entry {
        Entry::Record(record) => Some(&record.key),
        Entry::Unreadable { place: Place { key, .. }, .. } => key.as_ref(),
    }
}

/// The records of one document after the other.
struct Chain {
    options: Arc<Options>,
    documents: VecDeque<Document>,
    current: Option<(String, Box<dyn RowReader>, TextReport)>,
}

impl Chain {
    /// Opens the first document: a wrong header shows at once.
    fn open(documents: Vec<Document>, options: Arc<Options>) -> Result<Self, Broken> {
        let mut chain = Self { options, documents: documents.into(), current: None };
        chain.open_next()?;
        Ok(chain)
    }

    fn open_next(&mut self) -> Result<(), Broken> {
        let Some(document) = self.documents.pop_front() else { return Ok(()) };
        let (rows, report) = form::open(&document, &self.options.form)?;
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

/// How much one batch takes of a file at most.
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
