//! The entries that a connector reads, before they are mapped.

use std::{borrow::Cow, collections::HashSet};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    DemandId, RecordKey, Revision, demand::QualityFlag, id::ChannelId, normalizer::Reason,
};

/// One entry of a batch.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A record with its key, ready for the mapping.
    Record(RawRecord),
    /// Bytes that could not be read as a record. They go to quarantine unchanged.
    Unreadable {
        /// Where they were in the source.
        place: Place,
        /// The bytes as the source gave them.
        bytes: Bytes,
        /// Why they could not be read.
        reason: Reason,
    },
}

impl Entry {
    /// A record with this content.
    pub fn record(key: RecordKey, revision: Revision, tree: Value, text: TextReport) -> Self {
        Self::Record(RawRecord { key, revision, body: Body::new(tree), text })
    }

    /// Its key, if it could be read.
    pub fn key(&self) -> Option<&RecordKey> {
        match self {
            Self::Record(record) => Some(&record.key),
            Self::Unreadable { place, .. } => place.key.as_ref(),
        }
    }

    /// About how much memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Record(record) => tree_bytes(&record.body.0),
                Self::Unreadable { bytes, .. } => bytes.len(),
            }
    }

    /// Puts the entries of a read that have no key together, if there are many of them: each would be a row of its own
    /// in quarantine, which takes far more room than its bytes. Those with the same reason are put together in groups
    /// by a hash of their bytes, so that most groups are the same again when the source lists a few more or less.
    #[must_use]
    pub fn join_unreadable(entries: Vec<Self>) -> Vec<Self> {
        let is_keyless =
            |entry: &&Self| matches!(entry, Self::Unreadable { .. }) && entry.key().is_none();
        if entries.iter().filter(is_keyless).count() <= MAX_KEYLESS {
            return entries;
        }
        let (mut kept, mut joined, mut seen) = (Vec::new(), Vec::<Joined>::new(), HashSet::new());
        for entry in entries {
            match entry {
                Self::Unreadable { place, bytes, reason } if place.key.is_none() => {
                    let digest: [u8; 32] = Sha256::digest(&bytes).into();
                    let [first, ..] = digest;
                    let (group, is_repeated) = (first % N_GROUPS, !seen.insert(digest));
                    let last = joined
                        .iter_mut()
                        .rev()
                        .find(|one| one.group == group && one.reason.code == reason.code);
                    let has_room =
                        |one: &&mut Joined| one.n_bytes + bytes.len() <= MAX_JOINED_BYTES;
                    match last.filter(|one| is_repeated || has_room(one)) {
                        Some(one) if is_repeated => one.n_entries += 1,
                        Some(one) => one.add(bytes),
                        None => joined.push(Joined::new(group, place, bytes, reason)),
                    }
                }
                Self::Unreadable { .. } | Self::Record(_) => kept.push(entry),
            }
        }
        kept.extend(joined.into_iter().map(Joined::into_entry));
        kept
    }
}

/// If a read has more entries without a key than this, they are put together.
const MAX_KEYLESS: usize = 100;
/// Number of groups of entries that are put together, if they have the same reason.
const N_GROUPS: u8 = 8;
/// Maximum size of what is put together, in bytes: all of it is kept in quarantine.
const MAX_JOINED_BYTES: usize = 1 << 20;

/// Entries without a key that are put together: the place and the reason of the first one, and the bytes of all, those
/// of equal ones once.
struct Joined {
    group: u8,
    place: Place,
    reason: Reason,
    contents: Vec<Bytes>,
    n_bytes: usize,
    n_entries: usize,
}

impl Joined {
    fn new(group: u8, place: Place, bytes: Bytes, reason: Reason) -> Self {
        let n_bytes = bytes.len();
        Self { group, place, reason, contents: vec![bytes], n_bytes, n_entries: 1 }
    }

    fn add(&mut self, bytes: Bytes) {
        self.n_bytes += bytes.len();
        self.contents.push(bytes);
        self.n_entries += 1;
    }

    fn into_entry(self) -> Entry {
        let Self { mut place, mut reason, contents, n_entries, .. } = self;
        if n_entries > 1 {
            place.at.push_str(&format!(" and {} more", n_entries - 1));
            reason.detail.push_str(&format!(
                "; {n_entries} entries without a key were read together and are kept as one, with line breaks \
                 between them"
            ));
        }
        Entry::Unreadable { place, bytes: contents.join(&b"\n"[..]).into(), reason }
    }
}

/// About how much memory a tree takes, in bytes.
fn tree_bytes(value: &Value) -> usize {
    let inner: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(tree_bytes).sum(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                size_of::<String>() + name.len() + tree_bytes(value)
            };
            members.iter().map(member).sum()
        }
    };
    size_of::<Value>() + inner
}

/// A record as the source gave it, with its key and revision.
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// The source's stable key.
    pub key: RecordKey,
    /// The source's own number or time of this state, if it gives one.
    pub revision: Revision,
    /// The content.
    pub body: Body,
    /// How its bytes were decoded.
    pub text: TextReport,
}

/// Usual size of a record, in bytes: the first size of a buffer, so that it rarely has to grow.
const USUAL_RECORD_BYTES: usize = 2 * 1024;

/// The content of a record as a JSON tree. The paths in a mapping name its fields. A table row is an object
/// with a field for each column. Integers above 2^53 and decimals are text, so that keys and amounts
/// stay exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(Value);

impl Body {
    /// Wraps a tree.
    pub fn new(tree: Value) -> Self {
        Self(tree)
    }

    /// The tree.
    pub fn tree(&self) -> &Value {
        &self.0
    }

    /// The record as it is stored: compact JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL_RECORD_BYTES);
        // Writing a tree into memory cannot fail.
        let _ = serde_json::to_writer(&mut bytes, &self.0);
        bytes
    }
}

/// Which record an entry is, and where it was in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its key, if it could be read.
    pub key: Option<RecordKey>,
    /// The source's own number or time of its state, if it could be read: a state with a lower one does not
    /// resolve it in quarantine.
    pub revision: Revision,
    /// Table and column, file and line, or page and index, for people.
    pub at: String,
}

impl Place {
    /// The id of the entry: derived from its key, or else from its bytes.
    pub fn id(&self, channel: &ChannelId, bytes: &[u8]) -> DemandId {
        match &self.key {
            Some(key) => DemandId::of(channel, key),
            None => DemandId::of_bytes(channel, bytes),
        }
    }
}

/// How bytes were decoded: the charset, how it was chosen, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextReport {
    /// The charset (`GB18030`, `UTF-8`); empty if the source gave text that needed no decoding.
    pub charset: Cow<'static, str>,
    /// The rule that chose the charset.
    pub decided_by: DecidedBy,
    /// Whether another rule would have chosen another charset.
    pub conflict: bool,
    /// The quality flags of the texts of its fields.
    pub flags: Vec<FieldFlag>,
    /// Whether the escapes `_xHHHH_` with which workbooks write some characters were decoded: what still
    /// looks like one is text.
    pub is_unescaped: bool,
}

/// The rules that choose a charset, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The source gave text, so nothing was decoded.
    #[default]
    Nothing,
    /// The channel forces it.
    Forced,
    /// A byte order mark.
    Bom,
    /// The body is valid UTF-8 except for a few places, with at least one multi-byte character.
    Utf8,
    /// The declaration of an XML document.
    XmlProlog,
    /// The `charset` of an HTTP content type.
    HttpHeader,
    /// What the channel declares.
    Declared,
    /// Statistics on the bytes.
    Detected,
}

/// A quality flag of the text of one field, as decoding found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFlag {
    /// Name of the source field.
    pub field: String,
    /// What is doubtful about it.
    pub flag: QualityFlag,
    /// Byte offsets and lengths; never the text itself.
    pub detail: String,
}
