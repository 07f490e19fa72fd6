//! The position of a channel in its folder, and the file to move.
//!
//! A folder has no reliable order: files arrive late, and are replaced under the same name. So the
//! cursor has an entry for each file of the folder that was read to its end. Names and states are
//! short hashes: 1,400 files take less than 64 KiB.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A position in a folder.
// No field may be left out: the cursor of another connector must not be read as an empty one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Files of the folder that were read, by the hash of their names.
    pub(crate) done: BTreeMap<Fingerprint, ReadFile>,
    /// The file that is being read.
    #[serde(rename = "within", deserialize_with = "required")]
    pub(crate) current: Option<FilePosition>,
    /// The file that the last batch finished: it is to be moved.
    #[serde(rename = "owed", deserialize_with = "required")]
    pub(crate) pending_move: Option<PendingMove>,
}

/// The first 64 bits of a hash: of a name, a state or a content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fingerprint(pub(crate) String);

/// A file that was read to its end: the hash of its state, and of its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReadFile(pub(crate) Fingerprint, pub(crate) Fingerprint);

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePosition {
    pub(crate) name: String,
    /// The state of the file and its manifest when it was opened.
    #[serde(rename = "seen")]
    pub(crate) fingerprint: Fingerprint,
    /// Number of its records that were read.
    pub(crate) n_records: u64,
}

/// A file to move, unless it has changed since it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingMove {
    pub(crate) name: String,
    pub(crate) data: Fingerprint,
    #[serde(deserialize_with = "required")]
    pub(crate) manifest: Option<Fingerprint>,
    /// The hash of its content: part of its new name where the old one is in use.
    pub(crate) md5: Fingerprint,
    /// It could not be read: it goes to the folder for errors.
    pub(crate) is_error: bool,
}

impl Fingerprint {
    pub(crate) fn of(text: &str) -> Self {
        Self(BASE64.encode(&Sha256::digest(text.as_bytes())[..8]))
    }
}

/// Reads an `Option` that must be present, as null at least.
fn required<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests;
