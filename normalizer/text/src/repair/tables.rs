//! Tables from characters to bytes and from pairs of bytes to characters.
//!
//! `encoding_rs` searches when it encodes a legacy charset, and decoding one pair at a time is too
//! slow here. So every pair is decoded once, and the result is kept.
//!
//! There are two generations of decoders, and a text was read by one of them: see [`Generation`].

use std::sync::LazyLock;

use encoding_rs::{BIG5, Encoding, GB18030, WINDOWS_1252};

use super::unit::WrongCharset;

/// The decoders with which a text was read.
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

    /// Whether a text may have been read with it: the older ones are tried only where they differ.
    pub(super) fn may_read(self, text: &str, read: WrongCharset) -> bool {
        self == Self::Newer || text.chars().any(|c| is_only_older(read, c))
    }
}

/// The charsets in which texts are wrongly read, by one generation of decoders.
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
                for (charset, run) in OLDER.lines().filter_map(older_run) {
                    let table = if charset == "big5" { &mut big5 } else { &mut gb18030 };
                    table.replace(run);
                }
            }
        }
        Self { latin1, gb18030, big5 }
    }
}

/// Where older decoders differ from those of browsers; its first lines explain it.
const OLDER: &str = include_str!("../../model/older.txt");

/// A line of that table: charset, first pair of bytes, first character, number of both.
fn older_run(line: &str) -> Option<(&str, (u16, u16, u16))> {
    let [charset, pair, first, n] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let hex = |text| u16::from_str_radix(text, 16).ok();
    Some((charset, (hex(pair)?, hex(first)?, n.parse().ok()?)))
}

/// Whether the older decoders give this character for bytes for which the newer give another one.
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

/// Characters that Big5 has twice; encoders write the last of the two pairs (WHATWG Encoding, index
/// Big5 pointer).
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
            // Decoders read two pairs as one character, and encoders write one of them: the wide space of
            // cp936, characters of Hong Kong.
            let is_written = std::ptr::eq(encoding, GB18030) || pair >= 0xA140;
            if is_written && (table.bytes[usize::from(code)] == 0 || is_written_last(c)) {
                table.set(code.into(), pair);
            }
        }
        table
    }

    fn set(&mut self, code: u32, bytes: u16) {
        if let Some(bytes_of_code) = self.bytes.get_mut(code as usize) {
            *bytes_of_code = bytes;
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
