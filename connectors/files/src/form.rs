//! The forms a file can have, each a reader of one record after the other.

mod csv;
mod header;
mod json;
mod stream;
mod xls;
mod xlsx;
mod xml;

use std::{fs::File, sync::Arc};

use contract::{Fault, Mark, Reason, TextReport};
use document::Findings;
use normalizer_text::{Charset, Hints, Span};
use serde_json::Value;

use self::header::Columns;
use crate::{
    config::{Config, CsvConfig, Format, Limits},
    spool::{Broken, UnpackLimits},
    text::{Pieces, Survey},
};

/// How the records of a file are found.
#[derive(Debug, Clone)]
pub(crate) struct FormOptions {
    pub(crate) format: Option<Format>,
    charset: Option<Charset>,
    force: Option<Charset>,
    csv: CsvConfig,
    element: Option<String>,
    columns: Columns,
    /// Bytes of one record.
    max_record: usize,
    pub(crate) limits: UnpackLimits,
}

/// One file of records.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its name within an archive.
    pub(crate) inner: Option<String>,
    pub(crate) file: Arc<File>,
    pub(crate) format: Format,
    pub(crate) survey: Survey,
}

/// One record as its file holds it.
#[derive(Debug)]
pub(crate) struct RawRow {
    /// Where it stands, for people: `line 7`.
    pub(crate) at: String,
    pub(crate) tree: Value,
    /// As it was written, where it was written as text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What is wrong with it, marked in the tree.
    pub(crate) findings: Findings,
    /// Where its bytes are not in the charset: field and places.
    pub(crate) malformed: Vec<Mark>,
    /// What was found in its text besides.
    pub(crate) marks: Vec<Mark>,
    /// Why it is no record.
    pub(crate) problem: Option<Reason>,
}

/// The records of a file, in its order. After an error there are no more.
pub(crate) trait RowReader: Send {
    fn next(&mut self) -> Result<Option<RawRow>, Broken>;
}

/// Opens a document; its header, where it has one, is read at once.
pub(crate) fn open(
    document: &Document,
    options: &FormOptions,
) -> Result<(Box<dyn RowReader>, TextReport), Broken> {
    let hints = Hints { force: options.force, declared: options.charset, ..Hints::default() };
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

impl FormOptions {
    /// Refuses settings by which no file could be taken apart.
    pub(crate) fn new(config: &Config) -> Result<Self, Fault> {
        let CsvConfig { delimiter, quote, .. } = &config.csv;
        let is_plain = |text: &str| text.is_ascii() && !text.contains(['\r', '\n', *quote]);
        if !(1..=4).contains(&delimiter.len()) || !is_plain(delimiter) || !quote.is_ascii() {
            return Err(Fault::stopped(
                "`csv.delimiter` and `csv.quote` cannot be told apart, or are not ASCII",
            )
            .remedy("write one to four characters that are no quote and no line end"));
        }
        let columns = Columns::new(&config.columns).map_err(|what| {
            Fault::stopped(format!("`columns`: {what}")).remedy("give each name to one column")
        })?;
        let Limits { total, ratio, entries, record } = config.limits;
        if total == 0 || ratio == 0 || entries == 0 || !(1..=16).contains(&record) {
            return Err(Fault::stopped("`limits` forbid everything")
                .remedy("leave them out, or raise them"));
        }
        Ok(Self {
            format: config.format,
            charset: config.charset,
            force: config.force,
            csv: config.csv.clone(),
            element: config.element.clone(),
            columns,
            max_record: (record as usize) << 20,
            limits: UnpackLimits {
                total: u64::from(total) << 20,
                ratio: u64::from(ratio),
                entries: entries as usize,
            },
        })
    }
}

impl RawRow {
    /// One of a form whose text is no bytes of the file.
    fn of_cells(at: String, tree: Value) -> Self {
        let (findings, malformed, marks) = (Findings::default(), Vec::new(), Vec::new());
        Self { at, tree, bytes: None, findings, malformed, marks, problem: None }
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

/// The options of a channel that says nothing of the form of its files.
#[cfg(test)]
pub(crate) fn options() -> FormOptions {
    let config = serde_json::json!({
        "url": ".", "match": ["*"], "key": "$.id", "revision": { "at": "$.n" },
    });
    FormOptions::new(&serde_json::from_value(config).unwrap()).unwrap()
}
