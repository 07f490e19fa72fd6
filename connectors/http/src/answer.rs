//! One page of records, as far as walks look at it.

use std::collections::BTreeMap;

use document::{Findings, Path, scalar};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A page that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// What of the answer is not a record.
    pub(crate) tree: Value,
    /// Headers of the answer, names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    /// The records in it, in their order.
    pub(crate) records: Vec<Value>,
    /// What tells each record from others: its key, or else all of it.
    pub(crate) names: Vec<String>,
}

impl Page {
    /// Takes the records out of an answer. What is damaged beside them belongs to none of them: by
    /// such an answer nobody can tell where to go on.
    pub(crate) fn new(
        mut tree: Value,
        headers: BTreeMap<String, String>,
        findings: &Findings,
        records: &Path,
        key: &Path,
    ) -> Result<Self, String> {
        let places = records.places(&tree);
        let is_all = places.iter().any(String::is_empty);
        let records: Vec<Value> = places
            .iter()
            .filter_map(|place| match place.as_str() {
                // The whole answer is the record: what it says of pages stands in it too.
                "" => Some(tree.clone()),
                // Moved out and not copied: a page may be large.
                place => tree.pointer_mut(place).map(Value::take),
            })
            .filter(|record| !findings.is_nothing(record))
            .collect();
        if let Some(damage) = findings.damage_in(&tree).filter(|_| !is_all) {
            return Err(damage);
        }
        let names = records.iter().map(|record| print([name(record, key)].iter())).collect();
        Ok(Self { tree, headers, records, names })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// What tells this page from others: the names of its records in their order.
    pub(crate) fn print(&self) -> String {
        print(self.names.iter())
    }

    /// A value of the last record that has one.
    pub(crate) fn last(&self, at: &Path) -> Option<String> {
        self.records.iter().rev().find_map(|record| at.text(record))
    }

    /// A text in the answer.
    pub(crate) fn text(&self, at: &Path) -> Option<String> {
        at.first(&self.tree).and_then(scalar)
    }
}

fn name(record: &Value, key: &Path) -> String {
    key.text(record).unwrap_or_else(|| record.to_string())
}

/// Short enough to stand in a cursor two hundred times, long enough never to be the same by chance
/// for two pages of one walk.
fn print<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let mut hash = Sha256::new();
    for name in names {
        hash.update(name.len().to_le_bytes());
        hash.update(name.as_bytes());
    }
    hex::encode(&hash.finalize()[..8])
}
