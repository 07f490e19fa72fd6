//! Texts like `$'a\nb'`, in which shells know more escapes.

use anyhow::{Result, bail};

use super::Signs;

/// A text like `$'a\nb'`.
pub(super) fn quoted(signs: &mut Signs<'_>, word: &mut String) -> Result<()> {
    while let Some(sign) = signs.next() {
        match sign {
            '\'' => return Ok(()),
            '\\' => match signs.next() {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some('x') => word.extend(code(signs, 2, 16)),
                Some('u') => word.extend(unicode(signs)),
                Some('U') => word.extend(code(signs, 8, 16)),
                Some(first @ '0'..='7') => {
                    let mut digits = first.to_string();
                    digits.push_str(&digits_of(signs, 2, 8));
                    word.extend(u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32));
                }
                Some(sign @ ('\\' | '\'' | '"' | '?')) => word.push(sign),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            sign => word.push(sign),
        }
    }
    bail!("a quote $' in the command is not closed")
}

/// A character by its number; two of them are one character beyond U+FFFF.
fn unicode(signs: &mut Signs<'_>) -> Option<char> {
    let high = u32::from_str_radix(&digits_of(signs, 4, 16), 16).ok()?;
    let mut ahead = signs.clone();
    let is_pair =
        (0xd800..0xdc00).contains(&high) && ahead.next() == Some('\\') && ahead.next() == Some('u');
    if !is_pair {
        return char::from_u32(high);
    }
    let low = u32::from_str_radix(&digits_of(&mut ahead, 4, 16), 16).ok()?;
    *signs = ahead;
    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)
}

fn code(signs: &mut Signs<'_>, max: usize, radix: u32) -> Option<char> {
    u32::from_str_radix(&digits_of(signs, max, radix), radix).ok().and_then(char::from_u32)
}

fn digits_of(signs: &mut Signs<'_>, max: usize, radix: u32) -> String {
    let mut digits = String::new();
    while digits.len() < max
        && let Some(digit) = signs.next_if(|sign| sign.is_digit(radix))
    {
        digits.push(digit);
    }
    digits
}
