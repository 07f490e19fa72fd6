//! Decodes bytes that are written as text, in hexadecimal digits or Base64.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Accepts missing padding: it is often lost when a value is sent as a parameter.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// How bytes are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Hexadecimal digits.
    #[default]
    Hex,
    /// Base64 (RFC 4648 §4), with or without padding and line breaks.
    Base64,
}

impl Encoding {
    pub(super) fn decode(self, text: &str) -> Result<Vec<u8>, &'static str> {
        let text: String = text.split_ascii_whitespace().collect();
        match self {
            Self::Hex => hex::decode(text).map_err(|_| "it is not in hexadecimal digits"),
            Self::Base64 => BASE64.decode(text).map_err(|_| "it is not Base64"),
        }
    }
}
