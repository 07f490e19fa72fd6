//! The formats of files: for each, a function that opens a file and one that reads its next record.

mod csv;
mod header;
mod json;
mod stream;
mod xls;
mod xlsx;
mod xml;

use std::{fs::File, sync::Arc};

use contract::TextReport;
use document::{Findings, Verdict};
use normalizer_text::Hints;
use serde_json::Value;

pub(crate) use self::header::Columns;
use crate::{
    config::{Config, Format},
    options::Options,
    spool::FileError,
    text::{FileSummary, Pieces},
};

/// One file of records.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its name in the archive, if it was in one.
    pub(crate) name_in_archive: Option<String>,
    pub(crate) file: Arc<File>,
    pub(crate) format: Format,
    pub(crate) summary: FileSummary,
}

/// One record as it is in its file.
#[derive(Debug, Default)]
pub(crate) struct RawRow {
    /// Its place, for people: `line 7`.
    pub(crate) at: String,
    pub(crate) tree: Value,
    /// Its bytes, where it was written as text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Findings whose markers are in the tree.
    pub(crate) findings: Findings,
    /// Findings without markers, and why the row is not a record.
    pub(crate) verdict: Verdict,
}

/// Reads the next record of a file; `None` after the last. It is not called again after an error.
pub(crate) type RowReader = Box<dyn FnMut() -> Result<Option<RawRow>, FileError> + Send>;

/// Opens a document, and reads its header where it has one.
pub(crate) fn open(
    document: &Document,
    options: &Options,
) -> Result<(RowReader, TextReport), FileError> {
    let Config { force, charset, .. } = &options.config;
    let hints = Hints { force: *force, declared: *charset, ..Hints::default() };
    let (evidence, bom) = document.summary.detector.evidence(&hints);
    let file = || Arc::clone(&document.file);
    let pieces = || Pieces::new(file(), evidence.charset, bom);
    let reader = match document.format {
        Format::Csv => csv::open(pieces(), options)?,
        Format::Xlsx => xlsx::open(file(), options)?,
        Format::Xls => xls::open(file(), options)?,
        Format::Xml => xml::open(pieces(), options),
        Format::JsonLines => json::open_lines(pieces(), options),
        Format::JsonArray => json::open_array(pieces(), options),
    };
    let report = match document.format {
        Format::Xlsx | Format::Xls => TextReport::default(),
        _ => evidence.report(),
    };
    Ok((reader, report))
}
