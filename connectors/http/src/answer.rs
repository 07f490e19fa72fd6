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
    /// Headers of the answer, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The records, in the order of the answer.
    pub(crate) records: Vec<Value>,
    /// A hash for each record: of its key, or of the whole record if it has no key.
    pub(crate) hashes: Vec<String>,
    /// The facts about the text of the answer.
    pub(crate) facts: Facts,
}

impl Page {
    /// Takes the records out of an answer. Damage outside the records is an error, because
    /// such an answer does not say reliably which page is next.
    pub(crate) fn new(
        mut tree: Value,
        headers: BTreeMap<String, String>,
        facts: Facts,
        records: &Path,
        key: &Path,
    ) -> Result<Self, String> {
        let pointers = records.locations(&tree);
        let is_whole_answer = pointers.iter().any(String::is_empty);
        let records: Vec<Value> = pointers
            .iter()
            .filter_map(|pointer| match pointer.as_str() {
                // The whole answer is a record; it is copied, because paging needs its values too.
                "" => Some(tree.clone()),
                // The record is moved, not copied, because a page may be large.
                pointer => tree.pointer_mut(pointer).map(Value::take),
            })
            .filter(|record| !facts.findings.is_missing_value(record))
            .collect();
        if let Some(damage) = facts.findings.damage_in(&tree).filter(|_| !is_whole_answer) {
            return Err(damage);
        }
        let hashes = records.iter().map(|record| hash(&[key_or_record(record, key)])).collect();
        Ok(Self { tree, headers, records, hashes, facts })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// A hash of the records in their order, for comparing pages.
    pub(crate) fn hash(&self) -> String {
        hash(&self.hashes)
    }

    /// A value of the answer outside the records.
    pub(crate) fn value(&self, at: &Path) -> Option<String> {
        at.first(&self.tree).and_then(scalar_text)
    }
}

/// The key of a record, or the whole record if it has no key.
fn key_or_record(record: &Value, key: &Path) -> String {
    key.text(record).unwrap_or_else(|| record.to_string())
}

/// Hashes to 8 bytes: short enough to keep two hundred hashes in a cursor, and long enough that two pages
/// never have the same hash by chance.
fn hash(texts: &[String]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.len().to_le_bytes());
        digest.update(text.as_bytes());
    }
    hex::encode(&digest.finalize()[..8])
}
