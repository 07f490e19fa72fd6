//! The settings of a cipher.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Encoding;
use crate::cipher::Decrypt;

/// How a text is encrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cipher {
    /// The key: 16 bytes.
    pub key: Secret,
    /// How `key` and `iv` are written in the settings.
    #[serde(default)]
    pub key_form: KeyForm,
    /// The mode of operation.
    #[serde(default)]
    pub mode: Mode,
    /// The initialization vector of `cbc`: 16 bytes.
    pub iv: Option<String>,
    /// How the encrypted bytes are written in the text.
    #[serde(default)]
    pub code: Encoding,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// As 16 characters.
    #[default]
    Text,
    /// As 32 hexadecimal digits.
    Hex,
    /// In Base64.
    Base64,
}

/// The mode of a block cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each block is encrypted independently.
    #[default]
    Ecb,
    /// Each block is combined with the encrypted block before it.
    Cbc,
}

impl Cipher {
    /// The key, and the initialization vector if the mode uses one.
    pub(super) fn key(&self) -> Result<([u8; 16], Option<[u8; 16]>), Fault> {
        let to_16_bytes = |text: &str| {
            let bytes = match self.key_form {
                KeyForm::Text => text.as_bytes().to_vec(),
                KeyForm::Hex => Encoding::Hex.decode(text).unwrap_or_default(),
                KeyForm::Base64 => Encoding::Base64.decode(text).unwrap_or_default(),
            };
            <[u8; 16]>::try_from(bytes).ok()
        };
        let key = to_16_bytes(self.key.expose()).ok_or_else(|| {
            Fault::stopped("the `key` of a cipher is not 16 bytes long").remedy("check `key_form`")
        })?;
        let iv = self
            .iv
            .as_deref()
            .map(|iv| to_16_bytes(iv).ok_or_else(|| Fault::stopped("`iv` is not 16 bytes long")));
        match (self.mode, iv.transpose()?) {
            (Mode::Ecb, Some(_)) => Err(Fault::stopped("the mode `ecb` uses no `iv`: remove it")),
            (Mode::Cbc, None) => Err(Fault::stopped("the mode `cbc` needs an `iv`: set it")),
            (_, iv) => Ok((key, iv)),
        }
    }

    /// Decrypts a text with the function of a cipher. The error says why this fails.
    pub(super) fn decrypt(&self, decrypt: Decrypt, text: &str) -> Result<Vec<u8>, &'static str> {
        let (key, iv) = self.key().map_err(|_| "the key of the cipher is not valid")?;
        decrypt(&key, iv, &self.code.decode(text)?)
    }
}
