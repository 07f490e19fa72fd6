//! Records that a source lists on two pages, with the same key and different contents.
//!
//! The later content is the state: the record may have changed between the pages. But some sources list both
//! for ever, and each pass would store one after the other. So the content that was replaced is remembered,
//! and is left out if it comes again, as long as the other one comes too.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// Maximum number of contents: the cursor contains them.
const MAX: usize = 200;

/// Contents that a later page replaced, the oldest first; each with the hash of its key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Outdated(Vec<String>);

/// The contents that came in one walk, as hashes.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// By key: the content that came last; `None` if none was compared.
    last: HashMap<u64, Option<u64>>,
    /// Keys of which a content was left out.
    left_out: HashSet<u64>,
    /// Keys of which a content was replaced.
    replaced: HashSet<u64>,
}

impl Outdated {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this content was replaced before.
    pub(crate) fn contains(&self, key: u64, content: u64) -> bool {
        !self.0.is_empty() && self.0.contains(&name(key, content))
    }

    /// Forgets the contents of the keys that are not kept.
    pub(crate) fn keep(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.0.retain(|name| key_of(name).is_some_and(&is_kept));
    }

    /// Adds a content; false if there are too many. None is dropped for it: if there were always more than
    /// fit, each would be dropped before its turn, and all would be read again in each pass.
    pub(crate) fn push(&mut self, key: u64, content: u64) -> bool {
        let has_room = self.0.len() < MAX;
        if has_room {
            self.0.push(name(key, content));
        }
        has_room
    }

    /// Forgets what a whole walk has shown to be a change and not a second content; `None` stands for a
    /// walk that was not seen from its beginning. Returns whether contents were left out that may be the
    /// state now: then the walk must be repeated.
    pub(crate) fn review(&mut self, walk: Option<&Contents>) -> bool {
        let Some(walk) = walk else {
            let may_lack = !self.0.is_empty();
            self.0.clear();
            return may_lack;
        };
        let mut lacks_some = false;
        self.0.retain(|name| {
            let key = key_of(name);
            let Some((key, last)) = key.and_then(|key| Some((key, walk.last.get(&key)?))) else {
                return true;
            };
            let was_left_out = walk.left_out.contains(&key);
            let lacks_this = was_left_out && last.is_none();
            lacks_some |= lacks_this;
            let is_double = was_left_out || walk.replaced.contains(&key) || last.is_none();
            is_double && !lacks_this
        });
        lacks_some
    }
}

impl Contents {
    /// Number of different keys.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }

    /// Number of keys of which a content was left out.
    pub(crate) fn n_left_out(&self) -> usize {
        self.left_out.len()
    }

    /// Notes that a key came, with its content if that is to be compared. Returns false if it has another
    /// content than before, and too many have.
    pub(crate) fn note(&mut self, key: u64, content: Option<u64>, outdated: &mut Outdated) -> bool {
        let last = self.last.entry(key).or_default();
        let Some(content) = content else { return true };
        if outdated.contains(key, content) {
            self.left_out.insert(key);
            return true;
        }
        let earlier = last.replace(content).filter(|earlier| *earlier != content);
        let Some(earlier) = earlier else { return true };
        self.replaced.insert(key);
        outdated.push(key, earlier)
    }
}

fn name(key: u64, content: u64) -> String {
    format!("{key:016x}{content:016x}")
}

fn key_of(name: &str) -> Option<u64> {
    u64::from_str_radix(name.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests;
