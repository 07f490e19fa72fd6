//! Texts that contain bytes: encoded, encrypted, or both, one around the other.
//!
//! Platforms wrap a field, a row or a whole answer. The result is bytes again, which are decoded and
//! read like a body.

mod code;
mod settings;

use aes::Aes128;
use contract::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use sm4::Sm4;

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
    Block(cipher::Open, Key),
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
                Layer::Aes(own) => Prepared::Block(cipher::open::<Aes128>, own.key()?),
                Layer::Sm4(own) => Prepared::Block(cipher::open::<Sm4>, own.key()?),
            })
        });
        Ok(Self(prepared.collect::<Result<_, Fault>>()?))
    }

    /// The content.
    ///
    /// # Errors
    /// Why the text cannot be opened by these layers. Never quotes it.
    pub fn open(&self, text: &str) -> Result<Vec<u8>, &'static str> {
        let mut content = text.as_bytes().to_vec();
        for layer in &self.0 {
            let text = str::from_utf8(&content).map_err(|_| "a layer within is not text")?;
            content = match layer {
                Prepared::Code(code) => code.decode(text)?,
                Prepared::Block(open, key) => open(&key.key, key.iv, &key.code.decode(text)?)?,
            };
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests;
