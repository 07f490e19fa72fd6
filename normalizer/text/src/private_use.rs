//! Replaces private-use characters that vendors used for characters missing in their charset.
//!
//! cp936 and Oracle's ZHS16GBK decode the bytes of 䶮 to U+E863. After a migration to UTF-8 or to
//! the four bytes `8336CF39` of GB18030, the name keeps the private-use character for ever, unless
//! it is replaced here. If a later GB 18030 assigned a real character to the two bytes, the mapping
//! is published: it is the decoder's own table, and no list is kept here.

use std::borrow::Cow;

use crate::Span;

/// Replaces private-use characters by real ones where the mapping is published. Returns the text,
/// and the positions of the replaced and of the remaining private-use characters in it.
pub(crate) fn resolve(text: Cow<'_, str>) -> (Cow<'_, str>, Vec<Span>, Vec<Span>) {
    let (mut moved, mut kept) = (Vec::new(), Vec::new());
    if !may_have_private_use(text.as_bytes()) {
        return (text, moved, kept);
    }
    let mut resolved = String::with_capacity(text.len());
    for found in text.chars() {
        let real = real_character(found);
        let offset = resolved.len();
        resolved.push(real.unwrap_or(found));
        let span = Span { offset, len: resolved.len() - offset };
        if real.is_some() {
            moved.push(span);
        } else if is_private_use(found) {
            kept.push(span);
        }
    }
    let text = if moved.is_empty() { text } else { Cow::Owned(resolved) };
    (text, moved, kept)
}

/// First private-use character, its bytes in cp936, and the length of the run. GB 18030 assigned
/// characters to them later: the euro sign, the vertical punctuation, two letters with accents, the
/// description characters, and the rare Han characters and radicals.
const REASSIGNED: [(u32, [u8; 2], u32); 8] = [
    (0xE76C, [0xA2, 0xE3], 1),
    (0xE78D, [0xA6, 0xD9], 7),
    (0xE794, [0xA6, 0xEC], 2),
    (0xE796, [0xA6, 0xF3], 1),
    (0xE7C7, [0xA8, 0xBC], 1),
    (0xE7C8, [0xA8, 0xBF], 1),
    (0xE7E7, [0xA9, 0x89], 13),
    (0xE815, [0xFE, 0x50], 80),
];

/// The six that GB 18030-2022 still decodes to the private-use area, because their real characters
/// are outside the basic plane.
const OUTSIDE_BASIC_PLANE: [(char, char); 6] = [
    ('\u{E816}', '\u{20087}'),
    ('\u{E817}', '\u{20089}'),
    ('\u{E818}', '\u{200CC}'),
    ('\u{E831}', '\u{215D7}'),
    ('\u{E83B}', '\u{2298F}'),
    ('\u{E855}', '\u{241FE}'),
];

fn real_character(found: char) -> Option<char> {
    if let Some((_, real)) = OUTSIDE_BASIC_PLANE.iter().find(|(private, _)| *private == found) {
        return Some(*real);
    }
    let code = u32::from(found);
    let (first, [lead, trail], _) =
        REASSIGNED.iter().find(|(first, _, n)| (*first..*first + *n).contains(&code))?;
    let mut trail = u32::from(*trail) + (code - first);
    // No second byte is 7F: the row continues after it.
    if *lead == 0xFE && trail >= 0x7F {
        trail += 1;
    }
    let bytes = [*lead, u8::try_from(trail).ok()?];
    let decoded =
        encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(&bytes)?;
    decoded.chars().next().filter(|real| !is_private_use(*real))
}

fn is_private_use(c: char) -> bool {
    matches!(c, '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{FFFFD}' | '\u{100000}'..='\u{10FFFD}')
}

/// Checks lead bytes only: most texts cost no more than that.
fn may_have_private_use(text: &[u8]) -> bool {
    // Without an early exit the compiler vectorises the loop.
    text.windows(2).fold(false, |found, pair| {
        let is_lead = (pair[0] == 0xEE) | (pair[0] == 0xF3) | (pair[0] == 0xF4);
        found | is_lead | (pair[0] == 0xEF) & (pair[1] < 0xA4)
    })
}
