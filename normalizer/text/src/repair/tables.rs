//! Tables from characters to bytes and from pairs of bytes to characters.
//!
//! `encoding_rs` searches when it encodes a legacy charset, and decoding one pair at a time is too
//! slow here. So every pair is decoded once, and the result is kept.
//!
//! There are two generations of decoders, and a text was read by one of them: see [`Generation`].

use std::sync::LazyLock;

use encoding_rs::{BIG5, Encoding, GB18030, WINDOWS_1252};

use super::unit::Read;

/// The decoders that read a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Those of browsers: Windows-1252, GB 18030-2022, Big5 with the signs of ETEN.
    Newer,
    /// Those of Python, and of Java and C libraries of their time: Latin-1, GB 18030-2005, Big5
    /// without signs of vendors.
    Older,
}

impl Generation {
    pub(super) const ALL: [Self; 2] = [Self::Newer, Self::Older];

    /// Whether it may have read a text: the older ones are tried only where they differ.
    pub(super) fn may_read(self, text: &str, read: Read) -> bool {
        self == Self::Newer || text.chars().any(|c| is_only_older(read, c))
    }
}

/// The charsets that texts are wrongly read in, by one generation of decoders.
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
        match generation {
            // cp936 has the euro sign as the byte 80; the pair stays too.
            Generation::Newer => gb18030.other = Some(('€', 0x80)),
            Generation::Older => {
                OLDER_GB18030.iter().for_each(|run| gb18030.replace(*run));
                OLDER_BIG5.iter().for_each(|run| big5.replace(*run));
            }
        }
        Self { latin1, gb18030, big5 }
    }
}

/// Whether the older decoders give this character for bytes for which the newer give another one.
fn is_only_older(read: Read, c: char) -> bool {
    match read {
        Read::Latin1 => matches!(c, '\u{80}'..='\u{9F}'),
        Read::Gb18030 => matches!(c, '\u{E5E5}' | '\u{E78D}'..='\u{E864}'),
        Read::Big5 => {
            matches!(c, '¢' | '£' | '¥' | '\u{401}'..='\u{451}' | '•' | '‾' | '∼' | '①'..='⑽')
                || matches!(c, '☉' | '♁' | '々' | 'ぁ'..='ヾ' | '／' | '＼' | '\u{FF64}')
        }
    }
}

/// Characters that Big5 has among the signs and again behind, where they are written (WHATWG
/// Encoding, index Big5 pointer).
fn is_written_last(c: char) -> bool {
    matches!(c, '═' | '╞' | '╡' | '╪' | '十' | '卅')
}

/// A charset of one or two bytes.
pub(super) struct Table {
    /// By character of the basic plane: its one or two bytes as a number, 0 where it has none.
    bytes: Vec<u16>,
    /// By pair of bytes; U+0000 where there is none.
    chars: Vec<u16>,
    /// A character that is read from two different byte sequences.
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
            // Read twice, written once: the wide space of cp936, characters of Hong Kong.
            let is_written = std::ptr::eq(encoding, GB18030) || pair >= 0xA140;
            if is_written && (table.bytes[usize::from(code)] == 0 || is_written_last(c)) {
                table.set(code.into(), pair);
            }
        }
        table
    }

    fn set(&mut self, code: u32, bytes: u16) {
        if let Some(place) = self.bytes.get_mut(code as usize) {
            *place = bytes;
        }
    }

    /// Assigns other characters to a run of pairs.
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

    /// The one or two bytes from which `c` was read, as a number.
    pub(super) fn bytes(&self, c: char) -> Option<u16> {
        self.bytes.get(c as usize).copied().filter(|bytes| *bytes != 0)
    }

    /// The other bytes from which `c` may have been read, if there are any.
    pub(super) fn other_bytes(&self, c: char) -> Option<u16> {
        self.other.filter(|(other, _)| *other == c).map(|(_, bytes)| bytes)
    }

    /// The character of two bytes.
    pub(super) fn char(&self, lead: u8, trail: u8) -> Option<char> {
        let code = self.chars[usize::from(u16::from_be_bytes([lead, trail]))];
        char::from_u32(code.into()).filter(|c| *c != '\0')
    }
}

/// Where older decoders differ from those of browsers: first pair of bytes, first character, how
/// many follow each other in both. Compared with the codecs of Python 3.11. Of GB 18030 it is the
/// wide space of cp936, and what left the private-use area in 2022.
const OLDER_GB18030: [(u16, u16, u16); 13] = [
    (0xA3A0, 0xE5E5, 1),
    (0xA6D9, 0xE78D, 7),
    (0xA6EC, 0xE794, 2),
    (0xA6F3, 0xE796, 1),
    (0xA8BC, 0xE7C7, 1),
    (0xFE59, 0xE81E, 1),
    (0xFE61, 0xE826, 1),
    (0xFE66, 0xE82B, 2),
    (0xFE6D, 0xE832, 1),
    (0xFE7E, 0xE843, 1),
    (0xFE90, 0xE854, 1),
    (0xFEA0, 0xE864, 1),
    (0xA2E3, 0x20AC, 1),
];

/// Signs, and the rows C6 and C7: kana, Cyrillic and numbers stand there in another order.
const OLDER_BIG5: [(u16, u16, u16); 23] = [
    (0xA145, 0x2022, 1),
    (0xA14E, 0xFF64, 1),
    (0xA1C2, 0x203E, 1),
    (0xA1E3, 0x223C, 1),
    (0xA1F2, 0x2641, 1),
    (0xA1F3, 0x2609, 1),
    (0xA241, 0xFF0F, 1),
    (0xA242, 0xFF3C, 1),
    (0xA244, 0x00A5, 1),
    (0xA246, 0x00A2, 2),
    (0xC6A1, 0x30FE, 1),
    (0xC6A2, 0x309D, 2),
    (0xC6A4, 0x3005, 1),
    (0xC6A5, 0x3041, 83),
    (0xC6F8, 0x30A1, 86),
    (0xC7B1, 0x0414, 2),
    (0xC7B3, 0x0401, 1),
    (0xC7B4, 0x0416, 7),
    (0xC7BB, 0x0423, 19),
    (0xC7CE, 0x0451, 1),
    (0xC7CF, 0x0436, 26),
    (0xC7E9, 0x2460, 10),
    (0xC7F3, 0x2474, 10),
];
