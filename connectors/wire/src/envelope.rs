//! Texts that contain bytes: encoded, encrypted, or both, one around the other.
//!
//! Platforms wrap a field, a row or a whole answer. The result is bytes again, which are decoded and
//! read like a body.

mod code;
mod settings;

use contract::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use self::settings::Key;
pub use self::{
    code::Code,
    settings::{Cipher, KeyForm, Mode},
};
use crate::{auth::one_table, cipher};

/// One layer around a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = one_table)]
pub enum Layer {
    /// Base64, with or without padding and line breaks. Written twice where it was applied twice.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// AES-128 with PKCS #5 padding.
    Aes(Cipher),
    /// SM4 (GB/T 32907) with PKCS #7 padding.
    Sm4(Cipher),
}

/// Layers with their keys, outermost first.
#[derive(Debug, Clone)]
pub struct Envelope(Vec<Prepared>);

#[derive(Debug, Clone)]
enum Prepared {
    Code(Code),
    Aes(Key),
    Sm4(Key),
}

/// Why a text was not opened. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It is not written in this code.
    Code(Code),
    /// Its length is not a multiple of the block size of 16 bytes.
    Length,
    /// The padding is wrong: it was encrypted with another key or cipher.
    Padding,
    /// The content of one layer is not text, so the next one cannot be opened.
    NoText,
}

impl Envelope {
    /// Checks keys.
    ///
    /// # Errors
    /// A key that is not valid, as `Stopped`.
    pub fn build(layers: &[Layer]) -> Result<Self, Fault> {
        let prepared = layers.iter().map(|layer| {
            Ok(match layer {
                Layer::Base64 => Prepared::Code(Code::Base64),
                Layer::Hex => Prepared::Code(Code::Hex),
                Layer::Aes(own) => Prepared::Aes(own.key()?),
                Layer::Sm4(own) => Prepared::Sm4(own.key()?),
            })
        });
        Ok(Self(prepared.collect::<Result<_, Fault>>()?))
    }

    /// The content.
    ///
    /// # Errors
    /// The text cannot be opened by these layers.
    pub fn open(&self, text: &str) -> Result<Vec<u8>, Unopened> {
        let mut content = text.as_bytes().to_vec();
        for layer in &self.0 {
            let text = str::from_utf8(&content).map_err(|_| Unopened::NoText)?;
            content = match layer {
                Prepared::Code(code) => code.read(text)?,
                Prepared::Aes(key) => cipher::aes_open(&key.key, key.mode, &key.code.read(text)?)?,
                Prepared::Sm4(key) => cipher::sm4_open(&key.key, key.mode, &key.code.read(text)?)?,
            };
        }
        Ok(content)
    }
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code(Code::Base64) => "not Base64",
            Self::Code(Code::Hex) => "not hexadecimal digits",
            Self::Length => "not a whole number of cipher blocks",
            Self::Padding => "not encrypted with this key",
            Self::NoText => "a layer within is not text",
        })
    }
}

impl std::error::Error for Unopened {}

#[cfg(test)]
mod tests;
