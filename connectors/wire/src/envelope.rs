//! Texts that are bytes in disguise: encoded, encrypted, or both, one around the other.
//!
//! Platforms wrap a field, a row or a whole answer. What comes out is bytes again, which are
//! decoded and read like a body; JSON or XML within a text is read by `body`.

mod cipher;
mod code;

use contract::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

use self::cipher::Key;
pub use self::{
    cipher::{Cipher, KeyForm, Mode},
    code::Code,
};
use crate::{auth::one_table, cipher::Undecipherable};

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
    /// Not written in this code.
    Code(Code),
    /// A cipher gives whole blocks of 16 bytes, and these are not.
    Length,
    /// What comes out does not end as it must: encrypted with another key or cipher.
    Padding,
    /// What comes out of one layer is no text, so it cannot be the next one.
    NoText,
}

impl Envelope {
    /// Checks keys.
    ///
    /// # Errors
    /// A key that is none, as `Stopped`.
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

    /// What is within.
    ///
    /// # Errors
    /// The text is not what the layers say.
    pub fn open(&self, text: &str) -> Result<Vec<u8>, Unopened> {
        let mut content = text.as_bytes().to_vec();
        for layer in &self.0 {
            let text = str::from_utf8(&content).map_err(|_| Unopened::NoText)?;
            content = match layer {
                Prepared::Code(code) => code.read(text)?,
                Prepared::Aes(key) => {
                    crate::cipher::aes_open(&key.key, key.mode, &key.code.read(text)?)?
                }
                Prepared::Sm4(key) => {
                    crate::cipher::sm4_open(&key.key, key.mode, &key.code.read(text)?)?
                }
            };
        }
        Ok(content)
    }
}

impl From<Undecipherable> for Unopened {
    fn from(why: Undecipherable) -> Self {
        match why {
            Undecipherable::Length => Self::Length,
            Undecipherable::Padding => Self::Padding,
        }
    }
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Code(Code::Base64) => "no Base64",
            Self::Code(Code::Hex) => "no hexadecimal digits",
            Self::Length => "no whole blocks of a cipher",
            Self::Padding => "not encrypted with this key",
            Self::NoText => "a layer within is no text",
        })
    }
}

impl std::error::Error for Unopened {}

#[cfg(test)]
mod tests;
