//! Removes control characters and byte order marks, and resolves Excel's escapes.
//!
//! Excel writes characters that XML cannot hold as `_xHHHH_`. Removing a character can join the
//! parts of such an escape. So the output is checked for an escape whenever an `_` is appended:
//! after one pass, none is left.

use super::{Found, Profile, radical::ordinary, scan::usual_len};

/// Length of `_xHHHH_`.
const ESCAPE: usize = 7;

/// Removes what is not text, and decodes escapes if the text `has_escapes`. In a code, it also removes whitespace and makes full-width characters
/// half-width.
pub(super) fn strip(text: &str, profile: Profile, has_escapes: bool, found: &mut Found) -> String {
    let mut kept = String::with_capacity(text.len());
    // An escape must begin at this index or later.
    let mut min_start = 0;
    let mut rest = text;
    loop {
        // Nearly all characters stay as they are: they are copied many at a time.
        let (usual, unread) = rest.split_at(usual_len(rest));
        kept.push_str(usual);
        let mut chars = unread.chars();
        let Some(c) = chars.next() else { return kept };
        rest = chars.as_str();
        if may_join(&kept, c) {
            kept.push(c);
            continue;
        }
        let Some(c) = keep(c, profile, found) else { continue };
        kept.push(c);
        if c != '_' || !has_escapes || kept.len() < min_start + ESCAPE {
            continue;
        }
        let start = kept.len() - ESCAPE;
        match escape(&kept.as_bytes()[start..]) {
            Some('_') => min_start = kept.len(),
            Some(escaped) => {
                kept.truncate(start);
                found.escapes = true;
                kept.extend(keep(escaped, profile, found));
            }
            None => {}
        }
    }
}

/// The character of the escape at the beginning of `bytes`, if there is one. Callers keep an escaped
/// underscore as it is: Excel writes it before text that looks like an escape, and this text must not
/// become one.
pub(super) fn escape(bytes: &[u8]) -> Option<char> {
    let [b'_', b'x', digits @ .., b'_'] = bytes.get(..ESCAPE)? else { return None };
    digits
        .iter()
        .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
        .and_then(char::from_u32)
}

/// The character that stands for `c` in the cleaned text; `None` if `c` is removed.
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
        _ if is_invisible(c) => {
            found.invisible = true;
            None
        }
        '\u{2E80}'..='\u{2FD5}' => {
            let ordinary = ordinary(c);
            found.compatibility |= ordinary != c;
            Some(ordinary)
        }
        // The block of full-width forms has the order of ASCII.
        '\u{FF01}'..='\u{FF5E}' if profile == Profile::Code => {
            found.widths = true;
            char::from_u32(u32::from(c) - 0xFEE0)
        }
        _ => Some(c),
    }
}

/// Whether nobody sees this character: soft hyphens, spaces of no width, joiners, and controls of the
/// direction of writing, which can make a text look like another one.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}')
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FFF9}'..='\u{FFFB}')
}

/// Whether this is a joiner that the end of `before` needs: it makes one emoji of several, and shapes the
/// letters of Arabic, Indic and related scripts.
pub(super) fn may_join(before: &str, c: char) -> bool {
    let is_joined = |before: char| {
        matches!(before, '\u{600}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{A840}'..='\u{ABFF}')
            || matches!(before, '\u{2190}'..='\u{2BFF}' | '\u{FE0F}' | '\u{1F000}'..='\u{1FAFF}')
            || matches!(before, '\u{E0020}'..='\u{E007F}')
    };
    matches!(c, '\u{200C}' | '\u{200D}') && before.chars().next_back().is_some_and(is_joined)
}
