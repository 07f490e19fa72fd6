//! Finds the keys that come twice in a file, before any of its records is returned: then it is known
//! what becomes of the first one.
//!
//! So each file is parsed twice. The records are not kept from the first time to the second, because they may
//! be larger than the memory.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher as _},
};

use contract::Entry;
use document::{DuplicateOutcome, Duplicates};
use serde_json::Value;

use crate::{
    rows::{FileRow, FileRows},
    spool::FileError,
};

/// The maximum number of records of one file. Of each, 8 bytes are in memory.
const MAX_RECORDS: usize = 8 << 20;
/// The maximum number of records of one file whose key comes again.
const MAX_REPEATED: usize = 300_000;

/// What becomes of the records whose key and revision come twice in a file.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// By the number of the row, from 0.
    outcomes: HashMap<u64, DuplicateOutcome>,
    /// The number of rows below the header. A row above it may be a title, which no manifest counts.
    pub(crate) n_rows: u64,
    /// Whether most long keys look as if Excel had rounded them.
    pub(crate) has_rounded_keys: bool,
}

impl Repeats {
    /// Reads a file, which `open` opens. If the end of the file cannot be read, its rows before that
    /// count, unless it `must_be_whole`. A small workbook can have a million cells with one large text: their
    /// rows may have `max_bytes` together.
    pub(crate) fn find(
        open: impl Fn() -> Result<FileRows, FileError>,
        duplicates: Duplicates,
        must_be_whole: bool,
        max_bytes: u64,
    ) -> Result<Self, FileError> {
        let (mut hashes, mut n_above, mut n_bytes) = (Vec::new(), 0, 0);
        let mut long_keys = LongKeys::default();
        let n_rows = each_row(open()?, must_be_whole, |_, row| {
            hashes.extend(hash_of_key(row));
            long_keys.add(row);
            n_above += u64::from(row.is_above_header);
            n_bytes += if row.has_cells { row.n_bytes as u64 } else { 0 };
            if n_bytes > max_bytes {
                let detail =
                    format!("the cells of the file have over {max_bytes} bytes (`limits.total`)");
                return Err(FileError::content("too_large", detail));
            }
            match hashes.len() > MAX_RECORDS {
                true => Err(too_large("records", MAX_RECORDS)),
                false => Ok(()),
            }
        })?;
        let (n_rows, has_rounded_keys) = (n_rows - n_above, long_keys.are_rounded());
        hashes.sort_unstable();
        let repeated = hashes.windows(2).filter(|pair| pair.first() == pair.last());
        let repeated: HashSet<u64> = repeated.flatten().copied().collect();
        drop(hashes);
        if repeated.is_empty() {
            return Ok(Self { n_rows, has_rounded_keys, ..Self::default() });
        }
        let (mut rows, mut keys, mut contents) = (Vec::new(), Vec::new(), Vec::new());
        each_row(open()?, must_be_whole, |number, row| {
            if let Some(hash) = hash_of_key(row).filter(|hash| repeated.contains(hash)) {
                rows.push((number, row.at.clone()));
                keys.push(Some(hash));
                contents.push(hash_of_content(row));
            }
            match rows.len() > MAX_REPEATED {
                true => Err(too_large("records whose key comes again", MAX_REPEATED)),
                false => Ok(()),
            }
        })?;
        let outcomes = duplicates.outcomes_by(&keys, &contents, |a, b| a == b);
        let outcomes = outcomes.map_err(|(one, other)| {
            let at = |index: usize| rows.get(index).map_or("", |(_, at)| at.as_str());
            let detail = format!(
                "{} and {} have the same key and different contents: if each of them is a record of \
                 its own, add a path to `key`; otherwise set `duplicates`",
                at(one),
                at(other)
            );
            FileError::content("duplicate_key", detail)
        })?;
        let outcomes = rows.into_iter().map(|(number, _)| number).zip(outcomes);
        let outcomes = outcomes.filter(|(_, outcome)| *outcome != DuplicateOutcome::Read).collect();
        Ok(Self { outcomes, n_rows, has_rounded_keys })
    }

    /// What becomes of a row, by its number from 0.
    pub(crate) fn outcome(&self, row: u64) -> DuplicateOutcome {
        self.outcomes.get(&row).copied().unwrap_or(DuplicateOutcome::Read)
    }
}

/// The number of digits of a number that Excel keeps. It writes zeros for the others.
const EXCEL_DIGITS: usize = 15;

/// The keys of a file that have more digits than Excel keeps.
#[derive(Default)]
struct LongKeys {
    n: u64,
    /// The number of those that Excel may have rounded.
    n_rounded: u64,
    /// The number of their digits that Excel may have lost, of all together.
    n_zeros: usize,
}

impl LongKeys {
    fn add(&mut self, row: &FileRow) {
        let Some(Entry::Record(record)) = &row.entry else { return };
        let Some(n_zeros) = n_zeros(record.key.as_str()) else { return };
        self.n += 1;
        self.n_rounded += u64::from(n_zeros > 0);
        self.n_zeros += n_zeros;
    }

    /// One key may end with zeros. By chance, several do so in one of a million files.
    fn are_rounded(&self) -> bool {
        self.n_rounded > 1 && 2 * self.n_rounded > self.n && self.n_zeros >= 6
    }
}

/// If a key, or a part of it, is a number of more digits than Excel keeps: how many of the others are there, if all
/// of them are zeros, and else 0.
pub(crate) fn n_zeros(key: &str) -> Option<usize> {
    // The parts of a key are in quotes.
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let long = key.split('"').filter(|part| part.len() > EXCEL_DIGITS).filter(is_number);
    let zeros = long.map(|part| {
        let others = &part[EXCEL_DIGITS..];
        if others.bytes().all(|digit| digit == b'0') { others.len() } else { 0 }
    });
    zeros.max()
}

/// Visits each row with its number, from 0. Returns the number of rows.
fn each_row(
    mut rows: FileRows,
    must_be_whole: bool,
    mut visit: impl FnMut(u64, &FileRow) -> Result<(), FileError>,
) -> Result<u64, FileError> {
    let mut n_rows = 0;
    loop {
        match rows.next() {
            Ok(Some(row)) => visit(n_rows, &row)?,
            Ok(None) => return Ok(n_rows),
            Err(FileError::Content(_)) if !must_be_whole => return Ok(n_rows),
            Err(error) => return Err(error),
        }
        n_rows += 1;
    }
}

/// A hash of the key and the revision; `None` for a row that is not a record.
fn hash_of_key(row: &FileRow) -> Option<u64> {
    let Some(Entry::Record(record)) = &row.entry else { return None };
    Some(hash((record.key.as_str(), record.revision.to_column())))
}

fn hash_of_content(row: &FileRow) -> u64 {
    match &row.entry {
        Some(Entry::Record(record)) => hash_of_tree(record.body.tree()),
        _ => 0,
    }
}

/// A hash of the contents of a record.
pub(crate) fn hash_of_tree(tree: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    hash_value(tree, &mut hasher);
    hasher.finish()
}

/// Hashes a value. A number has the hash of its text, because `Duplicates` takes them for the same content.
fn hash_value(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Number(number) => (1, number.to_string()).hash(hasher),
        Value::String(text) => (1, text).hash(hasher),
        Value::Array(list) => {
            (2, list.len()).hash(hasher);
            list.iter().for_each(|value| hash_value(value, hasher));
        }
        Value::Object(object) => {
            (3, object.len()).hash(hasher);
            let members: BTreeMap<&String, &Value> = object.iter().collect();
            for (name, value) in members {
                name.hash(hasher);
                hash_value(value, hasher);
            }
        }
        Value::Null | Value::Bool(_) => (4, value.as_bool()).hash(hasher),
    }
}

pub(crate) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn too_large(what: &str, max: usize) -> FileError {
    let detail = format!("the file has more than {max} {what}; ask the source for smaller files");
    FileError::content("too_large", detail)
}
