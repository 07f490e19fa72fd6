//! Reads the first sheet of Excel workbooks (.xlsx), row by row.
//!
//! The sheet is unpacked to the disk and read as a stream. Only the table of shared texts is in
//! memory, and its size is limited. Values are returned as they are in the file: a date is a number
//! of days.
//!
//! calamine's `worksheet_cells_reader` is not used, because version 0.38 trusts the file. It
//! reserves memory for as many texts as the file declares, so one wrong number (`uniqueCount`) ends
//! the process. It limits neither the size of all texts nor that of one cell. It relies on a
//! declared range that may be reversed. It reads numbers as floating-point, which changes an id of
//! 17 digits. And for a text reference that is not a number, it returns the first text instead of
//! an error.

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
    spool::{FileError, FileReader, UnpackLimit, unpack},
};

/// The part that contains the texts that cells share.
const SHARED_TEXTS: &str = "xl/sharedStrings.xml";

/// Opens the first sheet of a workbook and reads its header.
pub(super) fn open(file: Arc<File>, options: &Options) -> Result<RowReader, FileError> {
    let mut package = Package::open(file, &options.config.limits)?;
    let first_sheet = package.first_sheet_part()?;
    let limit = options.max_record_bytes;
    // A workbook without texts may lack this part.
    let texts = match package.archive.index_for_name(SHARED_TEXTS) {
        Some(_) => SharedTexts::read(package.part(SHARED_TEXTS)?, limit)?,
        None => SharedTexts::default(),
    };
    let part = package.part(&first_sheet)?;
    let mut sheet = Sheet::open(part, texts, limit);
    let header = find_header(&options.columns, || Ok(sheet.next()?.map(|row| row.cells)))?;
    Ok(Box::new(move || Ok(sheet.next()?.map(|row| row.into_raw_row(&header)))))
}

/// A row that is not empty: its number from 1, and its cells from the first column on.
pub(super) struct SheetRow {
    pub(super) number: u64,
    pub(super) cells: Vec<String>,
}

impl SheetRow {
    pub(super) fn into_raw_row(self, header: &Header) -> RawRow {
        let missing = header.0.len().saturating_sub(self.cells.len());
        let cells = self.cells.into_iter().chain(std::iter::repeat_n(String::new(), missing));
        let tree = Value::Object(header.object(cells.map(Value::String)));
        RawRow { at: format!("row {}", self.number), tree, ..RawRow::default() }
    }
}

/// The error for a workbook that counts days from 1904. It is refused, because every date would be
/// four years early, and nobody would notice.
pub(super) fn dates_from_1904() -> FileError {
    let detail = "the workbook counts days from 1904; ask the source for one from 1900";
    FileError::content("dates_from_1904", detail)
}

/// A number as people write it: without an exponent, and without `.0` if it is whole.
pub(super) fn plain_number(text: &str) -> String {
    // Up to 2^53, a float represents every whole number exactly.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < MAX_EXACT => format!("{number:.0}"),
        Ok(number) if text.contains(['e', 'E']) => number.to_string(),
        _ => text.to_owned(),
    }
}

/// The maximum size of a part that is parsed into a tree, in bytes.
const MAX_TREE_BYTES: u64 = 4 << 20;

/// A part that is read as a stream. `next_event` in `sheet.rs` limits each read.
type Part = Take<BufReader<FileReader>>;

/// A workbook is a ZIP archive of parts.
struct Package {
    archive: ZipArchive<FileReader>,
    unpack_limit: UnpackLimit,
}

impl Package {
    fn open(file: Arc<File>, limits: &Limits) -> Result<Self, FileError> {
        let n_bytes = file.metadata()?.len();
        let archive = ZipArchive::new(FileReader::new(file)).map_err(|_| not_a_workbook())?;
        Ok(Self { archive, unpack_limit: UnpackLimit::new(limits, n_bytes) })
    }

    /// The name of the part of the first sheet. Fails if the workbook counts days from 1904.
    fn first_sheet_part(&mut self) -> Result<String, FileError> {
        let tree = self.tree("xl/workbook.xml")?;
        let workbook = &tree["workbook"][0];
        let counts_from_1904 = |properties: &Value| {
            properties["@date1904"].as_str().is_some_and(|value| ["1", "true"].contains(&value))
        };
        if elements(workbook, "workbookPr").any(counts_from_1904) {
            return Err(dates_from_1904());
        }
        let mut sheets = elements(&workbook["sheets"][0], "sheet");
        let id = sheets.find_map(|sheet| sheet["@id"].as_str()).ok_or_else(not_a_workbook)?;
        let tree = self.tree("xl/_rels/workbook.xml.rels")?;
        let target = elements(&tree["Relationships"][0], "Relationship")
            .find(|relationship| relationship["@Id"] == id)
            .and_then(|relationship| relationship["@Target"].as_str())
            .ok_or_else(not_a_workbook)?;
        Ok(match target.strip_prefix('/') {
            Some(absolute) => absolute.to_owned(),
            None => format!("xl/{target}"),
        })
    }

    /// Unpacks a part to the disk.
    fn part(&mut self, name: &str) -> Result<Part, FileError> {
        let packed = self.archive.by_name(name).map_err(|_| not_a_workbook())?;
        let file = unpack(packed, &mut self.unpack_limit)?;
        let file = BufReader::with_capacity(64 * 1024, FileReader::new(Arc::new(file)));
        Ok(file.take(0))
    }

    /// Parses a small part into a tree.
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

/// The child elements with this name, in the tree of an element.
fn elements<'a>(element: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    element[name].as_array().into_iter().flatten()
}

/// The value of the attribute with this name; prefixes are ignored.
fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes().filter_map(Result::ok);
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

#[cfg(test)]
mod tests;
