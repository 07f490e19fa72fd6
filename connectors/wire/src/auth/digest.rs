//! Digests and message authentication codes (HMAC).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _, digest::Key};
use md5::{Digest as _, Md5};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use sm3::Sm3;

use super::percent_encoded;

/// A digest, or a message authentication code (HMAC), which needs a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// MD5 (RFC 1321). Not secure any more, but many platforms require it.
    Md5,
    /// SHA-1 (FIPS 180-4).
    Sha1,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SM3 (GB/T 32905).
    Sm3,
    /// HMAC (RFC 2104) with MD5.
    HmacMd5,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// HMAC with SM3.
    HmacSm3,
}

/// How a digest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DigestFormat {
    /// Hexadecimal, in lower case.
    #[default]
    Hex,
    /// Hexadecimal, in upper case.
    HexUpper,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
    /// Base64 with `-` and `_`, with padding (RFC 4648 §5).
    Base64Url,
    /// Base64 with `-` and `_`, without padding.
    Base64UrlUnpadded,
    /// Base64 with padding, percent-encoded. A query parameter is encoded anyway when it is sent: this is for a
    /// source that decodes twice, or for a value in a header or a body.
    Base64Percent,
    /// Base64 of the hexadecimal text in lower case.
    HexBase64,
}

impl Algorithm {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Md5,
        Self::HmacMd5,
        Self::HmacSha256,
        Self::Sha256,
        Self::HmacSha1,
        Self::Sha1,
        Self::Sm3,
        Self::HmacSm3,
        Self::HmacSha512,
        Self::Sha512,
    ];

    /// Whether it needs a key.
    pub fn is_keyed(self) -> bool {
        matches!(
            self,
            Self::HmacMd5 | Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512 | Self::HmacSm3
        )
    }

    /// The digest of `bytes`; a plain digest ignores the key.
    pub(super) fn digest(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(bytes).to_vec(),
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
            Self::Sm3 => Sm3::digest(bytes).to_vec(),
            Self::HmacMd5 => hmac::<Md5>(key, bytes),
            Self::HmacSha1 => hmac::<Sha1>(key, bytes),
            Self::HmacSha256 => hmac::<Sha256>(key, bytes),
            Self::HmacSha512 => hmac::<Sha512>(key, bytes),
            Self::HmacSm3 => hmac::<Sm3>(key, bytes),
        }
    }

    /// The same in this form.
    pub(super) fn written(self, coding: DigestFormat, key: &[u8], bytes: &[u8]) -> String {
        coding.encode(&self.digest(key, bytes))
    }
}

impl DigestFormat {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Hex,
        Self::HexUpper,
        Self::Base64,
        Self::Base64Url,
        Self::Base64UrlUnpadded,
        Self::Base64Percent,
        Self::HexBase64,
    ];

    /// The bytes as text.
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base64Url => URL_SAFE.encode(bytes),
            Self::Base64UrlUnpadded => URL_SAFE_NO_PAD.encode(bytes),
            Self::Base64Percent => percent_encoded(&STANDARD.encode(bytes)).to_string(),
            Self::HexBase64 => STANDARD.encode(hex::encode(bytes)),
        }
    }

    /// The bytes of a text that [`Self::encode`] has written.
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        let bytes = match self {
            Self::Hex | Self::HexUpper => hex::decode(text).ok(),
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
            Self::Base64UrlUnpadded => URL_SAFE_NO_PAD.decode(text).ok(),
            Self::Base64Percent => {
                let decoded = percent_encoding::percent_decode_str(text).decode_utf8().ok()?;
                STANDARD.decode(decoded.as_ref()).ok()
            }
            Self::HexBase64 => hex::decode(STANDARD.decode(text).ok()?).ok(),
        };
        bytes.filter(|bytes| self.encode(bytes) == text)
    }
}

/// MD5 in hexadecimal, as the older platforms use it.
pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// An HMAC (RFC 2104). A long key is replaced by its digest and a short one padded with zeros here, so
/// that the library call cannot fail.
fn hmac<D: EagerHash + md5::Digest>(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut block = Key::<Hmac<D>>::default();
    let key_digest = (key.len() > block.len()).then(|| D::digest(key));
    let key = key_digest.as_ref().map_or(key, |digest| digest.as_slice());
    block[..key.len()].copy_from_slice(key);
    Hmac::<D>::new(&block).chain_update(bytes).finalize().into_bytes().to_vec()
}
