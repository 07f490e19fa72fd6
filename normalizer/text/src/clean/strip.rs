//! Removes characters that are not text: controls, byte order marks, and Excel's escapes of
//! controls.
//!
//! Excel writes characters that XML cannot hold as `_xHHHH_`. Removing a character can join the
//! parts of such an escape, so escapes are searched at their end, in the output: one pass leaves
//! none.

use super::{Found, Profile};

/// Length of `_xHHHH_`.
const ESCAPE: usize = 7;

/// Removes what is not text; in a code also blanks and full-width forms.
pub(super) fn strip(text: &str, profile: Profile, found: &mut Found) -> String {
    let mut kept = String::with_capacity(text.len());
    // No later escape begins before this index.
    let mut searched_upto = 0;
    for c in text.chars() {
        let Some(c) = keep(c, profile, found) else { continue };
        kept.push(c);
        if c != '_' || kept.len() < searched_upto + ESCAPE {
            continue;
        }
        let start = kept.len() - ESCAPE;
        match escape(&kept.as_bytes()[start..]) {
            Some('_') => searched_upto = kept.len(),
            Some(escaped) => {
                kept.truncate(start);
                found.escapes = true;
                kept.extend(keep(escaped, profile, found));
            }
            None => {}
        }
    }
    kept
}

/// The character of the escape at the beginning of `bytes`, if there is one. An escaped underscore
/// is returned too, but it is kept as it is: it says that what follows is *not* an escape, and
/// reading the result again must see that as well.
pub(super) fn escape(bytes: &[u8]) -> Option<char> {
    let [b'_', b'x', digits @ .., b'_'] = bytes.get(..ESCAPE)? else { return None };
    digits
        .iter()
        .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
        .and_then(char::from_u32)
}

/// The character to keep for `c`.
pub(super) fn keep(c: char, profile: Profile, found: &mut Found) -> Option<char> {
    match c {
        _ if profile == Profile::Code && c.is_whitespace() => {
            found.blanks = true;
            None
        }
        '\t' | '\n' | '\r' => Some(c),
        '\u{FEFF}' => {
            found.byte_order_mark = true;
            None
        }
        _ if c.is_control() => {
            found.controls = true;
            None
        }
        // The block of full-width forms has the order of ASCII.
        '\u{FF01}'..='\u{FF5E}' if profile == Profile::Code => {
            found.widths = true;
            char::from_u32(u32::from(c) - 0xFEE0)
        }
        _ => Some(c),
    }
}
