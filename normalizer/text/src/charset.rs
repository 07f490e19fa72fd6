//! The charsets that sources really use, under all the names they give them.
//!
//! Names lie in one direction only: what is called GB2312 is nearly always GBK, and GBK is a part
//! of GB18030. So every Chinese national label means GB18030, as in browsers, and no channel can
//! lose a rare name because somebody wrote `gb2312`.

use std::borrow::Cow;

use encoding_rs::{BIG5, Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How text was written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// GB 18030-2022, and with it GBK, cp936 and GB 2312.
    Gb18030,
    /// Big5 with the Hong Kong characters.
    Big5,
    /// UTF-16, the lower byte first: what spreadsheets call Unicode text.
    Utf16Le,
    /// UTF-16, the upper byte first.
    Utf16Be,
    /// Windows-1252, which is also what is meant by Latin-1.
    Windows1252,
}

use Charset::{Big5, Gb18030, Utf8, Utf16Be, Utf16Le, Windows1252};

/// Label, in lower case, and what it means.
const LABELS: [(&str, Charset); 29] = [
    ("utf-8", Utf8),
    ("utf8", Utf8),
    ("utf8mb4", Utf8),
    ("gb18030", Gb18030),
    ("gb18030-2022", Gb18030),
    ("gbk", Gb18030),
    ("x-gbk", Gb18030),
    ("gb2312", Gb18030),
    ("gb_2312", Gb18030),
    ("gb_2312-80", Gb18030),
    ("euc-cn", Gb18030),
    ("cp936", Gb18030),
    ("ms936", Gb18030),
    ("windows-936", Gb18030),
    ("zhs16gbk", Gb18030),
    ("big5", Big5),
    ("big5-hkscs", Big5),
    ("cp950", Big5),
    ("ms950", Big5),
    ("utf-16", Utf16Le),
    ("utf-16le", Utf16Le),
    ("utf16", Utf16Le),
    ("unicode", Utf16Le),
    ("utf-16be", Utf16Be),
    ("windows-1252", Windows1252),
    ("cp1252", Windows1252),
    ("latin1", Windows1252),
    ("latin-1", Windows1252),
    ("iso-8859-1", Windows1252),
];

impl Charset {
    /// Every label that is understood, in lower case: for suggestions and listings.
    pub const LABELS: [&'static str; LABELS.len()] = {
        let mut labels = [""; LABELS.len()];
        let mut index = 0;
        while index < labels.len() {
            labels[index] = LABELS[index].0;
            index += 1;
        }
        labels
    };

    /// What a label means, whatever its case and the blanks around it.
    pub fn from_label(label: &str) -> Option<Self> {
        let label = label.trim();
        LABELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(label)).map(|(_, is)| *is)
    }

    /// The name to show and to record.
    pub const fn name(self) -> &'static str {
        match self {
            Utf8 => "UTF-8",
            Gb18030 => "GB18030",
            Big5 => "Big5",
            Utf16Le => "UTF-16LE",
            Utf16Be => "UTF-16BE",
            Windows1252 => "windows-1252",
        }
    }

    /// Whether ASCII is itself in it.
    pub(crate) const fn has_ascii(self) -> bool {
        !matches!(self, Utf16Le | Utf16Be)
    }

    /// The decoder's tables.
    pub(crate) const fn encoding(self) -> &'static Encoding {
        match self {
            Utf8 => UTF_8,
            Gb18030 => GB18030,
            Big5 => BIG5,
            Utf16Le => UTF_16LE,
            Utf16Be => UTF_16BE,
            Windows1252 => WINDOWS_1252,
        }
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
            let known = Self::LABELS.join(", ");
            serde::de::Error::custom(format!("`{label}` is not a charset: write one of {known}"))
        })
    }
}

impl JsonSchema for Charset {
    fn schema_name() -> Cow<'static, str> {
        "Charset".into()
    }

    /// A format and not an `enum`: labels are taken in any case, an `enum` is not.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "charset",
            "description": "a charset: UTF-8, GB18030 (also for GBK and GB2312), Big5, UTF-16LE, UTF-16BE, windows-1252",
            "examples": Self::LABELS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_national_label_means_gb18030() {
        let labels =
            "gb2312 gbk gb_2312-80 x-gbk cp936 ms936 GB18030 GB18030-2022 GBK Gb2312 ZHS16GBK";
        for label in labels.split(' ') {
            assert_eq!(Charset::from_label(label), Some(Gb18030), "{label}");
        }
    }

    #[test]
    fn labels_are_taken_in_any_case_and_with_blanks_around() {
        for (label, charset) in [
            (" utf8 ", Utf8),
            ("UTF-8\r\n", Utf8),
            ("Big5", Big5),
            ("CP950", Big5),
            ("Latin1", Windows1252),
            ("ISO-8859-1", Windows1252),
        ] {
            assert_eq!(Charset::from_label(label), Some(charset), "{label}");
        }
        for label in ["", "gb", "gb 18030", "utf-7", "utf-32", "shift_jis"] {
            assert_eq!(Charset::from_label(label), None, "{label}");
        }
    }

    #[test]
    fn names_are_labels() {
        for charset in [Utf8, Gb18030, Big5, Utf16Le, Utf16Be, Windows1252] {
            assert_eq!(Charset::from_label(charset.name()), Some(charset));
            let text = serde_json::to_string(&charset).unwrap();
            assert_eq!(serde_json::from_str::<Charset>(&text).unwrap(), charset);
        }
        assert!(Charset::LABELS.iter().all(|label| Charset::from_label(label).is_some()));
    }

    #[test]
    fn an_unknown_label_is_refused_with_those_that_are_known() {
        let error = serde_json::from_str::<Charset>("\"gbk2\"").unwrap_err().to_string();
        assert!(error.contains("`gbk2`") && error.contains("gb18030"), "{error}");
    }
}
