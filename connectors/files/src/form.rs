//! The formats of files: for each, a reader that returns one record after another.

mod csv;
mod header;
mod json;
mod stream;
mod xls;
mod xlsx;
mod xml;

use std::{fs::File, sync::Arc};

use contract::{Mark, Reason, TextReport};
use document::Findings;
use normalizer_text::Hints;
use serde_json::Value;

pub(crate) use self::header::Columns;
use crate::{
    config::{Config, Format},
    options::Options,
    spool::Broken,
    text::{Pieces, Survey},
};

/// One file of records.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its name within an archive.
    pub(crate) inner: Option<String>,
    pub(crate) file: Arc<File>,
    pub(crate) format: Format,
    pub(crate) survey: Survey,
}

/// One record as it is in its file.
#[derive(Debug, Default)]
pub(crate) struct RawRow {
    /// Its place, for people: `line 7`.
    pub(crate) at: String,
    pub(crate) tree: Value,
    /// Its bytes, where it was written as text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What is wrong with it, marked in the tree.
    pub(crate) findings: Findings,
    /// Fields with bytes that are not in the charset.
    pub(crate) malformed: Vec<Mark>,
    /// Other findings in its text.
    pub(crate) marks: Vec<Mark>,
    /// Why it is not a record.
    pub(crate) problem: Option<Reason>,
}

/// The records of a file, in order. None follow after an error.
pub(crate) trait RowReader: Send {
    fn next(&mut self) -> Result<Option<RawRow>, Broken>;
}

/// Opens a document, and reads its header where it has one.
pub(crate) fn open(
    document: &Document,
    options: &Options,
) -> Result<(Box<dyn RowReader>, TextReport), Broken> {
    let Config { force, charset, .. } = &options.config;
    let hints = Hints { force: *force, declared: *charset, ..Hints::default() };
    let (evidence, bom) = document.survey.detector.evidence(&hints);
    let file = || Arc::clone(&document.file);
    let pieces = || Pieces::new(file(), evidence.charset, bom);
    let rows: Box<dyn RowReader> = match document.format {
        Format::Csv => Box::new(csv::Csv::open(pieces(), options)?),
        Format::Xlsx => Box::new(xlsx::Xlsx::open(file(), options)?),
        Format::Xls => Box::new(xls::Xls::open(file(), options)?),
        Format::Xml => Box::new(xml::Xml::open(pieces(), options)),
        Format::JsonLines => Box::new(json::Lines::open(pieces(), options)),
        Format::JsonArray => Box::new(json::Array::open(pieces(), options)),
    };
    let report = match document.format {
        Format::Xlsx | Format::Xls => TextReport::default(),
        _ => evidence.report(),
    };
    Ok((rows, report))
}
