//! The position of a channel in its folder, and the file to move.
//!
//! A folder has no reliable order: files come late, and are replaced under their names. So the
//! cursor remembers every file that is still there and was read to its end. Names and states are
//! kept as short hashes: 1,400 files take less than 64 KiB.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A position in a folder.
// No field is optional when it is read: the cursor of another channel must not be taken for an empty one.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Files of the folder that were read, by the hash of their names.
    pub(crate) done: BTreeMap<Mark, Done>,
    /// The file that is being read.
    #[serde(deserialize_with = "required")]
    pub(crate) within: Option<Within>,
    /// The file that the last batch finished: it is to be moved.
    #[serde(deserialize_with = "required")]
    pub(crate) owed: Option<PendingMove>,
}

/// The first 64 bits of a hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Mark(String);

/// A file that was read: the hash of its state, and of its content.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done(pub(crate) Mark, pub(crate) Mark);

/// A position in a file.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Within {
    pub(crate) name: String,
    /// Its state when it was opened.
    pub(crate) seen: Mark,
    /// Records of it that were read.
    pub(crate) n_records: u64,
}

/// A file to move if it is still as it was read.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingMove {
    pub(crate) name: String,
    pub(crate) data: Mark,
    #[serde(deserialize_with = "required")]
    pub(crate) manifest: Option<Mark>,
    /// Of its content, to tell it from others of its name.
    pub(crate) md5: Mark,
    /// It could not be read.
    pub(crate) is_error: bool,
}

impl Mark {
    /// Of a name, an MD5, or anything else that is text.
    pub(crate) fn of(text: &str) -> Self {
        Self(BASE64.encode(&Sha256::digest(text.as_bytes())[..8]))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("done", &self.done.len()).finish_non_exhaustive()
    }
}

/// An `Option` that must be written, even as null.
fn required<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests;
