//! The entries that a connector reads, before they are mapped.

use std::borrow::Cow;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Doubts about the text of the fields.
    pub marks: Vec<Mark>,
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

/// A doubt about the text of one field that decoding found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Name of the source field.
    pub field: String,
    /// The kind of doubt.
    pub flag: QualityFlag,
    /// Byte offsets and lengths; never the text itself.
    pub detail: String,
}
