//! Reads the rows of all documents in a file, and makes entries of them.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use contract::{Entry, Place, Reason, Revision, TextReport};
use document::Defects;
use serde_json::Value;

use crate::{
    format::{self, ABOVE_HEADER, Document, RawRow, RowReader},
    options::Options,
    record,
    spool::FileError,
};

/// A row of a file.
pub(crate) struct FileRow {
    /// Its entry; `None` if the channel does not read the row.
    pub(crate) entry: Option<Entry>,
    /// Where it is, for people.
    pub(crate) at: String,
    /// About the number of its bytes.
    pub(crate) n_bytes: usize,
    /// Whether it is a row of a workbook, in which many cells may share one text.
    pub(crate) has_cells: bool,
    /// Whether it stands above the header.
    pub(crate) is_above_header: bool,
    /// Whether it is a title, which stands above the header and has no entry.
    pub(crate) is_title: bool,
}

impl FileRow {
    /// Puts the record into quarantine, because another one in its file has its key. Both stand there by
    /// their bytes, because none of them is the state of the key.
    pub(crate) fn reject_duplicate(&mut self) {
        if let Some(Entry::Record(record)) = &self.entry {
            let key = &record.key;
            let detail =
                format!("another record of the file has the key `{key}` and other contents");
            let place = Place { key: None, revision: record.revision, at: self.at.clone() };
            let (bytes, reason) =
                (record.body.to_bytes().into(), Reason::new("duplicate_key", detail));
            self.entry = Some(Entry::Unreadable { place, bytes, reason });
        }
    }
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
    /// Whether a file in the archive could not be read.
    pub(crate) has_refused: bool,
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
        let has_refused = false;
        let mut rows =
            Self { name, revision, options, documents, current, has_several, has_refused };
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
        // The bytes of a row of a workbook are not known, and merged cells have made it longer.
        let n_bytes = row.bytes.as_ref().map_or_else(|| len_of_texts(&row.tree), Vec::len);
        let (has_cells, is_title) = (row.bytes.is_none(), row.is_title);
        let damage = row.defects.damage.as_ref();
        let is_above_header = is_title || damage.is_some_and(|reason| reason.code == ABOVE_HEADER);
        let at = format!("{}, {}", self.name, row.at);
        remove_null_words(&mut row.tree, &self.options.config.null);
        let is_selected = !is_title && record::is_selected(&row, &self.options);
        let entry = is_selected
            .then(|| record::entry(at.clone(), self.revision, row, &report, &self.options));
        Ok(Some(FileRow { entry, at, n_bytes, has_cells, is_above_header, is_title }))
    }

    /// The next row of all documents. A file in an archive that cannot be read, or not to its end, is
    /// one row: the other files are read.
    fn next_raw(&mut self) -> Result<Option<(RawRow, TextReport)>, FileError> {
        loop {
            let mut refused = None;
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
                    Ok(None) => {}
                }
                self.current = None;
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
                self.has_refused = true;
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
    }
}
