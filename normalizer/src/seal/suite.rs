//! The two suites of algorithms: international ones (AES, SHA-256), and those of China's commercial
//! cryptography (SM4, GB/T 32907; SM3, GB/T 32905), which some systems must use.

use aes_gcm::{
    Aes256Gcm, AesGcm,
    aead::{Aead, AeadInOut, Error, KeyInit, Payload, consts::U12},
};
use hmac::{Hmac, digest::Output};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use sm3::Sm3;
use sm4::Sm4;

/// The algorithms of one key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// AES-256-GCM and HMAC-SHA-256.
    #[default]
    Aes,
    /// SM4-GCM and HMAC-SM3.
    Sm,
}

/// Computes keyed hashes (HMAC) of 32 bytes; holds the key.
#[derive(Clone)]
pub(super) enum Mac {
    Sha256(Hmac<Sha256>),
    Sm3(Hmac<Sm3>),
}

impl Mac {
    /// Pads the key with zeros to a whole block, as RFC 2104 does, because then `Hmac::new` cannot fail.
    pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        match suite {
            Suite::Aes => Self::Sha256(Hmac::new(&block.into())),
            Suite::Sm => Self::Sm3(Hmac::new(&block.into())),
        }
    }

    /// The hash of the concatenated parts.
    pub(super) fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::Sha256(mac) => finish(mac.clone(), parts).into(),
            Self::Sm3(mac) => finish(mac.clone(), parts).into(),
        }
    }
}

fn finish<M: hmac::Mac>(mut mac: M, parts: &[&[u8]]) -> Output<M> {
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes()
}

/// An authenticated cipher with its key schedule. The variants are boxed, because their sizes differ much.
pub(super) enum Cipher {
    Aes(Box<Aes256Gcm>),
    Sm4(Box<AesGcm<Sm4, U12>>),
}

impl Cipher {
    /// An SM4 key has 128 bits: it is derived from all 256 bits of `key`.
    pub(super) fn new(suite: Suite, key: &[u8; 32]) -> Self {
        match suite {
            Suite::Aes => Self::Aes(Box::new(Aes256Gcm::new(key.into()))),
            Suite::Sm => {
                let derived = Mac::new(suite, key).hash(&[b"tonghui sm4"]);
                let mut short = [0; 16];
                short.copy_from_slice(&derived[..16]);
                Self::Sm4(Box::new(AesGcm::new(&short.into())))
            }
        }
    }

    /// Encrypts in place and returns the tag.
    pub(super) fn encrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; 16], Error> {
        let nonce = nonce.into();
        let tag = match self {
            Self::Aes(cipher) => cipher.encrypt_inout_detached(&nonce, aad, bytes.into()),
            Self::Sm4(cipher) => cipher.encrypt_inout_detached(&nonce, aad, bytes.into()),
        };
        Ok(tag?.into())
    }

    pub(super) fn decrypt(&self, nonce: [u8; 12], data: Payload<'_, '_>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Aes(cipher) => cipher.decrypt(&nonce.into(), data),
            Self::Sm4(cipher) => cipher.decrypt(&nonce.into(), data),
        }
    }
}

#[cfg(test)]
mod tests;
