//! The cursor: which files are done, which file is being read, and which file is to be moved.
//!
//! A folder has no reliable order: files arrive late, and are replaced under the same name. So the
//! cursor lists every file of the folder that is done: read to its end, or refused. It stores short
//! hashes of names and states, so that 1,400 files take less than 64 KiB.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A position in a folder.
// All fields are required, so that the cursor of another connector is not read as an empty cursor.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The files of the folder that are done, read to their end or refused, by the fingerprints of their names.
    pub(crate) done: BTreeMap<Fingerprint, DoneFile>,
    /// The file that is being read.
    #[serde(rename = "within", deserialize_with = "required")]
    pub(crate) current: Option<FilePosition>,
    /// The file that the last batch finished, which is to be moved.
    #[serde(rename = "owed", deserialize_with = "required")]
    pub(crate) pending_move: Option<PendingMove>,
    /// The files without a manifest that were moved last: a program may still write to one of them. They are looked
    /// at again whenever a pass begins.
    #[serde(default, rename = "watched", skip_serializing_if = "Vec::is_empty")]
    pub(crate) moved: Vec<MovedFile>,
    /// The settings under which this cursor was written; `None` in cursors of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<SettingsHash>,
}

/// Hashes of the settings that decide which records are read, and under which keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsHash {
    /// See [`Options::selection_hash`](crate::options::Options::selection_hash).
    pub(crate) selection: Fingerprint,
    /// The hash of `key`; `None` before the first record was read: until then, the setting may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Fingerprint>,
}

impl Cursor {
    /// Whether records were read with another setting `key` than the present one.
    pub(crate) fn has_other_keys(&self, key: &Fingerprint) -> bool {
        let stored = self.settings.as_ref().and_then(|settings| settings.key.as_ref());
        stored.is_some_and(|stored| stored != key)
    }

    /// Notes what the settings select now. If they selected something else before, the files that are still in the
    /// folder will be read again from their start, and this returns `true`.
    pub(crate) fn fit_to(&mut self, selection: &Fingerprint) -> bool {
        let (stored, key) = match self.settings.take() {
            Some(stored) => (Some(stored.selection), stored.key),
            None => (None, None),
        };
        self.settings = Some(SettingsHash { selection: selection.clone(), key });
        if stored.is_none_or(|stored| stored == *selection) {
            return false;
        }
        self.done.clear();
        self.current = None;
        true
    }

    /// Notes that records were read with this setting `key`.
    pub(crate) fn note_keys(&mut self, key: &Fingerprint) {
        if let Some(settings) = &mut self.settings {
            settings.key = Some(key.clone());
        }
    }
}

impl fmt::Debug for Cursor {
    // Logs must not contain names of files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({} files done)", self.done.len())
    }
}

/// A hash of 64 bits, by which a file is recognised: of its name, of its state (its size and time),
/// or of its content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fingerprint(pub(crate) String);

/// A file that is done: the fingerprint of its state, and that of its content, `Fingerprint::none()` if it
/// could not be read to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DoneFile(pub(crate) Fingerprint, pub(crate) Fingerprint);

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilePosition {
    pub(crate) name: String,
    /// The fingerprint of the state of the file and of its manifest when the file was opened.
    #[serde(rename = "seen")]
    pub(crate) fingerprint: Fingerprint,
    /// The number of records that were read from the file.
    pub(crate) n_records: u64,
}

/// A file to move, unless it has changed since it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingMove {
    pub(crate) name: String,
    /// The fingerprint of the state of the file when it was read.
    #[serde(rename = "data")]
    pub(crate) state: Fingerprint,
    /// The same for its manifest; `None` without a manifest.
    #[serde(rename = "manifest", deserialize_with = "required")]
    pub(crate) manifest_state: Option<Fingerprint>,
    /// The fingerprint of its MD5: a part of its new name if the old name is in use.
    #[serde(rename = "md5")]
    pub(crate) hash: Fingerprint,
    /// Whether the file could not be read. It then goes to the folder `error`, not to `archive`.
    pub(crate) is_error: bool,
}

/// A file that was moved to `archive`, or to `error`, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MovedFile {
    pub(crate) name: String,
    /// The fingerprint of its MD5, as for [`PendingMove`].
    #[serde(rename = "md5")]
    pub(crate) hash: Fingerprint,
    #[serde(rename = "size")]
    pub(crate) n_bytes: u64,
    /// Nanoseconds since 1970; whole seconds on an SFTP server.
    #[serde(rename = "time")]
    pub(crate) modified: i64,
    /// Whether it is in `error`.
    #[serde(default, rename = "error", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_error: bool,
}

impl Fingerprint {
    pub(crate) fn of(text: &str) -> Self {
        Self(BASE64.encode(&Sha256::digest(text.as_bytes())[..8]))
    }

    /// Stands for the state of a missing file, and for the content of a file that was not read to its end.
    pub(crate) fn none() -> Self {
        Self::of("")
    }
}

/// Deserialises an optional field that must be present; it may be null.
fn required<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests;
