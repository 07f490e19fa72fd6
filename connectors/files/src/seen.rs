//! Notices a key that comes twice in one file. Two contents under one key and one revision are a
//! mistake of the source, and not two states; a record that is simply repeated is read once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use contract::Entry;

/// The maximum number of records that are remembered for one file, in about 20 MB. In a larger file,
/// a key that comes again after them is not noticed.
const MAX_REMEMBERED: usize = 400_000;

/// The records of a file so far: a hash of the content of each, by a hash of its key and revision.
#[derive(Debug, Default)]
pub(crate) struct SeenRecords(HashMap<u64, u64>);

/// Whether the key and revision of a record came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// They did not.
    No,
    /// They came with the same content.
    Same,
    /// They came with other content.
    Other,
}

impl SeenRecords {
    /// Looks up an entry, and remembers it.
    pub(crate) fn check(&mut self, entry: &Entry) -> Seen {
        let Entry::Record(record) = entry else { return Seen::No };
        let (mut state, mut content) = (DefaultHasher::new(), DefaultHasher::new());
        (record.key.as_str(), format!("{:?}", record.revision)).hash(&mut state);
        record.body.tree().hash(&mut content);
        let (state, content) = (state.finish(), content.finish());
        match self.0.get(&state) {
            Some(same) if *same == content => Seen::Same,
            Some(_) => Seen::Other,
            None => {
                if self.0.len() < MAX_REMEMBERED {
                    self.0.insert(state, content);
                }
                Seen::No
            }
        }
    }
}
