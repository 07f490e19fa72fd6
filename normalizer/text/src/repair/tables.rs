//! Tables of the charsets GB18030, Big5 and Latin-1: from characters to bytes, and from pairs of
//! bytes to characters.
//!
//! Repair needs the bytes of single characters, for which `encoding_rs` is too slow. So every pair is
//! decoded once, and the result is kept. There is one set of tables for each [`Generation`] of
//! decoders.

use std::sync::LazyLock;

use encoding_rs::{BIG5, Encoding, GB18030, WINDOWS_1250, WINDOWS_1252};

use super::unit::WrongCharset;

/// The decoders with which a text may have been read. The two generations decode some bytes to
/// different characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// The decoders of browsers: Windows-1252 or Windows-1250, GB 18030-2022, Big5 with the signs of ETEN.
    Newer,
    /// The decoders of Python, and of older Java and C libraries: Latin-1, GB 18030-2005, Big5 without
    /// signs of vendors.
    Older,
}

impl Generation {
    pub(super) const ALL: [Self; 2] = [Self::Newer, Self::Older];

    /// Whether a text may have been read with it: `Older` is possible only for a text with a character
    /// that no newer decoder gives.
    pub(super) fn may_read(self, text: &str, read: WrongCharset) -> bool {
        self == Self::Newer || text.chars().any(|c| is_only_older(read, c))
    }
}

/// The tables of one generation of decoders.
pub(super) struct Tables {
    pub(super) latin1: Table,
    pub(super) gb18030: Table,
    pub(super) big5: Table,
}

impl Tables {
    pub(super) fn of(generation: Generation) -> &'static Self {
        static NEWER: LazyLock<Tables> = LazyLock::new(|| Tables::build(Generation::Newer));
        static OLDER: LazyLock<Tables> = LazyLock::new(|| Tables::build(Generation::Older));
        match generation {
            Generation::Newer => &NEWER,
            Generation::Older => &OLDER,
        }
    }

    fn build(generation: Generation) -> Self {
        let (mut latin1, mut gb18030, mut big5) =
            (Table::ascii(), Table::of(GB18030), Table::of(BIG5));
        for byte in 0x80..=0xFF_u8 {
            let code = match generation {
                Generation::Older => byte.into(),
                Generation::Newer => {
                    let bytes = [byte];
                    let (text, _) = WINDOWS_1252.decode_without_bom_handling(&bytes);
                    text.chars().next().map_or(0, u32::from)
                }
            };
            latin1.set(code, byte.into());
        }
        for byte in (0x80..=0xFF_u8).filter(|_| generation == Generation::Newer) {
            let bytes = [byte];
            let (text, _) = WINDOWS_1250.decode_without_bom_handling(&bytes);
            // The two charsets have no character at different bytes.
            latin1.add(text.chars().next().map_or(0, u32::from), byte.into());
        }
        match generation {
            // In cp936 the euro sign is the byte 80; its two bytes of GB18030 are possible as well.
            Generation::Newer => gb18030.other = Some(('€', 0x80)),
            Generation::Older => {
                for (charset, run) in OLDER.lines().filter_map(older_run) {
                    let table = if charset == "big5" { &mut big5 } else { &mut gb18030 };
                    table.replace(run);
                }
            }
        }
        Self { latin1, gb18030, big5 }
    }
}

/// The differences between the two generations; the first lines of the file explain its format.
const OLDER: &str = include_str!("../../model/older.txt");

/// Parses a line of that file: charset, first pair of bytes, first character, length of the run.
/// `None` for a comment.
fn older_run(line: &str) -> Option<(&str, (u16, u16, u16))> {
    let [charset, pair, first, n] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let hex = |text| u16::from_str_radix(text, 16).ok();
    Some((charset, (hex(pair)?, hex(first)?, n.parse().ok()?)))
}

/// Whether only the older decoders of the charset give this character.
fn is_only_older(read: WrongCharset, c: char) -> bool {
    match read {
        WrongCharset::Latin1 => matches!(c, '\u{80}'..='\u{9F}'),
        WrongCharset::Gb18030 => matches!(c, '\u{E5E5}' | '\u{E78D}'..='\u{E864}'),
        WrongCharset::Big5 => {
            matches!(c, '¢' | '£' | '¥' | '\u{401}'..='\u{451}' | '•' | '‾' | '∼' | '①'..='⑽')
                || matches!(c, '☉' | '♁' | '々' | 'ぁ'..='ヾ' | '／' | '＼' | '\u{FF64}')
        }
    }
}

/// Whether this is a character that Big5 contains twice and encoders write as the last of the two pairs
/// (WHATWG Encoding, index Big5 pointer).
fn is_written_last(c: char) -> bool {
    matches!(c, '═' | '╞' | '╡' | '╪' | '十' | '卅')
}

/// A charset of one or two bytes.
pub(super) struct Table {
    /// For each character of the basic plane: its one or two bytes as a big-endian number; 0 if it is
    /// not in the charset.
    bytes: Vec<u16>,
    /// For each pair of bytes, as a big-endian number: its character; U+0000 if it has none.
    chars: Vec<u16>,
    /// A character with a second byte sequence, and that sequence.
    other: Option<(char, u16)>,
}

impl Table {
    fn ascii() -> Self {
        let mut table = Self { bytes: vec![0; 0x1_0000], chars: Vec::new(), other: None };
        (1..0x80).for_each(|code| table.set(code.into(), code));
        table
    }

    fn of(encoding: &'static Encoding) -> Self {
        let mut table = Self::ascii();
        table.chars = vec![0; 0x1_0000];
        for pair in 0x8140..=0xFEFE_u16 {
            let bytes = pair.to_be_bytes();
            let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(&bytes)
            else {
                continue;
            };
            let mut chars = text.chars();
            let (Some(c), None) = (chars.next(), chars.next()) else { continue };
            let Ok(code) = u16::try_from(u32::from(c)) else { continue };
            table.chars[usize::from(pair)] = code;
            // Some characters have two pairs, of which encoders write only one: the wide space of cp936,
            // characters of Hong Kong.
            let is_written = std::ptr::eq(encoding, GB18030) || pair >= 0xA140;
            if is_written && (table.bytes[usize::from(code)] == 0 || is_written_last(c)) {
                table.set(code.into(), pair);
            }
        }
        table
    }

    /// Sets the bytes of a character that has none.
    fn add(&mut self, code: u32, bytes: u16) {
        if self.bytes.get(code as usize) == Some(&0) {
            self.set(code, bytes);
        }
    }

    fn set(&mut self, code: u32, bytes: u16) {
        if let Some(bytes_of_code) = self.bytes.get_mut(code as usize) {
            *bytes_of_code = bytes;
        }
    }

    /// Assigns `n` characters from `first` on to the pairs from `pair` on.
    fn replace(&mut self, (pair, first, n): (u16, u16, u16)) {
        let mut pair = pair;
        for code in first..first + n {
            let before = self.chars[usize::from(pair)];
            if self.bytes[usize::from(before)] == pair {
                self.bytes[usize::from(before)] = 0;
            }
            self.chars[usize::from(pair)] = code;
            self.bytes[usize::from(code)] = pair;
            pair = match pair & 0xFF {
                0x7E => pair + 0x23,
                0xFE => pair + 0x42,
                _ => pair + 1,
            };
        }
    }

    /// The one or two bytes of `c`, as a big-endian number.
    pub(super) fn bytes(&self, c: char) -> Option<u16> {
        self.bytes.get(c as usize).copied().filter(|bytes| *bytes != 0)
    }

    /// The second byte sequence of `c`, if it has one.
    pub(super) fn other_bytes(&self, c: char) -> Option<u16> {
        self.other.filter(|(other, _)| *other == c).map(|(_, bytes)| bytes)
    }

    /// Whether a text has a character with a second byte sequence.
    pub(super) fn has_other(&self, text: &str) -> bool {
        self.other.is_some_and(|(other, _)| text.contains(other))
    }

    /// The character of two bytes.
    pub(super) fn char(&self, lead: u8, trail: u8) -> Option<char> {
        let code = self.chars[usize::from(u16::from_be_bytes([lead, trail]))];
        char::from_u32(code.into()).filter(|c| *c != '\0')
    }
}
