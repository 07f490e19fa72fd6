//! Replaces private-use characters that stand for real characters.
//!
//! When a rare character was not yet in Unicode, cp936 and Oracle's ZHS16GBK decoded its two bytes
//! to a private-use character: 䶮 became U+E863, and stays so in databases that were converted to
//! UTF-8. A later GB 18030 assigned the real character to the same two bytes, so decoding them again
//! with the current table gives it.

use std::borrow::Cow;

use crate::Span;

/// Replaces private-use characters for which a real one is known. Returns the text, the positions of
/// the characters put in their place, and those of the remaining private-use characters.
pub(crate) fn resolve(text: Cow<'_, str>) -> (Cow<'_, str>, Vec<Span>, Vec<Span>) {
    let (mut replaced, mut kept) = (Vec::new(), Vec::new());
    if !may_have_private_use(text.as_bytes()) {
        return (text, replaced, kept);
    }
    let mut resolved = String::with_capacity(text.len());
    for found in text.chars() {
        let real = real_character(found);
        let offset = resolved.len();
        resolved.push(real.unwrap_or(found));
        let span = Span { offset, len: resolved.len() - offset };
        if real.is_some() {
            replaced.push(span);
        } else if is_private_use(found) {
            kept.push(span);
        }
    }
    let text = if replaced.is_empty() { text } else { Cow::Owned(resolved) };
    (text, replaced, kept)
}

/// Runs of private-use characters: the first one, its bytes in cp936, and the length of the run. The
/// real characters are the euro sign, vertical punctuation, two letters with accents, ideographic
/// description characters, and rare Han characters and radicals.
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

/// Private-use characters, and their real characters outside Unicode's basic plane. GB 18030-2022
/// still decodes the two bytes of these to the private-use character.
const OUTSIDE_BASIC_PLANE: [(char, char); 6] = [
    ('\u{E816}', '\u{20087}'),
    ('\u{E817}', '\u{20089}'),
    ('\u{E818}', '\u{200CC}'),
    ('\u{E831}', '\u{215D7}'),
    ('\u{E83B}', '\u{2298F}'),
    ('\u{E855}', '\u{241FE}'),
];

/// The real character for a private-use character, if one is known.
fn real_character(found: char) -> Option<char> {
    if let Some((_, real)) = OUTSIDE_BASIC_PLANE.iter().find(|(private, _)| *private == found) {
        return Some(*real);
    }
    let code = u32::from(found);
    let (first, [lead, trail], _) =
        REASSIGNED.iter().find(|(first, _, n)| (*first..*first + *n).contains(&code))?;
    let mut trail = u32::from(*trail) + (code - first);
    // 7F is never a second byte: the run continues at 80.
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

/// Whether the text may contain private-use characters, judged by lead bytes only, which is fast.
fn may_have_private_use(text: &[u8]) -> bool {
    // The compiler can vectorise this loop because it has no early exit.
    text.windows(2).fold(false, |found, pair| {
        let is_lead = (pair[0] == 0xEE) | (pair[0] == 0xF3) | (pair[0] == 0xF4);
        found | is_lead | (pair[0] == 0xEF) & (pair[1] < 0xA4)
    })
}
