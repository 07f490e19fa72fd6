//! The normaliser turns records into demands, and seals (encrypts) personal values, so that only holders of
//! the key can read them. The sink and the store have no key.
//!
//! It uses no I/O, no clock and no randomness. It cannot fail: every record gets a verdict.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{DemandId, Digest, demand::DemandBody, raw::RawRecord};

/// Maps the records of one channel and seals the personal values in them.
pub trait Normalizer: Send + Sync {
    /// The verdict on `record`. The same record always gets the same verdict, with the same bytes.
    fn normalize(&self, record: &RawRecord) -> Verdict;

    /// Seals the bytes of a rejected record for quarantine. `id` is the id of its demand: the sealed bytes
    /// can be opened only together with it.
    fn seal(&self, id: &DemandId, bytes: &[u8]) -> SealedBytes;
}

/// What becomes of one record.
#[derive(Debug)]
pub enum Verdict {
    /// It is a demand.
    Accept(Box<Accepted>),
    /// A rule of the channel skips it: it is counted and not published.
    Skip(Reason),
    /// It is rejected: it goes to quarantine with its bytes.
    Reject(Reason),
}

/// What a mapping makes of a record. `pack` adds id, version and origin, and so makes the demand.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The mapped fields, personal values sealed.
    pub body: DemandBody,
    /// Keyed hash of the mapped fields before sealing: it tells whether two states have the same content.
    pub digest: Digest,
    /// The raw record, compressed and sealed.
    pub raw: SealedBytes,
}

/// Why a record was not accepted. Never quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// A stable code: `malformed_bytes`, `missing_key`, `too_large`, …
    pub code: Cow<'static, str>,
    /// An explanation for people.
    pub detail: String,
}

impl Reason {
    /// A reason with this code and this explanation.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), detail: detail.into() }
    }
}

/// A sealed personal value: a mask for people, a token for comparisons, and the encrypted value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sealed {
    /// For people: `138****1234`.
    pub mask: String,
    /// Keyed hash of the normalised value: equal values have equal tokens. `None` for a value that arrived
    /// masked, which must never be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The value, encrypted.
    pub sealed: SealedBytes,
}

/// Key id, nonce and ciphertext; base64url without padding on the wire.
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct SealedBytes(pub Vec<u8>);

impl fmt::Debug for SealedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedBytes({} bytes)", self.0.len())
    }
}

impl Serialize for SealedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SealedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(&*text).map(Self).map_err(D::Error::custom)
    }
}

/// A text, borrowed if possible: most of a message is sealed bytes, and copying them takes time.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
