//! The settings of a cipher.

use contract::{Fault, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Code;

/// How a text is encrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cipher {
    /// The key: 16 bytes.
    pub key: Secret,
    /// How the key, and `iv`, are written.
    #[serde(default)]
    pub key_form: KeyForm,
    /// How the blocks are chained.
    #[serde(default)]
    pub mode: Mode,
    /// What the first block is chained with: 16 bytes. For `cbc`.
    pub iv: Option<String>,
    /// How the encrypted bytes are written.
    #[serde(default)]
    pub code: Code,
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

/// How blocks are chained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not at all.
    #[default]
    Ecb,
    /// Each with the one before.
    Cbc,
}

/// A key that can be used.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) key: [u8; 16],
    pub(super) iv: Option<[u8; 16]>,
    pub(super) code: Code,
}

impl Cipher {
    pub(super) fn key(&self) -> Result<Key, Fault> {
        let sixteen = |text: &str| {
            let bytes = match self.key_form {
                KeyForm::Text => text.as_bytes().to_vec(),
                KeyForm::Hex => Code::Hex.decode(text).unwrap_or_default(),
                KeyForm::Base64 => Code::Base64.decode(text).unwrap_or_default(),
            };
            <[u8; 16]>::try_from(bytes).ok()
        };
        let key = sixteen(self.key.expose()).ok_or_else(|| {
            Fault::stopped("the key of a cipher is not 16 bytes long").remedy("check `key_form`")
        })?;
        let iv = self
            .iv
            .as_deref()
            .map(|iv| sixteen(iv).ok_or_else(|| Fault::stopped("`iv` is not 16 bytes long")));
        let iv = iv.transpose()?;
        match (self.mode, iv) {
            (Mode::Ecb, Some(_)) => Err(Fault::stopped("`ecb` has no `iv`")),
            (Mode::Cbc, None) => Err(Fault::stopped("`cbc` needs an `iv`")),
            _ => Ok(Key { key, iv, code: self.code }),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}
