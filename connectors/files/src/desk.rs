//! The file that is being read, between two batches.
//!
//! It is no progress: where it is lost, the file is opened again and what was read is passed over.

use std::{collections::HashSet, io};

use contract::{Entry, Place, Reason, RecordKey};
use tokio::time::Instant;

use crate::{
    cursor::Within,
    form::Broken,
    pick::Candidate,
    plan::Plan,
    reading::{Reading, Share},
    record,
};

/// An open file.
pub(crate) struct Desk {
    pub(crate) candidate: Candidate,
    pub(crate) reading: Reading,
    /// Read, and not given yet.
    held: Option<Entry>,
}

/// What a share of a file is.
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

impl Desk {
    pub(crate) fn new(candidate: Candidate, reading: Reading) -> Self {
        Self { candidate, reading, held: None }
    }

    pub(crate) fn within(&self) -> Within {
        let n_held = u64::from(self.held.is_some());
        Within {
            name: self.candidate.name.clone(),
            seen: self.candidate.seen(),
            n_records: self.reading.n_records - n_held,
        }
    }

    /// The next entries. A key that comes again begins a batch of its own.
    pub(crate) fn portion(&mut self, share: Share, plan: &Plan) -> Portion {
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
                None => match self.reading.next() {
                    Ok(None) => break End::OfFile,
                    Ok(Some((row, report))) => {
                        n_bytes += row.bytes.as_ref().map_or(1_024, Vec::len);
                        let (name, revision) = (&self.candidate.name, self.reading.revision);
                        record::entry(name, revision, row, &report, &plan.record)
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
}

fn key(entry: &Entry) -> Option<&RecordKey> {
    match entry {
        Entry::Record(record) => Some(&record.key),
        Entry::Unreadable { place: Place { key, .. }, .. } => key.as_ref(),
    }
}
