//! The charsets that sources use, with all their labels.
//!
//! Text that is labelled GB2312 is nearly always GBK, and GBK is a subset of GB18030. So, as in
//! browsers, every label of a Chinese national charset means GB18030: with a real GB2312 decoder,
//! rare names would be lost.

use std::borrow::Cow;

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How text is encoded as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// GB 18030-2022, which includes GBK, cp936 and GB 2312.
    Gb18030,
    /// Big5 with the Hong Kong characters.
    Big5,
    /// UTF-16, little endian: "Unicode text" in spreadsheets.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// Windows-1252, which is also what people mean by Latin-1.
    Windows1252,
}

use Charset::{Big5, Gb18030, Utf8, Utf16Be, Utf16Le, Windows1252};

/// By [`Charset`]: its name, its decoder, and the labels that mean it, in lower case.
static CHARSETS: [(Charset, &str, &Encoding, &str); 6] = [
    (Utf8, "UTF-8", UTF_8, "utf-8 utf8 utf8mb4"),
    (Gb18030, "GB18030", GB18030, GB_LABELS),
    (Big5, "Big5", BIG5, "big5 big5-hkscs cp950 ms950"),
    (Utf16Le, "UTF-16LE", UTF_16LE, "utf-16 utf-16le utf16 unicode"),
    (Utf16Be, "UTF-16BE", UTF_16BE, "utf-16be"),
    (Windows1252, "windows-1252", WINDOWS_1252, "windows-1252 cp1252 latin1 latin-1 iso-8859-1"),
];
const GB_LABELS: &str = "gb18030 gb18030-2022 gbk x-gbk gb2312 gb_2312 gb_2312-80 euc-cn cp936 \
                         ms936 windows-936 zhs16gbk";

impl Charset {
    /// Every label, in lower case.
    fn labels() -> Vec<&'static str> {
        CHARSETS.iter().flat_map(|(_, _, _, labels)| labels.split(' ')).collect()
    }

    /// The charset of a label, in any case and with or without spaces around it; `None` if it is unknown.
    pub fn from_label(label: &str) -> Option<Self> {
        let label = label.trim();
        let is_meant = |known: &str| known.eq_ignore_ascii_case(label);
        let row = CHARSETS.iter().find(|(_, _, _, labels)| labels.split(' ').any(is_meant))?;
        Some(row.0)
    }

    /// The name for people and for records.
    pub fn name(self) -> &'static str {
        CHARSETS[self as usize].1
    }

    /// Whether ASCII characters are encoded as their ASCII bytes.
    pub(crate) const fn has_ascii(self) -> bool {
        !matches!(self, Utf16Le | Utf16Be)
    }

    /// The decoder and encoder of the charset.
    pub(crate) fn encoding(self) -> &'static Encoding {
        CHARSETS[self as usize].2
    }
}

impl Serialize for Charset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Charset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let label = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::from_label(&label).ok_or_else(|| {
            let known = Self::labels().join(", ");
            serde::de::Error::custom(format!("`{label}` is not a charset: write one of {known}"))
        })
    }
}

impl JsonSchema for Charset {
    fn schema_name() -> Cow<'static, str> {
        "Charset".into()
    }

    /// A format and not an `enum`: an `enum` would refuse labels in another case.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "charset",
            "description": "a charset: UTF-8, GB18030 (also for GBK and GB2312), Big5, UTF-16LE, UTF-16BE, windows-1252",
            "examples": Self::labels(),
        })
    }
}

#[cfg(test)]
mod tests;
