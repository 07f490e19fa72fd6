//! Identifiers. Each has its own type, so a source's key cannot be passed as the id of a demand.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::version::ReadNo;

/// Namespace of all demand ids. It must never change, because every id would change with it.
const NAMESPACE: Uuid = Uuid::from_u128(0x7e1d_5c02_9a34_4b1f_8f60_3d2b_a5c4_71e9);

/// The name of a channel, which is also the name of its folder: 1 to 64 of `a-z 0-9 _ -`, beginning with a
/// letter.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String")]
pub struct ChannelId(String);

/// A text that is not a channel name.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a channel name: use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter")]
pub struct InvalidChannelId(String);

impl ChannelId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ChannelId {
    type Err = InvalidChannelId;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_valid = name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'));
        if is_valid { Ok(Self(name.to_owned())) } else { Err(InvalidChannelId(name.to_owned())) }
    }
}

impl TryFrom<String> for ChannelId {
    type Error = InvalidChannelId;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The source's own stable key of a record, as text.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct RecordKey(String);

impl RecordKey {
    /// The key as the source gave it.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key that consists of these parts. Several parts become a JSON array, which shows where each ends:
    /// `["a","bc"]` is not `["ab","c"]`.
    pub fn composed(mut parts: Vec<String>) -> Self {
        match parts.pop() {
            Some(part) if parts.is_empty() => Self(part),
            last => Self(serde_json::Value::from_iter(parts.into_iter().chain(last)).to_string()),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Id of a demand or of an unreadable entry: UUIDv5 (RFC 9562 §5.5) of the channel and of the source's key
/// (or, if the key cannot be read, of a hash of the bytes). The same record always has the same id;
/// `tonghui id CHANNEL KEY` prints it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(with = "String")]
pub struct DemandId(Uuid);

impl DemandId {
    /// The id of the record with this key in this channel.
    pub fn of(channel: &ChannelId, key: &RecordKey) -> Self {
        Self::derive(channel, "key", key.as_str().as_bytes())
    }

    /// The id of an entry whose key could not be read, derived from a hash of its bytes.
    pub fn of_bytes(channel: &ChannelId, bytes: &[u8]) -> Self {
        Self::derive(channel, "bytes", &Sha256::digest(bytes))
    }

    /// `kind` says what `value` is, so that a key and a hash with the same bytes get different ids.
    fn derive(channel: &ChannelId, kind: &str, value: &[u8]) -> Self {
        // A channel name contains no NUL, so the three parts are unambiguous.
        let name = [channel.as_str().as_bytes(), kind.as_bytes(), value].join(&0);
        Self(Uuid::new_v5(&NAMESPACE, &name))
    }

    /// The id with these 16 bytes, as a store holds it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for DemandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DemandId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Id of a message on the bus and of its receipt in the store: `channel/read_no/part`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The channel that was read.
    pub channel: ChannelId,
    /// The read that produced it.
    pub read_no: ReadNo,
    /// Index among the messages of that read, from 0.
    pub part: u32,
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.channel, self.read_no.0, self.part)
    }
}

impl FromStr for MessageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || format!("`{text}` is not a message id (channel/read_no/part)");
        let mut pieces = text.rsplitn(3, '/');
        let part = pieces.next().and_then(|piece| piece.parse().ok()).ok_or_else(malformed)?;
        let read_no = pieces.next().and_then(|piece| piece.parse().ok()).ok_or_else(malformed)?;
        let channel = pieces.next().and_then(|piece| piece.parse().ok()).ok_or_else(malformed)?;
        Ok(Self { channel, read_no: ReadNo(read_no), part })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hotline() -> ChannelId {
        "hotline".parse().unwrap()
    }

    #[test]
    fn the_same_thing_always_has_the_same_id() {
        let key = RecordKey::new("6f1a0c52-9f0e-4a0b-8d3c-2f7c1d9e0a11");
        assert_eq!(
            DemandId::of(&hotline(), &key).to_string(),
            "5c4b9f09-7a57-5172-afb6-1d033e33e5aa"
        );
    }

    #[test]
    fn a_key_and_bytes_of_the_same_content_are_different_things() {
        assert_ne!(
            DemandId::of(&hotline(), &RecordKey::new("7")),
            DemandId::of_bytes(&hotline(), b"7")
        );
    }

    #[test]
    fn invalid_channel_names_are_refused() {
        for name in ["", "热线", "Hotline", "1st", "a/b", "a b", &"x".repeat(65)] {
            assert!(name.parse::<ChannelId>().is_err(), "{name} was accepted");
        }
    }

    #[test]
    fn a_message_id_reads_back() {
        let id = MessageId { channel: hotline(), read_no: ReadNo(12), part: 3 };
        assert_eq!(id.to_string(), "hotline/12/3");
        assert_eq!(id.to_string().parse(), Ok(id));
    }
}
