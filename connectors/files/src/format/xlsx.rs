//! Workbooks of Excel (.xlsx): the first sheet, row by row.
//!
//! The sheet is unpacked to the disk and read as a stream; only the table of texts is in memory,
//! within a limit. Values are as in the file: a date is a number of days.
//!
//! Not with calamine's `worksheet_cells_reader`, as of 0.38: it reserves memory for as many texts as
//! the file declares, so one wrong number (`uniqueCount`) ends the process; it keeps all texts and
//! the text of one cell without a limit; it relies on a declared range that may be reversed; it reads
//! numbers as floating-point, which changes an id of 17 digits; and for a text reference that is not
//! a number it returns the first text, not an error.

mod sheet;

use std::{
    fs::File,
    io::{BufReader, Read, Take},
    sync::Arc,
};

use document::Findings;
use quick_xml::{XmlVersion, events::BytesStart};
use serde_json::Value;
use zip::ZipArchive;

use self::sheet::{SharedTexts, Sheet};
use super::{
    RawRow, RowReader,
    header::{Header, find_header},
};
use crate::{
    config::Limits,
    options::Options,
    spool::{UnpackLimit, FileError, FileReader, spool},
};

/// The part with the texts that cells share.
const SHARED_TEXTS: &str = "xl/sharedStrings.xml";

/// Opens the first sheet of a workbook and reads its header.
pub(super) fn open(file: Arc<File>, options: &Options) -> Result<RowReader, FileError> {
    let mut package = Package::open(file, &options.config.limits)?;
    let first_sheet = package.first_sheet()?;
    let limit = options.max_record;
    // A workbook without texts may have no table of them.
    let texts = match package.archive.index_for_name(SHARED_TEXTS) {
        Some(_) => SharedTexts::read(package.part(SHARED_TEXTS)?, limit)?,
        None => SharedTexts::default(),
    };
    let part = package.part(&first_sheet)?;
    let mut sheet = Sheet::open(part, texts, limit);
    let header = find_header(&options.columns, || Ok(sheet.next()?.map(|row| row.cells)))?;
    Ok(Box::new(move || Ok(sheet.next()?.map(|cells| cells.row(&header)))))
}

/// One row that is not empty: its number, and its cells from the first column on.
pub(super) struct Cells {
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
}

impl Cells {
    pub(super) fn row(self, header: &Header) -> RawRow {
        let missing = header.0.len().saturating_sub(self.cells.len());
        let cells = self.cells.into_iter().chain(std::iter::repeat_n(String::new(), missing));
        let tree = Value::Object(header.object(cells.map(Value::String)));
        RawRow { at: format!("row {}", self.number), tree, ..RawRow::default() }
    }
}

/// Such a workbook is refused: every date would be four years early, and nobody would notice.
pub(super) fn dates_from_1904() -> FileError {
    FileError::content("dates_from_1904", "the workbook counts its days from 1904")
}

/// A number as people write it: whole numbers without `.0` and without an exponent.
pub(super) fn plain_number(text: &str) -> String {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < MAX_EXACT => format!("{number:.0}"),
        Ok(number) if text.contains(['e', 'E']) => number.to_string(),
        _ => text.to_owned(),
    }
}

/// Bytes of a part that is read as a tree.
const MAX_TREE_BYTES: u64 = 4 << 20;

/// A part that is read as a stream; `next_event` in `sheet.rs` sets the limit of each read.
type Part = Take<BufReader<FileReader>>;

/// A workbook's archive.
struct Package {
    archive: ZipArchive<FileReader>,
    budget: UnpackLimit,
}

impl Package {
    fn open(file: Arc<File>, limits: &Limits) -> Result<Self, FileError> {
        let n_bytes = file.metadata()?.len();
        let archive = ZipArchive::new(FileReader::new(file)).map_err(|_| not_a_workbook())?;
        Ok(Self { archive, budget: UnpackLimit::new(limits, n_bytes) })
    }

    /// The part of the first sheet; a workbook whose days count from 1904 is refused.
    fn first_sheet(&mut self) -> Result<String, FileError> {
        let tree = self.tree("xl/workbook.xml")?;
        let workbook = &tree["workbook"][0];
        let counts_from_1904 = |properties: &Value| {
            properties["@date1904"].as_str().is_some_and(|value| ["1", "true"].contains(&value))
        };
        if elements(workbook, "workbookPr").any(counts_from_1904) {
            return Err(dates_from_1904());
        }
        let sheet = &workbook["sheets"][0]["sheet"][0];
        let tree = self.tree("xl/_rels/workbook.xml.rels")?;
        let target = elements(&tree["Relationships"][0], "Relationship")
            .find(|relationship| sheet["@id"].is_string() && relationship["@Id"] == sheet["@id"])
            .and_then(|relationship| relationship["@Target"].as_str())
            .ok_or_else(not_a_workbook)?;
        Ok(match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{target}"),
        })
    }

    /// A part, unpacked to the disk.
    fn part(&mut self, name: &str) -> Result<Part, FileError> {
        let packed = self.archive.by_name(name).map_err(|_| not_a_workbook())?;
        let file = spool(packed, &mut self.budget)?;
        let file = BufReader::with_capacity(64 * 1024, FileReader::new(Arc::new(file)));
        Ok(file.take(0))
    }

    /// A small part as a tree.
    fn tree(&mut self, name: &str) -> Result<Value, FileError> {
        let packed = self.archive.by_name(name).map_err(|_| not_a_workbook())?;
        let mut text = String::new();
        packed.take(MAX_TREE_BYTES).read_to_string(&mut text).map_err(|_| not_a_workbook())?;
        document::xml(&text, &mut Findings::default()).map_err(|_| not_a_workbook())
    }
}

pub(super) fn not_a_workbook() -> FileError {
    FileError::content("bad_workbook", "the file is not a workbook, or it is damaged")
}

/// The child elements with a name, in the tree of an element.
fn elements<'a>(element: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    element[name].as_array().into_iter().flatten()
}

/// The value of an attribute, by its name without prefix.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes().filter_map(Result::ok);
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

#[cfg(test)]
mod tests;
