//! Which value of `each` has which key: one key may stand for two records, or for one that has moved.

use std::collections::{HashMap, HashSet};

use super::MAX_KEYS;
use crate::outdated::Outdated;

/// What is wrong if more keys have two contents than are remembered.
const TOO_MANY: &str = "too many keys have different contents under two values of `each`; add a path to `key`, so \
                        that each record has its own";

/// The keys of one pass, by the values of `each`.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By key: the value of `each` under which it came first, and its content.
    first: HashMap<u64, (usize, u64)>,
    /// Keys that came under several values of `each`.
    shared: HashSet<u64>,
    /// How many of them had different contents.
    n_different: u64,
    /// Keys that stand for different records under two values of `each`.
    conflicts: HashSet<u64>,
    /// Keys came that were too many to be compared with those of other values of `each`.
    has_uncompared: bool,
}

impl Owners {
    /// Notes the contents of a page of the value `value` of `each`. Returns false if a key came under another
    /// value with another content, and the same two contents are `known`.
    ///
    /// # Errors
    /// More keys have different contents than are remembered: what is wrong.
    pub(super) fn note(
        &mut self,
        value: usize,
        hashes: &[String],
        contents: &[Option<u64>],
        known: &mut Outdated,
    ) -> Result<bool, &'static str> {
        let mut has_room = true;
        for (hash, later) in hashes.iter().zip(contents) {
            let Some((key, later)) = u64::from_str_radix(hash, 16).ok().zip(*later) else {
                continue;
            };
            if self.first.len() >= MAX_KEYS && !self.first.contains_key(&key) {
                self.has_uncompared = true;
                continue;
            }
            let (owner, earlier) = *self.first.entry(key).or_insert((value, later));
            // Once in a pass, because pages are read twice.
            if owner == value || self.shared.contains(&key) {
                continue;
            }
            // Both contents, in any order.
            let both = earlier ^ later;
            if earlier != later && known.contains(key, both) {
                self.conflicts.insert(key);
                return Ok(false);
            }
            if earlier != later {
                self.n_different += 1;
                has_room &= known.push(key, both);
            }
            self.shared.insert(key);
        }
        if has_room { Ok(true) } else { Err(TOO_MANY) }
    }

    /// Forgets the keys that no longer come under several values of `each`.
    pub(super) fn forget_moved(&self, known: &mut Outdated) {
        known.keep(|key| self.shared.contains(&key) || self.conflicts.contains(&key));
    }

    /// Number of keys that came under several values of `each`.
    pub(super) fn n_shared(&self) -> u64 {
        self.shared.len() as u64
    }

    /// Whether not all keys were compared.
    pub(super) fn has_uncompared(&self) -> bool {
        self.has_uncompared
    }

    /// What to say if keys had different contents, for the first time: the next pass tells whether a record moved.
    pub(super) fn doubt(&self) -> Option<String> {
        (self.n_different > 0).then(|| {
            format!(
                "keys came under two values of `each` with different contents ({}), and only one content of each is \
                 kept; if they are two records, add a path to `key`, or write one channel for each value",
                self.n_different
            )
        })
    }
}
