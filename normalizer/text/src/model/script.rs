//! Scripts, as far as the model distinguishes them.

use super::{BIT, Cost};

/// The script of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Han characters and Chinese punctuation, which have counted frequencies.
    Han,
    /// Letters, digits and signs of ASCII, line ends and tabs.
    Ascii,
    /// The upper half of Latin-1, and letters with marks.
    Latin,
    /// Full-width ASCII letters and digits.
    Wide,
    /// Hiragana and katakana.
    Kana,
    Hangul,
    Greek,
    Cyrillic,
    /// Another script, identified by the upper byte of its characters.
    Other(u8),
    /// Arrows, lines, numbers in circles, and other signs.
    Symbol,
    Emoji,
    /// U+FFFD.
    Replacement,
    /// Controls, private-use and unassigned characters, which do not occur in text.
    NotText,
}

/// Whether a character is Han or Chinese punctuation: only those have counted frequencies.
pub fn is_counted(c: char) -> bool {
    Script::of(c) == Script::Han
}

/// The character that stands for `c` as the first of a pair: `c` if it is Han, `0` for a digit, `a` for
/// an ASCII letter, `.` for anything else.
pub fn as_context(c: char) -> char {
    match Script::of(c) {
        Script::Han => c,
        _ if c.is_ascii_digit() => '0',
        Script::Ascii if c.is_ascii_alphabetic() => 'a',
        _ => '.',
    }
}

impl Script {
    pub(super) fn of(c: char) -> Self {
        match c {
            '\t' | '\n' | '\r' | ' '..='~' => Self::Ascii,
            '\0'..='\u{9F}' => Self::NotText,
            '\u{A0}'..='\u{24F}' | 'ˆ' | '˜' | '€' | '™' => Self::Latin,
            '\u{370}'..='\u{3FF}' => Self::Greek,
            '\u{400}'..='\u{52F}' => Self::Cyrillic,
            '\u{1100}'..='\u{11FF}' | '\u{3130}'..='\u{318F}' | '\u{AC00}'..='\u{D7AF}' => {
                Self::Hangul
            }
            '\u{1E00}'..='\u{1EFF}' => Self::Latin,
            '\u{200B}'..='\u{200F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => Self::Emoji,
            '\u{2010}'..='\u{203B}'
            | '①'..='⒇'
            | '\u{3000}'..='\u{3030}'
            | '\u{FE10}'..='\u{FE6F}' => Self::Han,
            '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' => Self::Wide,
            '\u{FF01}'..='\u{FF65}' | '\u{FFE0}'..='\u{FFE6}' => Self::Han,
            '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}' => Self::Emoji,
            '\u{2000}'..='\u{2BFF}'
            | '\u{2E80}'..='\u{2FFF}'
            | '\u{3100}'..='\u{312F}'
            | '\u{3200}'..='\u{33FF}' => Self::Symbol,
            '\u{3031}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{FF66}'..='\u{FF9F}' => {
                Self::Kana
            }
            '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' => {
                Self::Han
            }
            '\u{20000}'..='\u{323AF}' => Self::Han,
            '\u{FFFD}' => Self::Replacement,
            '\u{E000}'..='\u{F8FF}' | '\u{FFF0}'..='\u{FFFF}' => Self::NotText,
            '\u{10000}'.. => Self::NotText,
            // A character of the basic plane: its upper byte fits.
            _ => Self::Other(u8::try_from(u32::from(c) >> 8).unwrap_or(0)),
        }
    }

    /// The cost of a character of this script, in eighths of a bit. Each Han character of the basic plane
    /// has its own cost.
    pub(super) fn base_cost(self) -> u8 {
        match self {
            Self::Han => 184,
            Self::Ascii => 36,
            Self::Wide => 40,
            Self::Latin => 56,
            Self::Kana | Self::Other(_) => 48,
            Self::Hangul => 80,
            Self::Greek | Self::Cyrillic => 44,
            Self::Symbol => 72,
            Self::Emoji => 64,
            Self::Replacement => 240,
            Self::NotText => 160,
        }
    }

    /// The extra cost if a character of this script follows one of the script `from`.
    pub(super) fn change_cost(self, from: Self) -> Cost {
        let bits = match (self, from) {
            (Self::Han, Self::Han) | (Self::Replacement | Self::NotText, _) => 0,
            (Self::Han, _) => 1,
            (Self::Ascii, _) => 1,
            // Letters with diacritics occur alone among letters without.
            (Self::Latin, Self::Ascii) => 2,
            (Self::Latin, Self::Latin) => 3,
            (Self::Latin, _) => 8,
            (to, from) if to == from => 0,
            (Self::Wide, Self::Han | Self::Ascii) => 4,
            (Self::Kana, Self::Han) => 4,
            (Self::Kana, Self::Ascii) => 6,
            (Self::Symbol | Self::Emoji, _) => 4,
            _ => 8,
        };
        bits * BIT
    }
}
