//! Who wrote in which charset, and in which it was read.

use super::unit::{Meant, Read};

/// One way in which texts are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// UTF-8 read as Latin-1 or Windows-1252: `ç¾¤ä¼—`.
    Utf8AsLatin1,
    /// UTF-8 read as GBK or GB18030: 缇や紬.
    Utf8AsGb18030,
    /// UTF-8 read as Big5.
    Utf8AsBig5,
    /// GBK or GB18030 read as Latin-1 or Windows-1252: `ÈºÖÚ`.
    Gb18030AsLatin1,
    /// Big5 read as Latin-1 or Windows-1252.
    Big5AsLatin1,
    /// Big5 read as GBK or GB18030.
    Big5AsGb18030,
    /// GBK or GB18030 read as Big5.
    Gb18030AsBig5,
}

impl Rule {
    /// All of them, those that leave least to chance first.
    pub const ALL: [Self; 7] = [
        Self::Utf8AsLatin1,
        Self::Utf8AsGb18030,
        Self::Utf8AsBig5,
        Self::Gb18030AsLatin1,
        Self::Big5AsLatin1,
        Self::Big5AsGb18030,
        Self::Gb18030AsBig5,
    ];

    /// The name under which it is recorded.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8AsLatin1 => "utf8_read_as_latin1",
            Self::Utf8AsGb18030 => "utf8_read_as_gb18030",
            Self::Utf8AsBig5 => "utf8_read_as_big5",
            Self::Gb18030AsLatin1 => "gb18030_read_as_latin1",
            Self::Big5AsLatin1 => "big5_read_as_latin1",
            Self::Big5AsGb18030 => "big5_read_as_gb18030",
            Self::Gb18030AsBig5 => "gb18030_read_as_big5",
        }
    }

    /// What it was read in.
    pub(super) const fn read(self) -> Read {
        match self {
            Self::Utf8AsLatin1 | Self::Gb18030AsLatin1 | Self::Big5AsLatin1 => Read::Latin1,
            Self::Utf8AsGb18030 | Self::Big5AsGb18030 => Read::Gb18030,
            Self::Utf8AsBig5 | Self::Gb18030AsBig5 => Read::Big5,
        }
    }

    /// What it was meant in.
    pub(super) const fn meant(self) -> Meant {
        match self {
            Self::Utf8AsLatin1 | Self::Utf8AsGb18030 | Self::Utf8AsBig5 => Meant::Utf8,
            Self::Gb18030AsLatin1 | Self::Gb18030AsBig5 => Meant::Gb18030,
            Self::Big5AsLatin1 | Self::Big5AsGb18030 => Meant::Big5,
        }
    }
}
