//! The keys of a gateway, and the format of the key file.
//!
//! A key set has three keys: the sealing key encrypts personal values, the token key makes the tokens by
//! which values are compared, and the digest key makes the digests by which unchanged content is
//! recognised. The id of a set is stored with each ciphertext, so old rows stay readable after a rotation.
//! A new set keeps the digest key: with another one, every demand would seem to have changed.
//!
//! Beside the sets stands the bus key, by which messages on a broker prove that ingest published them. A sink needs it
//! and no other key, so it may have a file with nothing else. Rotation keeps it, because messages are under way.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use super::suite::{Mac, Suite};

/// The current key set, which seals and opens, and older sets, which only open old rows.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(super) current: KeySet,
    pub(super) older: Vec<KeySet>,
    /// Key files of earlier versions do not have it.
    bus: Option<KeyBytes>,
}

/// Why keys cannot be used. The message never quotes a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system provides no random bytes.
    #[error("the operating system provides no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    /// Every id is in use.
    #[error("every key id is in use, so the keys cannot be rotated")]
    NoMoreIds,
    /// The file is not a key file.
    #[error("this is not a valid key file: {0}")]
    Unreadable(String),
}

impl Keys {
    /// A new random set with id 1.
    ///
    /// # Errors
    /// The operating system provides no random bytes.
    pub fn generate(suite: Suite) -> Result<Self, KeyError> {
        let current = KeySet::random(1, suite, KeyBytes::random()?)?;
        Ok(Self { current, older: Vec::new(), bus: Some(KeyBytes::random()?) })
    }

    /// These keys with a new random current set, which keeps the digest key. The previous current set becomes
    /// an older one. Keys without a bus key get one.
    ///
    /// # Errors
    /// The operating system provides no random bytes, or every id is in use.
    pub fn rotated(&self, suite: Suite) -> Result<Self, KeyError> {
        let newest = self.sets().map(|set| set.id).max().unwrap_or(0);
        let id = newest.checked_add(1).ok_or(KeyError::NoMoreIds)?;
        let current = KeySet::random(id, suite, self.current.digest.clone())?;
        let bus = self.bus.clone().map_or_else(KeyBytes::random, Ok)?;
        Ok(Self { current, older: self.sets().cloned().collect(), bus: Some(bus) })
    }

    /// The bus key, if there is one.
    pub fn bus(&self) -> Option<[u8; 32]> {
        self.bus.as_ref().map(|key| key.0)
    }

    /// The bus key in a key file, or in a file that has nothing else; `None` if the file has none.
    ///
    /// # Errors
    /// The text is neither.
    pub fn bus_from_json(text: &str) -> Result<Option<[u8; 32]>, KeyError> {
        let file: BusFile =
            serde_json::from_str(text).map_err(|error| KeyError::Unreadable(error.to_string()))?;
        Ok(file.bus.map(|key| key.0))
    }

    /// The content of a file that has the bus key and nothing else; `None` if there is no bus key.
    pub fn bus_to_json(&self) -> Option<String> {
        serde_json::to_string_pretty(&BusFile { bus: Some(self.bus.clone()?) }).ok()
    }

    /// The ids of the older sets.
    pub fn older_ids(&self) -> impl Iterator<Item = u32> {
        self.older.iter().map(|set| set.id)
    }

    /// Parses a key file: `{"current": 1, "keys": [{"id": 1, "sealing": "<64 hex digits>",
    /// "token": "…", "digest": "…"}], "bus": "…"}`.
    ///
    /// # Errors
    /// The text is not a key file, a key does not have 32 bytes, two sets have the same id, no set has the
    /// current id, or two purposes have the same key.
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        let file = serde_json::from_str(text).map_err(|error| error.to_string());
        file.and_then(KeyFile::check).map_err(KeyError::Unreadable)
    }

    /// The content of a key file, with the keys in plain text. Write it only to a file with mode 600.
    pub fn to_json(&self) -> String {
        let (current, keys) = (self.id(), self.sets().cloned().collect());
        let file = KeyFile { current, keys, bus: self.bus.clone() };
        // Integers and strings always serialise.
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }

    /// The id of the current set.
    pub fn id(&self) -> u32 {
        self.current.id
    }

    /// The id and check value of every set, the current set first. A check value is a hash that identifies a
    /// set: a store keeps that of the current set, and refuses a process that does not have the set.
    pub fn check_values(&self) -> Vec<(u32, String)> {
        self.sets().map(|set| (set.id, set.check_value())).collect()
    }

    /// All sets, the current one first.
    fn sets(&self) -> impl Iterator<Item = &KeySet> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

/// One set of keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySet {
    pub(super) id: u32,
    /// Key files written by old versions do not have it.
    #[serde(default)]
    pub(super) suite: Suite,
    pub(super) sealing: KeyBytes,
    pub(super) token: KeyBytes,
    pub(super) digest: KeyBytes,
}

impl KeySet {
    /// A set with new random keys, except for this digest key.
    fn random(id: u32, suite: Suite, digest: KeyBytes) -> Result<Self, KeyError> {
        let (sealing, token) = (KeyBytes::random()?, KeyBytes::random()?);
        Ok(Self { id, suite, sealing, token, digest })
    }

    fn check_value(&self) -> String {
        let mut hash = Sha256::new();
        for key in [&self.sealing, &self.token, &self.digest] {
            hash.update(self.derive(key, b"tonghui key check"));
        }
        hex::encode(&hash.finalize()[..8])
    }

    /// A keyed hash with `key`, which is one of this set.
    pub(super) fn mac(&self, key: &KeyBytes) -> Mac {
        Mac::new(self.suite, &key.0)
    }

    /// Derives a key for one purpose from `key`, which is one of this set.
    pub(super) fn derive(&self, key: &KeyBytes, purpose: &[u8]) -> [u8; 32] {
        self.mac(key).hash(&[purpose])
    }
}

/// A key of 32 bytes. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct KeyBytes(#[serde(serialize_with = "hex::serialize")] pub(super) [u8; 32]);

impl KeyBytes {
    fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(KeyError::NoRandomness)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(…)")
    }
}

impl<'de> Deserialize<'de> for KeyBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        // The error of `hex` is dropped, because it shows a character of the key.
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| serde::de::Error::custom("a key is 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    current: u32,
    keys: Vec<KeySet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<KeyBytes>,
}

/// What the sink reads of a key file: it needs no other key.
#[derive(Serialize, Deserialize)]
struct BusFile {
    #[serde(default)]
    bus: Option<KeyBytes>,
}

impl KeyFile {
    /// Checks the keys; the error says what is wrong.
    fn check(self) -> Result<Keys, String> {
        for (index, set) in self.keys.iter().enumerate() {
            let id = set.id;
            if self.keys[..index].iter().any(|other| other.id == id) {
                return Err(format!("the key id {id} occurs twice; remove one of the two sets"));
            }
            // Rotation keeps the digest key, so two sets may have the same one.
            if set.sealing == set.token || set.sealing == set.digest || set.token == set.digest {
                return Err(format!("set {id} has one key for two purposes; use different keys"));
            }
            if let Some(bus) = &self.bus
                && [&set.sealing, &set.token, &set.digest].contains(&bus)
            {
                return Err(format!("a key of set {id} is the bus key too; use different keys"));
            }
        }
        let (mut current, older): (Vec<_>, Vec<_>) =
            self.keys.into_iter().partition(|set| set.id == self.current);
        let current = current.pop().ok_or(format!("no set has the current id {}", self.current))?;
        Ok(Keys { current, older, bus: self.bus })
    }
}

#[cfg(test)]
mod tests;
