//! Reads Excel workbooks (.xlsx), row by row.
//!
//! The sheet is unpacked to the disk and read as a stream. In memory are only the table of shared texts and
//! the small parts (formats, list of sheets); the size of each is limited.
//!
//! calamine's `worksheet_cells_reader` is not used, because version 0.38 trusts the file. It
//! reserves memory for as many texts as the file declares, so one wrong number (`uniqueCount`) ends
//! the process. It limits neither the size of all texts nor that of one cell. It relies on a
//! declared range that may be reversed. It reads numbers as floating-point, which changes an id of
//! 17 digits. And for a text reference that is not a number, it returns the first text instead of
//! an error.

mod shared;
mod sheet;

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read, Take},
    sync::Arc,
};

use document::Findings;
use quick_xml::{XmlVersion, events::BytesStart};
use serde_json::Value;
use zip::ZipArchive;

use self::{
    shared::{SharedTexts, Styles},
    sheet::Sheet,
};
use super::{
    RowReader,
    merged::as_shown,
    workbook::{self, Rows, SheetInfo, not_a_workbook},
};
use crate::{
    config::Limits,
    options::Options,
    spool::{
        ArchiveReader, FileError, FileReader, UnpackLimit, open_archive, unknown_method, unpack,
    },
    unpack::n_listed,
};

/// Opens a workbook and reads the header of its sheet.
pub(super) fn open(file: Arc<File>, options: &Options) -> Result<RowReader, FileError> {
    let mut package = Package::open(file, &options.config.limits)?;
    let limit = options.max_record_bytes;
    let book = package.book()?;
    let texts = package.optional_part(&book.texts_part)?;
    let texts = texts.map(|part| SharedTexts::read(part, limit)).transpose()?.unwrap_or_default();
    let styles = package.optional_part(&book.styles_part)?;
    let styles = styles.map(|part| Styles::read(part, limit)).transpose()?.unwrap_or_default();
    let shared = Arc::new(shared::Shared { texts, styles, is_1904: book.is_1904 });
    let (sheets, parts): (Vec<SheetInfo>, Vec<String>) = book.sheets.into_iter().unzip();
    let open_sheet = |index: usize| -> Result<Rows, FileError> {
        let name = parts.get(index).ok_or_else(not_a_workbook)?;
        let part = package.optional_part(name)?.ok_or_else(not_a_workbook)?;
        let merged = match part.get_ref().get_ref().contains(b"mergeCell")? {
            true => sheet::merged_cells(part, limit)?,
            false => Vec::new(),
        };
        let part = package.optional_part(name)?.ok_or_else(not_a_workbook)?;
        let mut sheet = Sheet::open(part, Arc::clone(&shared), limit);
        Ok(as_shown(Box::new(move || sheet.next()), merged, limit))
    };
    workbook::open(&sheets, open_sheet, options)
}

/// The maximum size of a part that is parsed into a tree, in bytes.
const MAX_TREE_BYTES: u64 = 4 << 20;

/// A part that is read as a stream. `next_event` in `shared.rs` limits each read.
type Part = Take<BufReader<FileReader>>;

/// A workbook is a ZIP archive of parts.
struct Package {
    archive: ZipArchive<ArchiveReader>,
    /// The index of each part in the archive, by its name as [`part_name`] returns it.
    parts: HashMap<String, usize>,
    /// The parts that were unpacked to the disk.
    unpacked: HashMap<usize, Arc<File>>,
    unpack_limit: UnpackLimit,
}

/// The parts of a workbook.
struct Book {
    /// The sheets of cells, each with its part.
    sheets: Vec<(SheetInfo, String)>,
    /// The names of the parts with the shared texts and the styles.
    texts_part: String,
    styles_part: String,
    /// Whether days are counted from 1904.
    is_1904: bool,
}

/// The reference of a part to another part.
struct Relation {
    id: String,
    /// The last word of its type: `worksheet`.
    kind: String,
    part: String,
}

impl Package {
    fn open(file: Arc<File>, limits: &Limits) -> Result<Self, FileError> {
        let n_bytes = file.metadata()?.len();
        let n_listed = n_listed(&file)?;
        let archive = open_archive(file).ok_or_else(not_a_workbook)?;
        if n_listed.is_some_and(|n_listed| n_listed != archive.len()) {
            let detail = "the workbook has a part twice, so that one hides the other";
            return Err(FileError::content("bad_workbook", detail));
        }
        let names = archive.file_names().enumerate();
        let parts = names.filter_map(|(index, name)| Some((part_name("", &name.ok()?), index)));
        let parts = parts.collect();
        let unpack_limit = UnpackLimit::new(limits, n_bytes);
        Ok(Self { archive, parts, unpacked: HashMap::new(), unpack_limit })
    }

    /// Reads which parts the workbook has.
    fn book(&mut self) -> Result<Book, FileError> {
        let relations = self.relations("")?;
        let of_kind = |relations: &[Relation], kind: &str| {
            let found = relations.iter().find(|relation| relation.kind == kind);
            found.map(|relation| relation.part.clone())
        };
        let name = of_kind(&relations, "officedocument");
        let name = name.unwrap_or_else(|| part_name("", "xl/workbook.xml"));
        if name.ends_with(".bin") {
            let detail = "the workbook is binary (.xlsb); ask the source to save it as .xlsx";
            return Err(FileError::content("bad_workbook", detail));
        }
        let tree = self.tree(&name)?.ok_or_else(not_a_workbook)?;
        let relations = self.relations(&name)?;
        let workbook = &tree["workbook"][0];
        // Only a child counts: Excel writes another `workbookPr` in a list of extensions.
        let counts_from_1904 = |properties: &Value| {
            properties["@date1904"].as_str().is_some_and(|value| ["1", "true"].contains(&value))
        };
        let part_of_kind = |kind: &str, usual: &str| {
            of_kind(&relations, kind).unwrap_or_else(|| part_name(&name, usual))
        };
        let sheets = elements(&workbook["sheets"][0], "sheet").filter_map(|sheet| {
            let id = sheet["@id"].as_str();
            let relation = relations.iter().find(|relation| Some(relation.id.as_str()) == id);
            // Charts, dialogs and macros have sheets without cells. An unknown type is taken for a worksheet.
            let kind = relation.map_or("", |relation| relation.kind.as_str());
            let has_cells = kind == "worksheet" || !kind.ends_with("sheet");
            let is_visible = !matches!(sheet["@state"].as_str(), Some("hidden" | "veryHidden"));
            let name = sheet["@name"].as_str().unwrap_or_default().to_owned();
            // A sheet whose part is not named cannot be read, but is not passed over silently.
            let part = relation.map(|relation| relation.part.clone()).unwrap_or_default();
            has_cells.then_some((SheetInfo { name, is_visible }, part))
        });
        Ok(Book {
            sheets: sheets.collect(),
            texts_part: part_of_kind("sharedstrings", "sharedStrings.xml"),
            styles_part: part_of_kind("styles", "styles.xml"),
            is_1904: elements(workbook, "workbookPr").any(counts_from_1904),
        })
    }

    /// The references of a part (the package itself has the name ""). A part need not have any.
    fn relations(&mut self, of: &str) -> Result<Vec<Relation>, FileError> {
        let (folder, name) = of.rsplit_once('/').unwrap_or(("", of));
        let tree = self.tree(&part_name("", &format!("{folder}/_rels/{name}.rels")))?;
        let tree = tree.unwrap_or_default();
        let relation = |element: &Value| {
            let text = |name: &str| element[name].as_str();
            let kind = text("@Type").and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
            Some(Relation {
                id: text("@Id")?.to_owned(),
                kind: kind.to_ascii_lowercase(),
                part: part_name(of, text("@Target")?),
            })
        };
        Ok(elements(&tree["Relationships"][0], "Relationship").filter_map(relation).collect())
    }

    /// Unpacks a part to the disk; `None` if the workbook does not have it.
    fn optional_part(&mut self, name: &str) -> Result<Option<Part>, FileError> {
        let Some(&index) = self.parts.get(name) else { return Ok(None) };
        let file = match self.unpacked.get(&index) {
            Some(file) => Arc::clone(file),
            None => {
                let packed = self.archive.by_index(index).map_err(|_| not_a_workbook())?;
                let file = Arc::new(unpack(packed, &mut self.unpack_limit)?);
                self.unpacked.insert(index, Arc::clone(&file));
                file
            }
        };
        let file = BufReader::with_capacity(64 * 1024, FileReader::new(file));
        // `next_event` sets the limit before each read; until then nothing may be read.
        Ok(Some(file.take(0)))
    }

    /// Parses a small part into a tree; `None` if the workbook does not have it.
    fn tree(&mut self, name: &str) -> Result<Option<Value>, FileError> {
        let Some(&index) = self.parts.get(name) else { return Ok(None) };
        let packed = self.archive.by_index(index).map_err(|_| not_a_workbook())?;
        let n_bytes = packed.size();
        if n_bytes > MAX_TREE_BYTES {
            let detail = format!(
                "the list of sheets, or another list in the workbook, has {n_bytes} bytes; \
                 {MAX_TREE_BYTES} are allowed"
            );
            return Err(FileError::content("too_large", detail));
        }
        let mut text = String::new();
        packed.take(MAX_TREE_BYTES).read_to_string(&mut text).map_err(|error| {
            match error.kind() {
                io::ErrorKind::Unsupported => unknown_method(),
                _ => not_a_workbook(),
            }
        })?;
        document::xml(&text, &mut Findings::default()).map(Some).map_err(|_| not_a_workbook())
    }
}

/// The name of a part that the part `from` calls `target`. Names are compared without their case,
/// and some programs write `\` for `/`.
fn part_name(from: &str, target: &str) -> String {
    let target = target.replace('\\', "/").to_lowercase();
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path = Vec::new();
    if !target.starts_with('/') {
        path.extend(folder.split('/'));
    }
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.retain(|step| !step.is_empty());
    path.join("/")
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
