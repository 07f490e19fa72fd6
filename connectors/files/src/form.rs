//! The forms a file can have, each a reader of one record after the other.

mod csv;
mod header;
mod json;
mod stream;
mod xls;
mod xlsx;
mod xml;

use std::{io, sync::Arc};

use contract::{Mark, Reason, TextReport};
use normalizer_text::Span;
use serde_json::Value;

pub(crate) use header::Columns;

use crate::{
    config::Format,
    plan::FormPlan,
    text::{Pieces, Writing},
    unpack::Document,
};

/// One record as its file holds it.
#[derive(Debug)]
pub(crate) struct Row {
    /// Where it stands, for people: `line 7`.
    pub(crate) at: String,
    pub(crate) tree: Value,
    /// As it was written, where it was written as text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Where its bytes are not in the charset: field and places.
    pub(crate) malformed: Vec<Mark>,
    /// What was found in its text besides.
    pub(crate) marks: Vec<Mark>,
    /// Why it is no record.
    pub(crate) problem: Option<Reason>,
}

/// Why a file cannot be read on.
#[derive(Debug)]
pub(crate) enum Broken {
    /// By what it holds.
    Content(Reason),
    /// By the disk.
    Disk(io::Error),
}

/// The records of a file, in its order. After an error there are no more.
pub(crate) trait Rows: Send {
    fn next(&mut self) -> Result<Option<Row>, Broken>;
}

/// Opens a document; its header, where it has one, is read at once.
pub(crate) fn open(
    document: &Document,
    plan: &FormPlan,
) -> Result<(Box<dyn Rows>, TextReport), Broken> {
    let file = || Arc::clone(&document.file);
    let writing = Writing::of(&document.survey, plan.force, plan.charset);
    let pieces = || Pieces::new(file(), writing);
    let rows: Box<dyn Rows> = match document.format {
        Format::Csv => Box::new(csv::Csv::open(pieces(), plan)?),
        Format::Xlsx => Box::new(xlsx::Xlsx::open(file(), plan)?),
        Format::Xls => Box::new(xls::Xls::open(file(), plan)?),
        Format::Xml => Box::new(xml::Xml::open(pieces(), plan)),
        Format::JsonLines => Box::new(json::Lines::open(pieces(), plan)),
        Format::JsonArray => Box::new(json::Array::open(pieces(), plan)),
    };
    let report = match document.format {
        Format::Xlsx | Format::Xls => TextReport::default(),
        _ => TextReport {
            charset: writing.charset().into(),
            decided_by: writing.decided_by,
            conflict: writing.conflict,
            marks: Vec::new(),
        },
    };
    Ok((rows, report))
}

impl Row {
    /// One of a form whose text is no bytes of the file.
    fn of_cells(at: String, tree: Value) -> Self {
        let (malformed, marks) = (Vec::new(), Vec::new());
        Self { at, tree, bytes: None, malformed, marks, problem: None }
    }
}

impl Broken {
    fn content(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Content(Reason::new(code, detail))
    }

    fn too_large(at: &str, limit: usize) -> Self {
        Self::content("too_large", format!("the record at {at} has more than {limit} bytes"))
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// What is said of malformed sequences; never the text around them.
fn malformed_detail(spans: &[Span], charset: &str) -> String {
    let first = spans.first().copied().unwrap_or(Span { offset: 0, len: 0 });
    format!(
        "{} bytes at offset {} are not {charset}, {} such places",
        first.len,
        first.offset,
        spans.len()
    )
}
