//! Values that only the holder of a key can read. The store and the sink carry them and cannot
//! open them; sealing and opening are in `normalizer`.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// A personal value: what people may see, what can be compared, and the value itself, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sealed {
    /// For people: `138****1234`.
    pub mask: String,
    /// Keyed hash of the normalised value: equal persons, equal tokens. None for a value that
    /// arrived already masked, which must never be compared.
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
        deserializer.deserialize_str(Base64)
    }
}

/// Decodes the text where it stands: most of a message is sealed bytes.
struct Base64;

impl Visitor<'_> for Base64 {
    type Value = SealedBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64url without padding")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SealedBytes, E> {
        URL_SAFE_NO_PAD.decode(text).map(SealedBytes).map_err(E::custom)
    }
}
