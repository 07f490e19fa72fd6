//! The two charsets of a wrong decoding. A repair encodes each character in the wrong charset, with its
//! table, and decodes the bytes in the true charset, one byte at a time.

use encoding_rs::GB18030;

use super::tables::{Table, Tables};

/// The charset in which a text was wrongly read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrongCharset {
    Latin1,
    Gb18030,
    Big5,
}

impl WrongCharset {
    pub(super) const ALL: [Self; 3] = [Self::Latin1, Self::Gb18030, Self::Big5];

    pub(super) fn table(self, tables: &Tables) -> &Table {
        match self {
            Self::Latin1 => &tables.latin1,
            Self::Gb18030 => &tables.gb18030,
            Self::Big5 => &tables.big5,
        }
    }
}

/// The charset in which a text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrueCharset {
    Utf8,
    Gb18030,
    Big5,
}

/// The first bytes of an incomplete character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Pending {
    bytes: [u8; 3],
    len: u8,
}

impl Pending {
    /// The number of pending bytes.
    pub(super) fn len(self) -> usize {
        usize::from(self.len)
    }

    /// Adds a byte to an incomplete character.
    fn and(mut self, byte: u8) -> Step {
        let len = self.len();
        let Some(next) = self.bytes.get_mut(len) else { return Step::Malformed };
        *next = byte;
        self.len += 1;
        Step::More(self)
    }
}

/// The result of adding one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The character is still incomplete.
    More(Pending),
    /// The byte completed this character.
    Whole(char),
    /// The bytes are not valid in the charset.
    Malformed,
}

impl TrueCharset {
    /// Adds one byte to the pending ones.
    pub(super) fn step(self, pending: Pending, byte: u8, tables: &Tables) -> Step {
        match self {
            Self::Utf8 => utf8(pending, byte),
            Self::Gb18030 => gb18030(pending, byte, &tables.gb18030),
            Self::Big5 => match pending.len {
                0 if byte < 0x80 => Step::Whole(byte.into()),
                0 if byte > 0x80 => pending.and(byte),
                0 => Step::Malformed,
                _ => step_without_private_use(tables.big5.char(pending.bytes[0], byte)),
            },
        }
    }

    /// Whether encoders write `c` as the `pending` bytes and `last`. Some characters of GBK and Big5 have
    /// two pairs of bytes, of which encoders write only one.
    pub(super) fn writes(self, c: char, pending: Pending, last: u8, tables: &Tables) -> bool {
        let table = match self {
            Self::Gb18030 if pending.len() == 1 => &tables.gb18030,
            Self::Big5 => &tables.big5,
            // Here each character has only one encoding.
            Self::Utf8 | Self::Gb18030 => return true,
        };
        table.bytes(c) == Some(u16::from_be_bytes([pending.bytes[0], last]))
    }
}

/// The one or two bytes of a code from a [`Table`].
pub(super) fn bytes(code: u16) -> impl Iterator<Item = u8> {
    code.to_be_bytes().into_iter().skip(usize::from(code < 0x100))
}

fn utf8(pending: Pending, byte: u8) -> Step {
    let [first, second, third] = pending.bytes;
    let is_next = byte & 0xC0 == 0x80;
    match pending.len {
        0 if byte < 0x80 => Step::Whole(byte.into()),
        0 if matches!(byte, 0xC2..=0xF4) => pending.and(byte),
        1 if is_next && first < 0xE0 => code(&[first, byte]),
        // Overlong forms, surrogates and what is above U+10FFFF end in `code`.
        1 if is_next => pending.and(byte),
        2 if is_next && first < 0xF0 => code(&[first, second, byte]),
        2 if is_next => pending.and(byte),
        3 if is_next => code(&[first, second, third, byte]),
        _ => Step::Malformed,
    }
}

fn code(bytes: &[u8]) -> Step {
    step_of(std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()))
}

fn gb18030(pending: Pending, byte: u8, table: &Table) -> Step {
    let [first, second, third] = pending.bytes;
    match pending.len {
        0 if byte < 0x80 => Step::Whole(byte.into()),
        0 if matches!(byte, 0x81..=0xFE) => pending.and(byte),
        1 if byte.is_ascii_digit() => pending.and(byte),
        1 => step_without_private_use(table.char(first, byte)),
        2 if matches!(byte, 0x81..=0xFE) => pending.and(byte),
        3 if byte.is_ascii_digit() => {
            let bytes = [first, second, third, byte];
            let text = GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
            step_of(text.and_then(|text| text.chars().next()))
        }
        _ => Step::Malformed,
    }
}

fn step_of(c: Option<char>) -> Step {
    c.map_or(Step::Malformed, Step::Whole)
}

/// Takes a private-use character as malformed, because people do not write them.
fn step_without_private_use(c: Option<char>) -> Step {
    step_of(c.filter(|c| !matches!(c, '\u{E000}'..='\u{F8FF}')))
}
