//! Seals values (authenticated encryption with derived nonces), opens sealed values, and computes keyed
//! digests and tokens. Code that opens a value for a person must write an audit entry.

use std::fmt;

use aes_gcm::aead::Payload;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{ChannelId, Demand, DemandId, Digest, Sealed, SealedBytes};

use super::{
    Personal,
    keys::{KeySet, Keys},
    raw::decompress,
    suite::{Cipher, Mac},
};

const ID_LEN: usize = 4;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// Seals with the current key set, and opens with all sets. Making a sealer is expensive, because the key
/// schedules are computed, so share one.
pub struct Sealer {
    current: PreparedKeys,
    older: Vec<PreparedKeys>,
}

/// Why sealed bytes cannot be opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// The bytes are too short to be sealed bytes.
    #[error("these are not sealed bytes")]
    Malformed,
    /// The bytes were sealed with the key set of this id, which the sealer does not have.
    #[error("sealed with key {0}, which is not in the key file; add that key set to it")]
    UnknownKey(u32),
    /// The bytes were changed, or sealed for another channel, demand or field.
    #[error("the sealed value was changed, or belongs to another channel, demand or field")]
    Refused,
    /// The bytes were opened, but the content does not have the format of this field.
    #[error("the opened value does not have the expected format")]
    Unexpected,
    /// What masks replaced was opened, but the stored text with this path is not the one that was masked.
    #[error(
        "the stored text `{0}` was changed since it was masked, so its original cannot be rebuilt"
    )]
    TextChanged(String),
}

impl Sealer {
    /// Prepares the keys.
    pub fn new(keys: &Keys) -> Self {
        Self {
            current: PreparedKeys::new(&keys.current),
            older: keys.older.iter().map(PreparedKeys::new).collect(),
        }
    }

    /// Seals `value` for one field of one demand. The result is the key id (big-endian), nonce, ciphertext
    /// and tag.
    pub fn seal(&self, place: Place<'_>, field: &str, value: &[u8]) -> SealedBytes {
        let PreparedKeys { id: key_id, cipher, nonce, .. } = &self.current;
        // The id has a fixed length, and the field's length comes before the field. So different inputs never
        // give the same bytes.
        let length = (field.len() as u64).to_be_bytes();
        let hash = nonce.hash(&[place.id.as_bytes(), &length, field.as_bytes(), value]);
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash[..NONCE_LEN]);
        let mut sealed = Vec::with_capacity(ID_LEN + NONCE_LEN + value.len() + TAG_LEN);
        sealed.extend_from_slice(&key_id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let aad = associated_data(place, field, *key_id);
        match cipher.encrypt(nonce, &aad, &mut sealed[ID_LEN + NONCE_LEN..]) {
            Ok(tag) => sealed.extend(tag),
            // This fails only above 64 GiB; then the result cannot be opened and reveals nothing.
            Err(_) => sealed.truncate(ID_LEN + NONCE_LEN),
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
        let (key_id, rest) = sealed.0.split_first_chunk::<ID_LEN>().ok_or(OpenError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk().ok_or(OpenError::Malformed)?;
        let key_id = u32::from_be_bytes(*key_id);
        let key = self.keys().find(|key| key.id == key_id).ok_or(OpenError::UnknownKey(key_id))?;
        let aad = associated_data(place, field, key_id);
        key.cipher
            .decrypt(*nonce, Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| OpenError::Refused)
    }

    /// Seals a personal value: returns its mask, token and ciphertext.
    pub fn seal_personal(&self, place: Place<'_>, field: &str, value: &Personal) -> Sealed {
        Sealed {
            mask: value.mask.clone(),
            token: value.identity().map(|identity| self.current.token(value.kind(), identity)),
            sealed: self.seal(place, field, value.plain().as_bytes()),
        }
    }

    /// The tokens that rows with this value may have: one for each key set, the current set first. Empty for a
    /// value that identifies nobody, because it is masked, malformed or a placeholder.
    pub fn tokens(&self, value: &Personal) -> Vec<String> {
        let identity = value.identity();
        identity
            .map(|identity| self.keys().map(|key| key.token(value.kind(), identity)).collect())
            .unwrap_or_default()
    }

    /// Whether these bytes were sealed with a key set that is not the current one.
    pub fn is_old(&self, sealed: &SealedBytes) -> bool {
        sealed.0.first_chunk().is_some_and(|id| u32::from_be_bytes(*id) != self.current.id)
    }

    /// The keyed hash of a content, made with the digest key.
    pub fn digest(&self, content: &[u8]) -> Digest {
        Digest::of_hash(&self.current.digest.hash(&[content]))
    }

    fn keys(&self) -> impl Iterator<Item = &PreparedKeys> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(key {}, {} older)", self.current.id, self.older.len())
    }
}

/// A key set with computed key schedules.
struct PreparedKeys {
    id: u32,
    cipher: Cipher,
    nonce: Mac,
    token: Mac,
    digest: Mac,
}

impl PreparedKeys {
    fn new(keys: &KeySet) -> Self {
        Self {
            id: keys.id,
            cipher: Cipher::new(keys.suite, &keys.sealing.0),
            nonce: Mac::new(keys.suite, &keys.derive(&keys.sealing, b"tonghui nonce")),
            token: keys.mac(&keys.token),
            digest: keys.mac(&keys.digest),
        }
    }

    /// A token of 128 bits in base64url. The hash covers the kind, so a telephone number and an identity number
    /// never have the same token.
    fn token(&self, kind: &str, identity: &str) -> String {
        let hash = self.token.hash(&[kind.as_bytes(), &[0], identity.as_bytes()]);
        URL_SAFE_NO_PAD.encode(&hash[..16])
    }
}

/// The associated data of a value. Each part has a fixed length, or comes after its length.
fn associated_data(Place { channel, id }: Place<'_>, field: &str, key_id: u32) -> Vec<u8> {
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

/// The field name for sealing raw records.
pub const RAW: &str = "raw";
/// The field name for sealing what masks replaced in texts.
pub const UNMASKED: &str = "unmasked";

/// The demand to which a sealed value belongs.
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

/// Opens the record of a demand, or of a reject in quarantine, as the source sent it.
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
