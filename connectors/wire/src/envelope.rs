//! Texts that contain bytes: encoded, encrypted, or both, in several layers.
//!
//! Platforms wrap a field, a row or a whole answer in this way. The content is bytes again, which are
//! decoded and read like a body.

mod code;
mod settings;

use aes::Aes128;
use contract::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use sm4::Sm4;

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
    /// Base64, with or without padding and line breaks. Write it twice where the source encodes
    /// twice.
    Base64,
    /// Hexadecimal digits.
    Hex,
    /// AES-128 with PKCS #5 padding.
    Aes(Cipher),
    /// SM4 (GB/T 32907) with PKCS #7 padding.
    Sm4(Cipher),
}

impl Layer {
    /// Checks its key.
    ///
    /// # Errors
    /// The key is not valid: `Stopped`.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Base64 | Self::Hex => Ok(()),
            Self::Aes(settings) | Self::Sm4(settings) => settings.key().map(drop),
        }
    }

    fn open(&self, text: &str) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Base64 => Code::Base64.decode(text),
            Self::Hex => Code::Hex.decode(text),
            Self::Aes(settings) => settings.decrypt(cipher::decrypt::<Aes128>, text),
            Self::Sm4(settings) => settings.decrypt(cipher::decrypt::<Sm4>, text),
        }
    }
}

/// The content of a text within these layers, the outermost first.
///
/// # Errors
/// Why the text cannot be opened. Never quotes it.
pub fn open(layers: &[Layer], text: &str) -> Result<Vec<u8>, &'static str> {
    let mut content = text.as_bytes().to_vec();
    for layer in layers {
        let text = str::from_utf8(&content).map_err(|_| "a layer within is not text")?;
        content = layer.open(text)?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
