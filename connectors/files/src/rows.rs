//! Reads the rows of all documents in a file, and makes entries of them.

use std::{borrow::Cow, collections::VecDeque, sync::Arc};

use bytes::Bytes;
use contract::{Entry, Place, RawRecord, Reason, Revision, TextReport};
use document::{ABOVE_HEADER, Defects};
use serde_json::Value;

use crate::{
    format::{self, Document, RawRow, RowReader},
    options::Options,
    record,
    repeats::n_zeros,
    spool::FileError,
};

/// A row of a file.
pub(crate) struct FileRow {
    /// Its entry; `None` if the channel does not read the row.
    pub(crate) entry: Option<Entry>,
    /// Where it is, for people.
    pub(crate) at: String,
    /// About the number of its bytes in memory.
    pub(crate) n_bytes: usize,
    /// Whether it is a row of a workbook, in which many cells may share one text.
    pub(crate) has_cells: bool,
    /// Whether it stands above the header.
    pub(crate) is_above_header: bool,
    /// Whether it is a title, which stands above the header and has no entry.
    pub(crate) is_title: bool,
}

impl FileRow {
    /// Puts the record into quarantine, because another one in its file has its key.
    pub(crate) fn reject_duplicate(&mut self) {
        if let Some(Entry::Record(record)) = &self.entry {
            let key = &record.key;
            let detail =
                format!("another record of the file has the key `{key}` and other contents");
            let reason = Reason::new("duplicate_key", detail);
            self.entry = Some(rejected(record, self.at.clone(), reason));
        }
    }

    /// Puts the record into quarantine if Excel may have rounded its key.
    pub(crate) fn reject_rounded(&mut self) {
        if let Some(Entry::Record(record)) = &self.entry
            && n_zeros(record.key.as_str()).is_some_and(|n_zeros| n_zeros > 0)
        {
            let detail = "the key has more than 15 digits and ends with zeros, like most long keys of the file: \
                          Excel has rounded them; ask the source for the file as its system wrote it";
            let reason = Reason::new("missing_key", detail);
            self.entry = Some(rejected(record, self.at.clone(), reason));
        }
    }
}

/// The entry for a record whose key is not its own. It stands in quarantine by its bytes, because it is no state of
/// the key.
pub(crate) fn rejected(record: &RawRecord, at: String, reason: Reason) -> Entry {
    let place = Place { key: None, revision: record.revision, at };
    Entry::Unreadable { place, bytes: record.body.to_bytes().into(), reason }
}

/// Reads the records of all documents in a file.
pub(crate) struct FileRows {
    /// The name of the file.
    name: String,
    /// The revision of all records, if it comes from the name of the file.
    revision: Option<Revision>,
    options: Arc<Options>,
    documents: VecDeque<Document>,
    /// The document that is being read: its name in the archive, which precedes the place of each
    /// row; the reader of its rows; and how its bytes were decoded.
    current: Option<(String, RowReader, TextReport)>,
    /// Whether it has several documents: then one that cannot be read does not stop the others.
    has_several: bool,
    /// The name of the first document of which nothing could be read, or not to its end, and why, as a code.
    pub(crate) first_unread: Option<(String, Cow<'static, str>)>,
    /// Whether a row of the current document was read, even if the channel leaves it out.
    has_read: bool,
    /// Why the first row of it that could not be read was not, as a code.
    bad_row: Option<Cow<'static, str>>,
}

impl FileRows {
    /// Opens a file. If it has one document, that is opened too, so that a wrong header is found at once.
    pub(crate) fn open(
        name: &str,
        revision: Option<Revision>,
        documents: Vec<Document>,
        options: Arc<Options>,
    ) -> Result<Self, FileError> {
        let has_several = documents.len() > 1;
        let (name, documents, current) = (name.to_owned(), documents.into(), None);
        let mut rows = Self {
            name,
            revision,
            options,
            documents,
            current,
            has_several,
            first_unread: None,
            has_read: false,
            bad_row: None,
        };
        if let Some(document) = rows.documents.pop_front_if(|_| !has_several) {
            rows.open_document(&document)?;
        }
        Ok(rows)
    }

    fn open_document(&mut self, document: &Document) -> Result<(), FileError> {
        let (next_row, report) = format::open(document, &self.options)?;
        let name = document.name_in_archive.as_ref();
        let prefix = name.map_or_else(String::new, |name| format!("{name}, "));
        self.current = Some((prefix, next_row, report));
        Ok(())
    }

    /// The next row of all documents.
    pub(crate) fn next(&mut self) -> Result<Option<FileRow>, FileError> {
        let Some((mut row, report)) = self.next_raw()? else { return Ok(None) };
        // The bytes of a row of a workbook are not known, and merged cells have made it longer. In a row of
        // another format, short values take more memory than their bytes.
        let n_bytes = match &row.bytes {
            None => len_of_texts(&row.tree),
            Some(bytes) => bytes.len().max(VALUE_BYTES * n_values(&row.tree)),
        };
        let (has_cells, is_title) = (row.bytes.is_none(), row.is_title);
        let damage = row.defects.damage.as_ref();
        let is_above_header = is_title || damage.is_some_and(|reason| reason.code == ABOVE_HEADER);
        let at = format!("{}, {}", self.name, row.at);
        remove_null_words(&mut row.tree, &self.options.config.null);
        let is_selected = !is_title && record::is_selected(&row, &self.options);
        let entry = is_selected
            .then(|| record::entry(at.clone(), self.revision, row, &report, &self.options));
        match &entry {
            Some(Entry::Unreadable { reason, .. }) => {
                self.bad_row.get_or_insert_with(|| reason.code.clone());
            }
            _ => self.has_read |= !is_title,
        }
        Ok(Some(FileRow { entry, at, n_bytes, has_cells, is_above_header, is_title }))
    }

    /// Notes the end of the document `at` this place. If it has rows and none of them could be read, it is perhaps
    /// no list of records.
    fn end_document(&mut self, at: String) {
        let (has_read, bad_row) = (std::mem::take(&mut self.has_read), self.bad_row.take());
        if let Some(code) = bad_row.filter(|_| !has_read) {
            self.first_unread.get_or_insert((at, code));
        }
    }

    /// The next row of all documents. A file in an archive that cannot be read, or not to its end, is
    /// one row: the other files are read.
    fn next_raw(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        loop {
            let (mut refused, mut ended) = (None, None::<String>);
            if let Some((prefix, next_row, report)) = &mut self.current {
                match next_row() {
                    Ok(Some(mut row)) => {
                        row.at.insert_str(0, prefix);
                        return Ok(Some((row, report.clone())));
                    }
                    Err(FileError::Content(reason)) if self.has_several => {
                        refused =
                            Some((prefix.trim_end_matches(", ").to_owned(), Bytes::new(), reason));
                    }
                    Err(error) => return Err(error),
                    Ok(None) => ended = Some(prefix.trim_end_matches(", ").to_owned()),
                }
                self.current = None;
                if let Some(at) = ended {
                    self.end_document(at);
                }
            } else {
                let Some(document) = self.documents.pop_front() else { return Ok(None) };
                let name = document.name_in_archive.clone().unwrap_or_default();
                match self.open_document(&document) {
                    Err(FileError::Content(reason)) if self.has_several => {
                        refused = Some((name, document.summary.first_bytes, reason));
                    }
                    opened => opened?,
                }
            }
            if let Some((at, bytes, reason)) = refused {
                self.first_unread.get_or_insert_with(|| (at.clone(), reason.code.clone()));
                let defects = Defects { damage: Some(reason), ..Defects::default() };
                // Without a key, the bytes tell one entry from another.
                let bytes = if bytes.is_empty() { at.clone().into_bytes() } else { bytes.to_vec() };
                let bytes = Some(bytes);
                let row = RawRow { at, bytes, defects, ..RawRow::default() };
                return Ok(Some((row, TextReport::default())));
            }
        }
    }
}

/// The length of all texts and names in a tree. A value of another kind counts like a short text.
fn len_of_texts(tree: &Value) -> usize {
    match tree {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(len_of_texts).sum(),
        Value::Object(object) => {
            object.iter().map(|(name, value)| name.len() + len_of_texts(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// What a value of a tree counts at least.
const VALUE_BYTES: usize = 24;

/// The number of values in a tree.
fn n_values(tree: &Value) -> usize {
    match tree {
        Value::Array(list) => 1 + list.iter().map(n_values).sum::<usize>(),
        Value::Object(object) => 1 + object.values().map(n_values).sum::<usize>(),
        _ => 1,
    }
}

/// Replaces the texts that mean no value, which the channel lists.
fn remove_null_words(tree: &mut Value, words: &[String]) {
    match tree {
        _ if words.is_empty() => {}
        Value::String(text) if words.iter().any(|word| word == text.trim()) => *tree = Value::Null,
        Value::Array(list) => list.iter_mut().for_each(|value| remove_null_words(value, words)),
        Value::Object(object) => {
            object.values_mut().for_each(|value| remove_null_words(value, words));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_bytes_is_as_large_as_its_texts() {
        let tree = serde_json::json!({ "a": "xyz", "b": ["诉", 7], "c": null });
        assert_eq!(len_of_texts(&tree), 3 + 3 + 3 + 2 * 8);
        assert_eq!(n_values(&tree), 6);
    }
}
