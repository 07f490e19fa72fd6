//! Opens texts that contain encoded or encrypted bytes, in one layer or several.
//!
//! Some platforms wrap a field, a row or a whole answer in this way. The caller decodes and parses the
//! bytes in the innermost layer like the body of an answer.

mod encoding;
mod settings;

use aes::Aes128;
use contract::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use sm4::Sm4;

pub use self::{
    encoding::Encoding,
    settings::{Cipher, KeyForm, Mode},
};
use crate::{auth::merge_tables, cipher};

/// One layer around a text.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = merge_tables)]
pub enum Layer {
    /// Base64, with or without padding and line breaks. Write it twice if the source encodes
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
    /// Checks the key and the initialization vector of a cipher.
    ///
    /// # Errors
    /// `Stopped` if one of them is not valid.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Base64 | Self::Hex => Ok(()),
            Self::Aes(settings) | Self::Sm4(settings) => settings.key().map(drop),
        }
    }

    fn open(&self, text: &str) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Base64 => Encoding::Base64.decode(text),
            Self::Hex => Encoding::Hex.decode(text),
            Self::Aes(settings) => settings.decrypt(cipher::decrypt::<Aes128>, text),
            Self::Sm4(settings) => settings.decrypt(cipher::decrypt::<Sm4>, text),
        }
    }
}

/// Removes the layers around a text, the outermost first.
///
/// # Errors
/// Says why the text cannot be opened. Never repeats the text: it may contain personal values.
pub fn open(layers: &[Layer], text: &str) -> Result<Vec<u8>, &'static str> {
    let mut content = text.as_bytes().to_vec();
    for layer in layers {
        let text = str::from_utf8(&content).map_err(|_| "one of its inner layers is not text")?;
        content = layer.open(text)?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
