//! Authenticated encryption with derived nonces, keyed digests and tokens; and opening what was
//! sealed, for audits, replays and tests. Whoever opens a value records why.

use std::{collections::BTreeMap, fmt};

use aes_gcm::aead::Payload;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{ChannelId, Demand, DemandId, Digest, Sealed, SealedBytes};

use super::{
    Personal,
    keys::{KeySet, Keys},
    raw::decompress,
    suite::{Cipher, Mac},
};

const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Seals with the current keys and opens with all known keys. Expensive to make, because the key
/// schedules are computed once; cheap to share.
pub struct Sealer {
    current: Prepared,
    older: Vec<Prepared>,
}

/// Why sealed bytes cannot be opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// Too short to be sealed bytes.
    #[error("these are not sealed bytes")]
    Malformed,
    /// Sealed with an unknown key.
    #[error("sealed with key {0}, which is not in the key file; add that set to it")]
    UnknownKey(u32),
    /// Changed, or sealed for another channel, demand or field.
    #[error("the sealed value was changed or belongs to another place")]
    Refused,
    /// Opened, but its content is not what this field holds.
    #[error("the opened value is not of the expected form")]
    Unexpected,
}

impl Sealer {
    /// Prepares the keys.
    pub fn new(keys: &Keys) -> Self {
        Self {
            current: Prepared::new(&keys.current),
            older: keys.older.iter().map(Prepared::new).collect(),
        }
    }

    /// Seals `value` for one field of one demand: key id (big-endian), nonce, ciphertext and tag.
    pub fn seal(&self, place: Place<'_>, field: &str, value: &[u8]) -> SealedBytes {
        let Prepared { id: key_id, cipher, nonce, .. } = &self.current;
        // Fixed width, length and field, rest: different inputs never give the same bytes.
        let length = (field.len() as u64).to_be_bytes();
        let hash = nonce.of(&[place.id.as_bytes(), &length, field.as_bytes(), value]);
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&hash[..NONCE]);
        let mut sealed = Vec::with_capacity(ID + NONCE + value.len() + TAG);
        sealed.extend_from_slice(&key_id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let aad = associated(place, field, *key_id);
        match cipher.encrypt(nonce, &aad, &mut sealed[ID + NONCE..]) {
            Ok(tag) => sealed.extend(tag),
            // Only above 64 GiB. What is kept then cannot be opened, and reveals nothing.
            Err(_) => sealed.truncate(ID + NONCE),
        }
        SealedBytes(sealed)
    }

    /// Opens what [`Sealer::seal`] made for the same place.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        &self,
        place: Place<'_>,
        field: &str,
        sealed: &SealedBytes,
    ) -> Result<Vec<u8>, OpenError> {
        let (key_id, rest) = sealed.0.split_first_chunk::<ID>().ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Malformed)?;
        let key_id = u32::from_be_bytes(*key_id);
        let key = self.keys().find(|key| key.id == key_id).ok_or(OpenError::UnknownKey(key_id))?;
        let aad = associated(place, field, key_id);
        key.cipher
            .decrypt(*nonce, Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| OpenError::Refused)
    }

    /// The mask, token and ciphertext of a personal value.
    pub fn seal_personal(&self, place: Place<'_>, field: &str, value: &Personal) -> Sealed {
        Sealed {
            mask: value.mask.clone(),
            token: value.identity().map(|identity| self.current.token(value.kind(), identity)),
            sealed: self.seal(place, field, value.plain().as_bytes()),
        }
    }

    /// The tokens of rows about the same person or place: one for each key set, the current one
    /// first. Empty for a value that identifies nobody (masked, malformed, a placeholder).
    pub fn tokens(&self, value: &Personal) -> Vec<String> {
        let identity = value.identity();
        identity
            .map(|identity| self.keys().map(|key| key.token(value.kind(), identity)).collect())
            .unwrap_or_default()
    }

    /// Whether these bytes were sealed with another key set than the current one.
    pub fn is_old(&self, sealed: &SealedBytes) -> bool {
        sealed.0.first_chunk::<ID>().is_some_and(|id| u32::from_be_bytes(*id) != self.current.id)
    }

    /// The keyed hash of a content.
    pub fn digest(&self, content: &[u8]) -> Digest {
        Digest::of_hash(&self.current.digest.of(&[content]))
    }

    fn keys(&self) -> impl Iterator<Item = &Prepared> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key {}, {} older)", self.current.id, self.older.len())
    }
}

struct Prepared {
    id: u32,
    cipher: Cipher,
    nonce: Mac,
    token: Mac,
    digest: Mac,
}

impl Prepared {
    fn new(keys: &KeySet) -> Self {
        Self {
            id: keys.id,
            cipher: Cipher::new(keys.suite, &keys.sealing.0),
            nonce: Mac::new(keys.suite, &keys.derive(&keys.sealing, b"tonghui nonce")),
            token: keys.mac(&keys.token),
            digest: keys.mac(&keys.digest),
        }
    }

    /// 128 bits, base64url. The kind is hashed too, so a phone never equals an id number.
    fn token(&self, kind: &str, identity: &str) -> String {
        let hash = self.token.of(&[kind.as_bytes(), &[0], identity.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&hash[..16])
    }
}

/// The associated data of a place; each part has its length in front or a fixed width.
fn associated(Place { channel, id }: Place<'_>, field: &str, key_id: u32) -> Vec<u8> {
    let channel = channel.as_str().as_bytes();
    let mut place = Vec::with_capacity(channel.len() + field.len() + 36);
    place.extend_from_slice(&(channel.len() as u64).to_be_bytes());
    place.extend_from_slice(channel);
    place.extend_from_slice(id.as_bytes());
    place.extend_from_slice(&(field.len() as u64).to_be_bytes());
    place.extend_from_slice(field.as_bytes());
    place.extend_from_slice(&key_id.to_be_bytes());
    place
}

/// The field under which a record's raw bytes are sealed.
pub const RAW: &str = "raw";
/// The field under which texts are sealed that had something masked.
pub const UNMASKED: &str = "unmasked";

/// The demand a sealed value belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its channel.
    pub channel: &'a ChannelId,
    /// Its id.
    pub id: &'a DemandId,
}

impl<'a> From<&'a Demand> for Place<'a> {
    fn from(demand: &'a Demand) -> Self {
        Self { channel: &demand.channel, id: &demand.id }
    }
}

/// Opens one personal value. `field` is its path: `address`, `people.0.name`, `people.1.phone`.
///
/// # Errors
/// See [`OpenError`].
pub fn open_sealed(
    sealer: &Sealer,
    place: Place<'_>,
    field: &str,
    value: &Sealed,
) -> Result<String, OpenError> {
    let bytes = sealer.open(place, field, &value.sealed)?;
    String::from_utf8(bytes).map_err(|_| OpenError::Unexpected)
}

/// The original of every text in which something was masked, by its path: `title`, `content`,
/// `reply`, `trail.0.note`.
///
/// # Errors
/// See [`OpenError`].
pub fn open_unmasked(
    sealer: &Sealer,
    place: Place<'_>,
    unmasked: &SealedBytes,
) -> Result<BTreeMap<String, String>, OpenError> {
    let bytes = sealer.open(place, UNMASKED, unmasked)?;
    serde_json::from_slice(&bytes).map_err(|_| OpenError::Unexpected)
}

/// The record as the source sent it, of a demand or of a reject in quarantine.
///
/// # Errors
/// See [`OpenError`].
pub fn open_raw(
    sealer: &Sealer,
    place: Place<'_>,
    raw: &SealedBytes,
) -> Result<Vec<u8>, OpenError> {
    let packed = sealer.open(place, RAW, raw)?;
    decompress(&packed).ok_or(OpenError::Unexpected)
}
