//! Checks in one pass over the bytes whether a text is clean already. Nearly every text is.

use unicode_normalization::is_nfc;

use super::{
    Found, Profile, markup,
    strip::{escape, keep},
};

/// Whether cleaning would leave the text as it is.
pub(super) fn is_clean(text: &str, profile: Profile) -> bool {
    match profile {
        Profile::Code => is_clean_code(text),
        Profile::Plain => is_clean_prose(text),
        Profile::Html => is_clean_prose(text) && !markup::is_in(text),
    }
}

/// Codes are short: every character is checked.
fn is_clean_code(text: &str) -> bool {
    let mut ignored = Found::default();
    text.chars().all(|c| keep(c, Profile::Code, &mut ignored) == Some(c))
        && !has_escape(text.as_bytes())
        && is_composed(text)
}

fn is_clean_prose(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b'\n');
    let mut surely_composed = true;
    let mut has_underscore = false;
    for (index, byte) in bytes.iter().enumerate() {
        if !MAY_NEED_CHANGE[usize::from(*byte)] {
            continue;
        }
        let (second, third) = (at(index + 1), at(index + 2));
        let before = if index == 0 { b'\n' } else { bytes[index - 1] };
        match byte {
            b'_' => has_underscore = true,
            b' ' if matches!(before, b' ' | b'\n') || second == b'\n' => return false,
            b' ' => {}
            // A text must not end with a line end.
            b'\n' if index == 0 || index + 1 == bytes.len() => return false,
            b'\n' if before == b'\n' && second == b'\n' => return false,
            b'\n' => {}
            0x00..=0x7F => return false,
            // C1 controls, the no-break space and the soft hyphen.
            0xC2 if second <= 0xA0 || second == 0xAD => return false,
            // Invisible characters: U+061C, U+180E, U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F.
            0xD8 if second == 0x9C => return false,
            0xE1 if second == 0xA0 && third == 0x8E => return false,
            0xE2 if second == 0x80 && matches!(third, 0x8B..=0x8F | 0xAA..=0xAE) => return false,
            0xE2 if second == 0x81 && matches!(third, 0xA0..=0xAF) => return false,
            0xEF if second == 0xBF && matches!(third, 0xB9..=0xBB) => return false,
            // Radicals.
            0xE2 if second >= 0xBA => return false,
            // The wide space.
            0xE3 if second == 0x80 && third == 0x80 => return false,
            // The byte order mark.
            0xEF if second == 0xBB && third == 0xBF => return false,
            lead => surely_composed &= is_surely_composed(*lead, second, third),
        }
    }
    (surely_composed || is_nfc(text)) && !(has_underscore && has_escape(bytes))
}

/// The number of bytes at the beginning of a text that no rule changes.
pub(super) fn usual_len(text: &str) -> usize {
    text.bytes().take_while(|byte| !MAY_NEED_CHANGE[usize::from(*byte)]).count()
}

/// Whether a text is in composed form (NFC).
pub(super) fn is_composed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b'\n');
    let is_sure = |(index, byte): (usize, &u8)| {
        !MAY_NEED_CHANGE[usize::from(*byte)]
            || is_surely_composed(*byte, at(index + 1), at(index + 2))
    };
    bytes.iter().enumerate().all(is_sure) || is_nfc(text)
}

/// Whether there is an escape `_xHHHH_` that cleaning would replace.
fn has_escape(bytes: &[u8]) -> bool {
    let mut index = 0;
    while index < bytes.len() {
        match escape(&bytes[index..]) {
            Some('_') => index += 7,
            Some(_) => return true,
            None => index += 1,
        }
    }
    false
}

/// The bytes that need a closer look: all except ASCII letters, digits and punctuation (other than
/// `_`), lead bytes of Han characters from U+4000 on, and continuation bytes.
const MAY_NEED_CHANGE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte, 0x00..=0x20 | 0x5F | 0x7F | 0xC0..=0xE3 | 0xEA..=0xFF);
        byte += 1;
    }
    table
};

/// Whether the character with these first bytes is in composed form (NFC), whatever is beside it.
/// `true` for the characters of Chinese text; `false` means "unknown".
fn is_surely_composed(lead: u8, second: u8, third: u8) -> bool {
    match lead {
        0x00..=0xCB => true,
        // U+2000 and U+2001 are duplicates of other characters. U+2400 to U+25FF are ①, │, ■.
        0xE2 => (second == 0x80 && third >= 0x82) || matches!(second, 0x90..=0x97),
        // 、 to 〩, then ㈱ to ㏿, then Han. Between them are kana, which marks can follow.
        0xE3 => (second == 0x80 && third <= 0xA9) || second >= 0x88,
        0xE4..=0xE9 | 0xEE => true,
        // Full-width forms. The duplicates of Han characters and the half marks come before them.
        0xEF => second >= 0xB9,
        // Emoji and rare Han, except for the duplicates from U+2F800 on.
        0xF0 => second >= 0x9F && second != 0xAF,
        0xF3 | 0xF4 => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
