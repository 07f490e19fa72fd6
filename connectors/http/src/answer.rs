//! One page of records.

use std::collections::BTreeMap;

use document::{Facts, Path, scalar_text};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A page that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The answer without its records.
    pub(crate) tree: Value,
    /// Headers of the answer, hashes in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The records in it, in their order.
    pub(crate) records: Vec<Value>,
    /// A hash for each record: of its key, or else of all of it.
    pub(crate) hashes: Vec<String>,
    /// What is known of its text.
    pub(crate) text: Facts,
}

impl Page {
    /// Takes the records out of an answer. Damage outside the records is an error: such an answer
    /// does not say reliably where to go on.
    pub(crate) fn new(
        mut tree: Value,
        headers: BTreeMap<String, String>,
        text: Facts,
        records: &Path,
        key: &Path,
    ) -> Result<Self, String> {
        let places = records.locations(&tree);
        let is_all = places.iter().any(String::is_empty);
        let records: Vec<Value> = places
            .iter()
            .filter_map(|place| match place.as_str() {
                // The whole answer is the record, and what it says of pages is part of it.
                "" => Some(tree.clone()),
                // Moved out and not copied: a page may be large.
                place => tree.pointer_mut(place).map(Value::take),
            })
            .filter(|record| !text.findings.is_missing_value(record))
            .collect();
        if let Some(damage) = text.findings.damage_in(&tree).filter(|_| !is_all) {
            return Err(damage);
        }
        let hashes = records.iter().map(|record| hash([identity(record, key)].iter())).collect();
        Ok(Self { tree, headers, records, hashes, text })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// A hash of its records in their order, by which pages are compared.
    pub(crate) fn hash(&self) -> String {
        hash(self.hashes.iter())
    }

    /// The value at a path, of the last record that has one.
    pub(crate) fn last(&self, at: &Path) -> Option<String> {
        self.records.iter().rev().find_map(|record| at.text(record))
    }

    /// A value of the answer outside the records.
    pub(crate) fn value(&self, at: &Path) -> Option<String> {
        at.first(&self.tree).and_then(scalar_text)
    }
}

fn identity(record: &Value, key: &Path) -> String {
    key.text(record).unwrap_or_else(|| record.to_string())
}

/// Short enough for two hundred of them in a cursor, long enough that two pages never have the same one
/// by chance.
fn hash<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_le_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(&digest.finalize()[..8])
}
