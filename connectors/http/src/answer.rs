//! One page of records.

use std::collections::BTreeMap;

use connector_wire::reason::reason;
use contract::{Fault, RecordKey};
use document::{Facts, Fate, Findings, Path, scalar_text};
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{config::Config, fetch::Parsed};

/// A page that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The answer without its records.
    pub(crate) tree: Value,
    /// Headers of the answer, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The address of the page; `None` for a fixture.
    pub(crate) url: Option<Url>,
    /// The records, in the order of the answer.
    pub(crate) records: Vec<Value>,
    /// What becomes of each record, because of keys that come twice.
    pub(crate) fates: Vec<Fate>,
    /// Which records have the same key and different contents, if the channel does not allow that.
    conflict: Option<String>,
    /// A hash for each record: of its key, or of the whole record if it has no key.
    pub(crate) hashes: Vec<String>,
    /// The facts about the text of the answer.
    pub(crate) facts: Facts,
}

impl Page {
    /// Takes the records out of an answer. Damage outside the records, or a name that has two values there,
    /// is an error, because such an answer does not say reliably which page is next.
    pub(crate) fn new(
        config: &Config,
        parsed: Parsed,
        url: Option<Url>,
        headers: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let Parsed { mut tree, is_nothing, is_xml, facts } = parsed;
        let Facts { findings, .. } = &facts;
        let pointers = match tree.as_array() {
            // A record is never a list: these are the lines of NDJSON, or the elements of the answer.
            Some(list) if config.records.as_str() == "$" => {
                (0..list.len()).map(|index| format!("/{index}")).collect()
            }
            _ => config.records.locations(&tree),
        };
        let is_whole_answer = pointers.iter().any(String::is_empty);
        if pointers.is_empty() && !is_nothing {
            check_list(&config.records, &tree, is_xml)?;
        }
        let records: Vec<Value> = pointers
            .iter()
            .filter_map(|pointer| match pointer.as_str() {
                // The whole answer is a record; it is copied, because paging needs its values too.
                "" => Some(tree.clone()),
                // The record is moved, not copied, because a page may be large.
                pointer => tree.pointer_mut(pointer).map(Value::take),
            })
            .filter(|record| !findings.is_missing_value(record))
            .collect();
        if !is_whole_answer {
            if let Some(damage) = findings.damage_in(&tree) {
                return Err(damage);
            }
            if let Some(name) = findings.repeated_names(&tree).first() {
                return Err(format!("the name `{name}` occurs twice, with different values"));
            }
        }
        let is_array = |list: Path| list.all(&tree).iter().any(|value| value.is_array());
        let has_only_plain = records.iter().all(|record| is_plain(record, findings));
        if has_only_plain && !records.is_empty() && !config.records.list().is_some_and(is_array) {
            let at = config.records.as_str();
            return Err(with_reason(format!("the values at {at} are no records"), &tree));
        }
        let keys = records.iter().map(|record| config.key.key(record, findings).ok());
        let keys: Vec<Option<RecordKey>> = keys.collect();
        let (fates, conflict) = match config.duplicates.fates(&keys, &records) {
            Ok(fates) => (fates, None),
            Err(conflict) => (Vec::new(), Some(conflict)),
        };
        let hashes = keys.iter().zip(&records).map(|(key, record)| match key {
            Some(key) => hash(&[key.to_string()]),
            None => hash(&[record.to_string()]),
        });
        let hashes = hashes.collect();
        Ok(Self { tree, headers, url, records, fates, conflict, hashes, facts })
    }

    /// Whether the page has each key once.
    pub(crate) fn check_keys(&self) -> Result<(), Fault> {
        let Some(conflict) = &self.conflict else { return Ok(()) };
        Err(Fault::stopped(format!("in one answer, {conflict}")).remedy(
            "if each of them is a record of its own, add a path to `key`, like key = [\"$.a\", \"$.b\"]; \
             otherwise set `duplicates`",
        ))
    }

    /// The address that an answer names, which may be relative to that of the answer (RFC 3986 §5.1).
    pub(crate) fn resolve(&self, address: String) -> String {
        let joined = self.url.as_ref().and_then(|url| url.join(&address).ok());
        joined.map_or(address, |url| url.to_string())
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

    /// The value at a path in the last record that has one.
    pub(crate) fn last_value(&self, at: &Path) -> Option<String> {
        self.records.iter().rev().find_map(|record| at.text(record))
    }

    /// A value of the answer outside the records.
    pub(crate) fn value(&self, at: &Path) -> Option<String> {
        at.first(&self.tree).and_then(scalar_text)
    }
}

/// Checks an answer in which the path selects no record: the list must be there, even if it is empty. An
/// answer without it may be a failure, or the list has another name now. In XML an empty list has no
/// elements, so only the element around it must be there.
fn check_list(records: &Path, tree: &Value, is_xml: bool) -> Result<(), String> {
    let list = records.list();
    let container = if is_xml { list.and_then(|list| list.parent()) } else { list };
    let Some(container) = container else { return Ok(()) };
    if container.all(tree).iter().any(|value| value.is_array() || value.is_object()) {
        return Ok(());
    }
    Err(with_reason(format!("there is no list at {}", container.as_str()), tree))
}

/// `what`, and the reason that the answer gives.
fn with_reason(what: String, tree: &Value) -> String {
    match reason(tree) {
        Some(reason) => format!("{what}; the source says {reason}"),
        None => what,
    }
}

/// Whether a value is neither an object nor damaged.
fn is_plain(value: &Value, findings: &Findings) -> bool {
    !value.is_object() && findings.damage_in(value).is_none()
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
