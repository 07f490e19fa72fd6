//! What a source said, before anybody interpreted it.

use std::borrow::Cow;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    DemandId, RecordKey, Revision, demand::QualityFlag, id::ChannelId, normalizer::Reason,
};

/// One thing that a connector read.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A record with its key, ready for the mapping.
    Record(RawRecord),
    /// Bytes that could not be made into a record: quarantined as they are, neighbours pass.
    Unreadable {
        /// Where they stood.
        place: Place,
        /// The bytes as the source gave them.
        bytes: Bytes,
        /// Why they could not be read.
        reason: Reason,
    },
}

/// What the source said of one thing, untouched, with its own key and revision.
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// The source's stable key.
    pub key: RecordKey,
    /// The source's own order of states, where it has one.
    pub revision: Revision,
    /// The content.
    pub body: Body,
    /// How its bytes became text.
    pub text: TextReport,
}

/// Bytes of most records: a buffer that begins smaller is copied four times.
const USUAL: usize = 2 * 1024;

/// The tree that paths of a mapping address. A table row is an object of its columns; integers
/// above 2^53 and decimals are text in it, because they are keys and money.
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

    /// The record in the form in which it is kept: compact JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(USUAL);
        // A tree of strings and numbers always serialises.
        let _ = serde_json::to_writer(&mut bytes, &self.0);
        bytes
    }
}

/// Where an unreadable entry stood in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its key, if at least that could be read.
    pub key: Option<RecordKey>,
    /// Table and column, file and line, page and index: for people.
    pub at: String,
}

impl Place {
    /// The id of what stands here: of its key, else of its bytes.
    pub fn id(&self, channel: &ChannelId, bytes: &[u8]) -> DemandId {
        match &self.key {
            Some(key) => DemandId::of(channel, key),
            None => DemandId::of_bytes(channel, bytes),
        }
    }
}

/// How bytes became text: the charset, who declared it, and what was found on the way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextReport {
    /// The charset that decoded it (`GB18030`, `UTF-8`), empty where the source gave text.
    pub charset: Cow<'static, str>,
    /// Which rule chose that charset.
    pub decided_by: DecidedBy,
    /// Others claimed another charset.
    pub conflict: bool,
    /// What was found in which field.
    pub marks: Vec<Mark>,
}

/// The rule that chose a charset, in their order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// The source gave text, nothing was decoded.
    #[default]
    Nothing,
    /// The channel forces it.
    Forced,
    /// A byte order mark.
    Bom,
    /// The body is UTF-8 but for a few malformed places, with at least one multi-byte character.
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

/// A finding about the text of one field, made while decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Name of the source field.
    pub field: String,
    /// What was found.
    pub flag: QualityFlag,
    /// Byte offsets and lengths; never the text itself.
    pub detail: String,
}
