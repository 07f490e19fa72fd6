//! Opens the documents in a file: the file itself, or the files packed in it.
//!
//! Packed files are unpacked into unnamed files on the disk, so no name in an archive can make the
//! program write another file. The size, the ratio and the number of files are limited: forty
//! kilobytes can unpack to terabytes.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    sync::Arc,
};

use contract::Reason;
use flate2::read::MultiGzDecoder;
use normalizer_text::{Charset, Hints};

use crate::{
    config::Format,
    format::Document,
    options::Options,
    spool::{FileError, FileReader, UnpackLimit, open_archive, unpack},
    text::FileSummary,
};

/// Opens the documents in the file `name`, in the order of the archive.
pub(crate) fn open_documents(
    name: &str,
    file: Arc<File>,
    summary: FileSummary,
    options: &Options,
) -> Result<Vec<Document>, FileError> {
    if summary.n_bytes == 0 {
        return if may_be_empty(name, options) { Ok(Vec::new()) } else { Err(empty_file()) };
    }
    let mut limit = UnpackLimit::new(&options.config.limits, summary.n_bytes);
    match extension(name).as_str() {
        "zip" => unzip(file, &summary.first_bytes, &mut limit, options),
        "gz" => {
            let unpacked_name = &name[..name.len() - ".gz".len()];
            let packed = MultiGzDecoder::new(FileReader::new(file));
            Ok(vec![document_in_archive(unpacked_name, unpack(packed, &mut limit)?, options)?])
        }
        _ => Ok(vec![document(name, file, summary, options)?]),
    }
}

/// The number of bytes that may stand before the first file of an archive: a mark of one in several parts.
const MAX_BEFORE: u64 = 4;
/// The first bytes of a program that unpacks the archive behind it.
const PROGRAM: &[u8] = b"MZ";

fn unzip(
    file: Arc<File>,
    first_bytes: &[u8],
    limit: &mut UnpackLimit,
    options: &Options,
) -> Result<Vec<Document>, FileError> {
    let damaged = || FileError::content("bad_archive", "the archive is damaged");
    let mut archive = open_archive(Arc::clone(&file)).ok_or_else(|| {
        let detail = "the archive is damaged, or it lists far too many files";
        FileError::content("bad_archive", detail)
    })?;
    // Of several files with one name, only the last can be read.
    if n_listed(&file)?.is_some_and(|n_listed| n_listed != archive.len()) {
        let detail =
            "several files in the archive have the same name, so that one hides the others";
        return Err(FileError::content("bad_archive", detail));
    }
    let (mut documents, mut first_start) = (Vec::<Document>::new(), u64::MAX);
    let max_files = options.config.limits.entries;
    for index in 0..archive.len() {
        let packed = archive.by_index_raw(index).map_err(|_| damaged())?;
        first_start = first_start.min(packed.header_start());
        // Programs of Windows write names in the charset of the system.
        let hints = Hints { declared: Some(Charset::Gb18030), ..Hints::default() };
        let name = normalizer_text::decode(packed.name_raw(), &hints).text.into_owned();
        if packed.is_dir() || name.ends_with(['/', '\\']) || is_file_manager_data(&name) {
            continue;
        }
        if documents.len() >= max_files as usize {
            let detail = format!("the archive has more than {max_files} files (`limits.entries`)");
            return Err(FileError::content("too_large", detail));
        }
        if packed.encrypted() {
            let detail = "it has a password; ask the source to pack it without one";
            documents.push(refused(name, &file, Reason::new("encrypted_file", detail)));
            continue;
        }
        drop(packed);
        let packed = archive.by_index(index).map_err(|_| damaged())?;
        let unpacked = unpack(packed, limit);
        match unpacked.and_then(|unpacked| document_in_archive(&name, unpacked, options)) {
            Ok(found) => documents.push(found),
            Err(FileError::Content(reason)) if reason.code != "too_large" => {
                documents.push(refused(name, &file, reason));
            }
            Err(error) => return Err(error),
        }
    }
    // Of two archives in one file, only the last is read.
    if first_start > MAX_BEFORE && first_start < u64::MAX && !first_bytes.starts_with(PROGRAM) {
        let detail = "there is something before the archive, perhaps another one; ask the source for each as a file \
                      of its own";
        return Err(FileError::content("bad_archive", detail));
    }
    // An archive without any table is refused as a whole.
    match documents.first().map(|document| &document.format) {
        None => Err(FileError::content("bad_archive", "the archive contains no files")),
        Some(Err(reason)) if documents.iter().all(|document| document.format.is_err()) => {
            Err(FileError::Content(reason.clone()))
        }
        _ => Ok(documents),
    }
}

/// A file in an archive that cannot be read.
fn refused(name: String, file: &Arc<File>, reason: Reason) -> Document {
    let (file, summary) = (Arc::clone(file), FileSummary::default());
    Document { name_in_archive: Some(name), file, format: Err(reason), summary }
}

/// How many files an archive lists; `None` if it does not say. The record that says it stands at the
/// end, before a comment.
pub(crate) fn n_listed(file: &File) -> Result<Option<usize>, FileError> {
    const SIGNATURE: &[u8] = b"PK\x05\x06";
    const MAX_LEN: u64 = 22 + 65_535;
    let n_bytes = file.metadata()?.len();
    let mut end = Vec::new();
    let mut reader = FileReader::new(Arc::new(file.try_clone()?));
    reader.seek(SeekFrom::Start(n_bytes.saturating_sub(MAX_LEN)))?;
    reader.read_to_end(&mut end)?;
    let number = |at: usize| {
        let bytes = <[u8; 2]>::try_from(end.get(at..at + 2)?).ok();
        bytes.map(u16::from_le_bytes)
    };
    let starts = (0..end.len()).rev().filter(|at| end[*at..].starts_with(SIGNATURE));
    let starts: Vec<usize> = starts.collect();
    // A comment may contain the signature too. Behind the comment of the right one, the file ends.
    let is_right =
        |at: usize| number(at + 20).is_some_and(|n| at + 22 + usize::from(n) == end.len());
    let at = starts.iter().copied().find(|at| is_right(*at)).or(starts.first().copied());
    let count = at.and_then(|at| number(at + 10));
    // Larger archives give the number elsewhere.
    Ok(count.filter(|count| *count != u16::MAX).map(usize::from))
}

/// Whether a file in an archive is one that file managers add to every folder.
fn is_file_manager_data(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.starts_with("__MACOSX/")
        || [".ds_store", "thumbs.db", "desktop.ini"].contains(&&*last.to_ascii_lowercase())
}

/// The document in an unpacked file, whose name in the archive is `name`.
fn document_in_archive(name: &str, file: File, options: &Options) -> Result<Document, FileError> {
    let summary = FileSummary::read(&file)?;
    let found = document(name, Arc::new(file), summary, options)?;
    Ok(Document { name_in_archive: Some(name.to_owned()), ..found })
}

/// The document in a file with this name.
fn document(
    name: &str,
    file: Arc<File>,
    summary: FileSummary,
    options: &Options,
) -> Result<Document, FileError> {
    if summary.n_bytes == 0 {
        return Err(empty_file());
    }
    let format = Ok(detect_format(name, &summary.first_bytes, options)?);
    Ok(Document { name_in_archive: None, file, format, summary })
}

/// Whether a file with this name may have no bytes: some systems export nothing where there are no records.
/// An upload that goes on is not read before the file is at rest.
fn may_be_empty(name: &str, options: &Options) -> bool {
    let format = detect_format(name, b"", options);
    matches!(format, Ok(Format::Csv | Format::JsonLines | Format::JsonArray))
}

/// The error for a file of no bytes that is within an archive, or whose format needs some.
fn empty_file() -> FileError {
    let detail = "the file has no bytes: it may be an upload that was interrupted";
    FileError::content("empty_file", detail)
}

/// The first bytes of an .xlsx workbook, and those of an .xls workbook.
const XLSX_SIGNATURE: &[u8] = b"PK\x03\x04";
const XLS_SIGNATURE: &[u8] = b"\xD0\xCF\x11\xE0";

/// The format of a file that begins with `bytes`. The settings or the extension give the format,
/// but a file that begins like a workbook is a workbook.
fn detect_format(name: &str, bytes: &[u8], options: &Options) -> Result<Format, FileError> {
    let extension = extension(name);
    // An archive within an archive is never read, even if the channel sets a format.
    let is_packed = matches!(extension.as_str(), "zip" | "gz");
    let format = options.config.format.filter(|_| !is_packed);
    let format = format.or_else(|| format_by_extension(&extension));
    let cause = if is_packed { "an archive in an archive is not read" } else { "set `format`" };
    let unknown = || format!("no known format has the extension `{extension}`: {cause}");
    let format = format.ok_or_else(|| FileError::content("unknown_format", unknown()))?;
    match format {
        _ if bytes.starts_with(XLS_SIGNATURE) => Ok(Format::Xls),
        _ if bytes.starts_with(XLSX_SIGNATURE) => Ok(Format::Xlsx),
        Format::Xlsx | Format::Xls => {
            let (content, remedy) = describe_content(bytes);
            let detail = format!("the file is not a workbook but {content}; {remedy}");
            Err(FileError::content("bad_workbook", detail))
        }
        other => Ok(other),
    }
}

/// Describes the content of a file that is named like a workbook but is not one, and what to do.
/// Programs write such files because Excel opens them too.
fn describe_content(bytes: &[u8]) -> (&'static str, &'static str) {
    const SAVE: &str = "ask the source to save it as .xlsx or .csv";
    let is_utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    let start = bytes[..bytes.len().min(4_096)].iter().filter(|byte| !is_utf16 || **byte != 0);
    let start: Vec<u8> = start.map(u8::to_ascii_lowercase).collect();
    let text = String::from_utf8_lossy(&start);
    let has = |part: &str| text.contains(part);
    match () {
        () if has("urn:schemas-microsoft-com:office:spreadsheet") => {
            ("an Excel 2003 XML file", SAVE)
        }
        () if has("mime-version:") => ("a saved web page (MHTML)", SAVE),
        () if ["<html", "<table", "<tr", "<meta", "<body"].into_iter().any(has) => {
            ("a web page (HTML)", SAVE)
        }
        () if has("<?xml") => ("an XML file", SAVE),
        () if has("{\\rtf") || has("%pdf-") => ("a document (RTF or PDF)", SAVE),
        // The first record of a workbook that is in no container.
        () if matches!(bytes, [0x09, 0x00 | 0x02 | 0x04 | 0x08, ..]) => {
            ("a workbook of Excel 5 or earlier", SAVE)
        }
        () if has("\t") => (
            "tab-separated text",
            "set `format = \"csv\"` and `csv = { delimiter = \"\\t\" }`, or ask for an .xlsx",
        ),
        () if has(",") || has(";") => {
            ("comma-separated text", "set `format = \"csv\"`, or ask the source for an .xlsx")
        }
        () => ("another kind of file", SAVE),
    }
}

/// Guesses the extension of a fixture that has none, with its dot, from its first bytes.
pub(crate) fn guess_extension(page: &[u8]) -> &'static str {
    let first =
        page.iter().find(|byte| !matches!(byte, 0xEF | 0xBB | 0xBF) && !byte.is_ascii_whitespace());
    match first {
        _ if page.starts_with(XLSX_SIGNATURE) => ".xlsx",
        _ if page.starts_with(XLS_SIGNATURE) => ".xls",
        Some(b'<') => ".xml",
        Some(b'[') => ".json",
        Some(b'{') => ".jsonl",
        _ => ".csv",
    }
}

/// Whether a name has the extension of a format or of an archive.
pub(crate) fn has_known_extension(name: &str) -> bool {
    let extension = extension(name);
    matches!(extension.as_str(), "zip" | "gz") || format_by_extension(&extension).is_some()
}

fn format_by_extension(extension: &str) -> Option<Format> {
    Some(match extension {
        "csv" | "txt" | "tsv" => Format::Csv,
        "xlsx" => Format::Xlsx,
        "xls" => Format::Xls,
        "xml" => Format::Xml,
        "jsonl" | "ndjson" => Format::JsonLines,
        "json" => Format::JsonArray,
        _ => return None,
    })
}

/// The extension of a name, in lower case.
fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
