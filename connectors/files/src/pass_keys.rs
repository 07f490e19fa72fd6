//! The keys that came in the current pass, from all its files.
//!
//! Files may each be numbered from 1. A later state of a record has a later revision; so a record with the key and
//! the revision of one from another file, and other contents, is another record. The first one cannot be withdrawn,
//! so only the second is rejected. What came in earlier passes is not compared: there the store decides.

use std::collections::{HashMap, hash_map::Entry as Slot};

use contract::{Entry, PassEnd, RawRecord, Reason, Revision};
use document::Duplicates;
use serde_json::Value;

use crate::{
    options::Options,
    repeats::{hash, hash_of_tree},
    rows::rejected,
};

/// The maximum number of keys that are compared in a pass. Of each, about fifty bytes are in memory.
const MAX_KEYS: usize = 900_000;

/// The keys that came since the last pass ended.
#[derive(Debug, Default)]
pub(crate) struct PassKeys {
    /// The newest state of each, by the hash of its key.
    states: HashMap<u64, State>,
    /// The names of the files, in the order in which they were read from their beginning.
    files: Vec<String>,
    /// The number of records whose key another record of their file has, with another revision.
    n_restated: u64,
    /// Whether there were more keys than are compared.
    is_full: bool,
}

/// One state of a record.
#[derive(Debug, Clone, Copy)]
struct State {
    revision: Revision,
    /// The hash of its fields that the mapping may read. A full export counts its rows anew, or says when it was made.
    contents: u64,
    /// The number of its file, from 1.
    file: usize,
}

/// What a record is among those that came before it.
enum Kind {
    /// The first one with its key.
    New,
    /// Another state of a record, or the same.
    Known,
    /// Another record with the key and the revision of one in the file with this name.
    Conflict(String),
}

/// What entries of a file are among those that came before them.
pub(crate) struct Compared {
    /// The number of those whose key is new, or that cannot be read.
    pub(crate) n_different: u64,
    /// Why the file is refused from the record on after which no entry is left.
    pub(crate) refused: Option<Reason>,
}

impl PassKeys {
    /// Notes the next entries of a file, which begin there if it `is_new`. Rejects those that contradict another
    /// file, or cuts the entries off before the first one, as the channel has set.
    pub(crate) fn compare(
        &mut self,
        name: &str,
        is_new: bool,
        entries: &mut Vec<Entry>,
        options: &Options,
    ) -> Compared {
        if is_new || self.files.last().is_none_or(|last| last != name) {
            self.files.push(name.to_owned());
        }
        let (mut n_different, mut refused) = (0, None);
        for (at, entry) in entries.iter_mut().enumerate() {
            let Entry::Record(record) = &*entry else {
                n_different += 1;
                continue;
            };
            let other = match self.kind(name, record, options) {
                Kind::New => {
                    n_different += 1;
                    continue;
                }
                Kind::Known => continue,
                Kind::Conflict(other) => other,
            };
            let detail = format!(
                "{other} has another record with the key `{}`, the same revision and other contents: if each of \
                 them is a record of its own, add a path to `key`; if this one is a correction, give it a later \
                 revision",
                record.key
            );
            let reason = Reason::new("duplicate_key", detail);
            match options.config.duplicates {
                Duplicates::Last => {}
                Duplicates::Stop => {
                    refused = Some((at, reason));
                    break;
                }
                Duplicates::Quarantine => {
                    let rejected = rejected(record, name.to_owned(), reason);
                    *entry = rejected;
                    n_different += 1;
                }
            }
        }
        let refused = refused.map(|(at, reason)| {
            entries.truncate(at);
            reason
        });
        Compared { n_different, refused }
    }

    fn kind(&mut self, name: &str, record: &RawRecord, options: &Options) -> Kind {
        let (revision, contents) = (record.revision, hash_of_mapped(record.body.tree(), options));
        let state = State { revision, contents, file: self.files.len() };
        let is_full = self.states.len() >= MAX_KEYS;
        let mut slot = match self.states.entry(hash(record.key.as_str())) {
            Slot::Vacant(_) if is_full => {
                self.is_full = true;
                return Kind::New;
            }
            Slot::Vacant(slot) => {
                slot.insert(state);
                return Kind::New;
            }
            Slot::Occupied(slot) => slot,
        };
        let known = *slot.get();
        if known.file == state.file {
            self.n_restated += u64::from(known.revision != revision);
        } else if known.revision == revision && known.contents != contents {
            // A file that comes again under its name replaces itself.
            let other = self.files.get(known.file.saturating_sub(1));
            if let Some(other) = other.filter(|other| *other != name) {
                return Kind::Conflict(other.clone());
            }
        }
        if revision >= known.revision {
            slot.insert(state);
        }
        Kind::Known
    }

    /// Says in the account of the pass what is not known of its keys.
    pub(crate) fn end(self, account: &mut PassEnd) {
        if self.n_restated > 0 {
            // The number of rows is not that of the records that should be there.
            account.listed = None;
            account.doubt = Some(format!(
                "{} records have the key of another one in their file and another revision: if each of them is a \
                 record of its own, add a path to `key`",
                self.n_restated
            ));
        }
        if self.is_full {
            account.distinct = None;
            account.doubt.get_or_insert_with(|| {
                format!(
                    "only the first {MAX_KEYS} keys of the pass were compared between its files"
                )
            });
        }
    }
}

/// The hash of the fields of a record that the mapping may read.
fn hash_of_mapped(tree: &Value, options: &Options) -> u64 {
    let Value::Object(fields) = tree else { return hash_of_tree(tree) };
    let mapped = fields.iter().filter(|(name, _)| options.is_mapped(name));
    // The sum does not depend on the order of the fields.
    mapped.fold(0, |sum: u64, (name, value)| sum.wrapping_add(hash((name, hash_of_tree(value)))))
}
