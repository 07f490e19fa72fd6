//! The formats of files. Each has a function that opens a file and returns a reader of its records.

mod cell;
mod csv;
mod json;
mod merged;
mod stream;
mod workbook;
mod xls;
mod xlsx;
mod xml;

use std::{fs::File, sync::Arc};

use contract::{Reason, TextReport};
use document::{Defects, Findings, TableRow};
use normalizer_text::Hints;
use serde_json::Value;

pub(crate) use self::cell::{Doubt, time_of_cell};
use crate::{
    config::{Config, Format},
    options::Options,
    spool::FileError,
    text::{DecodedFile, FileSummary},
};

/// A file that contains records in one format.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// Its name in the archive it was packed in; `None` if it was in no archive.
    pub(crate) name_in_archive: Option<String>,
    pub(crate) file: Arc<File>,
    /// Its format, or why it cannot be read; other files of the same archive may be readable.
    pub(crate) format: Result<Format, Reason>,
    pub(crate) summary: FileSummary,
}

/// One record as it was read from its file.
#[derive(Debug, Default)]
pub(crate) struct RawRow {
    /// Where it is in the file, for people: `line 7`.
    pub(crate) at: String,
    pub(crate) tree: Value,
    /// Its bytes; `None` if the format is not text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Doubtful cells of a workbook: the field, and why.
    pub(crate) doubts: Vec<(String, Doubt)>,
    /// Damage in the text of the record, which markers in `tree` refer to.
    pub(crate) findings: Arc<Findings>,
    /// Defects that have no markers in the tree.
    pub(crate) defects: Defects,
    /// Whether it is a title above the header, not a record.
    pub(crate) is_title: bool,
    /// Whether it is a row of a table: people also write rows that are not records.
    pub(crate) is_table_row: bool,
}

impl From<TableRow> for RawRow {
    fn from(row: TableRow) -> Self {
        let TableRow { at, tree, bytes, defects, is_title } = row;
        let is_table_row = tree.is_object();
        Self { at, tree, bytes, defects, is_title, is_table_row, ..Self::default() }
    }
}

/// Reads the next record of a file; `None` after the last one. Must not be called after an error.
pub(crate) type RowReader = Box<dyn FnMut() -> Result<Option<RawRow>, FileError> + Send>;

/// Opens a document, and reads its header if its format has one. Also returns how the text is
/// decoded.
pub(crate) fn open(
    document: &Document,
    options: &Options,
) -> Result<(RowReader, TextReport), FileError> {
    let Config { force, charset, .. } = &options.config;
    let hints = Hints { force: *force, declared: *charset, ..Hints::default() };
    let (evidence, bom_len) = document.summary.detector.evidence(&hints);
    let format = document.format.clone().map_err(FileError::Content)?;
    let is_text = !matches!(format, Format::Xlsx | Format::Xls);
    if let Some(encoding) = evidence.foreign.filter(|_| is_text) {
        let detail = format!(
            "the text is encoded in {encoding}, which is not read: ask the source for UTF-8"
        );
        return Err(FileError::content("unknown_charset", detail));
    }
    let file = || Arc::clone(&document.file);
    let decoded = || DecodedFile::new(file(), evidence.charset, bom_len);
    let reader = match format {
        Format::Csv => csv::open(decoded, options)?,
        Format::Xlsx => xlsx::open(file(), options)?,
        Format::Xls => xls::open(file(), options)?,
        Format::Xml => xml::open(decoded(), options),
        Format::JsonLines | Format::JsonArray => match &options.config.records {
            Some(path) => json::open_document(&document.file, &hints, path)?,
            None => json::open(decoded, options)?,
        },
    };
    let is_unescaped = matches!(format, Format::Xlsx);
    let report = if is_text { evidence.report() } else { TextReport::default() };
    Ok((reader, TextReport { is_unescaped, ..report }))
}
