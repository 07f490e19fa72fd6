//! A file that is open: checked as a whole, then given record by record.
//!
//! Nothing of a file is given before all of it was seen, where a manifest says what that is: a row
//! that was taken from half a file could not be given back.

use std::{collections::VecDeque, fs::File, io, sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{Reason, Revision, TextReport};
use tokio::time::Instant;

use crate::{
    cursor::Mark,
    form::{self, Broken, Row, Rows},
    manifest::Manifest,
    plan::Plan,
    record,
    survey::{Survey, survey},
    unpack::{Document, documents},
};

/// A file that was found good so far.
pub(crate) struct Reading {
    pub(crate) md5: Mark,
    /// Of all its records, where its name says it.
    pub(crate) revision: Option<Revision>,
    /// Records that were given.
    pub(crate) n_records: u64,
    pub(crate) head: Bytes,
    rows: Chain,
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

/// Looks over all of a file and opens it behind its first `n_skipped` records.
pub(crate) fn open(
    name: &str,
    file: File,
    manifest: Option<&Manifest>,
    n_skipped: u64,
    plan: &Arc<Plan>,
) -> Result<Reading, Failed> {
    let file = Arc::new(file);
    let survey = survey(&file).map_err(Failed::Disk)?;
    let (md5, head) = (Mark::of(&survey.md5), Bytes::from(survey.head.clone()));
    let opened = judge(name, file, survey, manifest, plan).and_then(|(revision, mut rows)| {
        for _ in 0..n_skipped {
            rows.next()?;
        }
        Ok((revision, rows))
    });
    match opened {
        Ok((revision, rows)) => Ok(Reading { md5, revision, n_records: n_skipped, head, rows }),
        Err(Broken::Content(reason)) => Err(Failed::Refused(Refused { reason, md5, head })),
        Err(Broken::Disk(error)) => Err(Failed::Disk(error)),
    }
}

fn judge(
    name: &str,
    file: Arc<File>,
    survey: Survey,
    manifest: Option<&Manifest>,
    plan: &Arc<Plan>,
) -> Result<(Option<Revision>, Chain), Broken> {
    if let Some(manifest) = manifest {
        manifest.judge(name, &survey).map_err(Broken::Content)?;
    }
    if survey.n_bytes == 0 {
        return Err(Broken::Content(Reason::new("empty_file", "the file has no bytes")));
    }
    let revision = record::revision_of(name, &plan.record).map_err(Broken::Content)?;
    let documents = documents(name, file, survey, &plan.form)?;
    let open = || Chain::open(documents.clone(), Arc::clone(plan));
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

impl Reading {
    /// The next record, until there are no more. A file without any is none.
    pub(crate) fn next(&mut self) -> Result<Option<(Row, TextReport)>, Broken> {
        let next = self.rows.next()?;
        match &next {
            Some(_) => self.n_records += 1,
            None if self.n_records == 0 => {
                return Err(Broken::Content(Reason::new("no_records", "the file has no records")));
            }
            None => {}
        }
        Ok(next)
    }
}

/// The records of one document after the other.
struct Chain {
    plan: Arc<Plan>,
    documents: VecDeque<Document>,
    current: Option<(String, Box<dyn Rows>, TextReport)>,
}

impl Chain {
    /// Opens the first document: a wrong header shows at once.
    fn open(documents: Vec<Document>, plan: Arc<Plan>) -> Result<Self, Broken> {
        let mut chain = Self { plan, documents: documents.into(), current: None };
        chain.turn()?;
        Ok(chain)
    }

    fn turn(&mut self) -> Result<(), Broken> {
        let Some(document) = self.documents.pop_front() else { return Ok(()) };
        let (rows, report) = form::open(&document, &self.plan.form)?;
        let prefix = document.inner.map_or_else(String::new, |inner| format!("{inner}, "));
        self.current = Some((prefix, rows, report));
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Row, TextReport)>, Broken> {
        while let Some((prefix, rows, report)) = &mut self.current {
            if let Some(mut row) = rows.next()? {
                row.at.insert_str(0, prefix);
                return Ok(Some((row, report.clone())));
            }
            self.current = None;
            self.turn()?;
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
