//! Filler: a text of the same shape that says nothing.

use crate::redact::first_character;

/// A mobile number that belongs to nobody.
const MOBILE: &str = "13800000000";

/// Filler for a text. Signs, escapes and the names of HTML characters such as `&nbsp;` stay; a letter or digit
/// becomes another one of its kind. Filler for filler is the same.
pub(super) fn fill(text: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((c, len)) = first_character(rest) {
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        // What first_character decodes is a letter, or a sign that stays.
        let escape_len = escape_len(rest).filter(|_| len == 1);
        let taken = if n_digits > 0 {
            filled.push_str(&digits(&rest[..n_digits]));
            n_digits
        } else if let Some(len) = escape_len {
            filled.push_str(&rest[..len]);
            len
        } else {
            match letter(c) {
                Some(letter) => filled.push(letter),
                None => filled.push_str(&rest[..len]),
            }
            len
        };
        rest = &rest[taken..];
    }
    filled
}

/// Filler for digits in a row. A year stays one of this century, and any 1 may be a month, a day or an hour:
/// so filler for a time is a time. A mobile number stays one, too.
fn digits(digits: &str) -> String {
    let is_mobile =
        digits.len() == MOBILE.len() && matches!(digits.as_bytes(), [b'1', b'3'..=b'9', ..]);
    if is_mobile {
        return MOBILE.to_owned();
    }
    let has_year = digits.len() >= 4 && matches!(digits.get(..2), Some("19" | "20"));
    let century = if has_year { "20" } else { "" };
    century.to_owned() + &"1".repeat(digits.len() - century.len())
}

/// Filler for a letter or digit; `None` for a sign, which stays.
fn letter(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some('1'),
        '０'..='９' => Some('１'),
        'a'..='z' => Some('a'),
        'A'..='Z' => Some('A'),
        _ => c.is_alphanumeric().then_some('甲'),
    }
}

/// The length of an escape such as `\"`, or of the `\u` before four digits, at the start; `None` if there is none.
fn escape_len(text: &str) -> Option<usize> {
    let after = text.strip_prefix('\\')?;
    after.starts_with(['"', '\\', '/', 'b', 'f', 'u']).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filler_has_the_shape_of_the_text_and_is_its_own_filler() {
        for (text, filler) in [
            ("", ""),
            ("王 小 明", "甲 甲 甲"),
            ("文化路 12号，139\u{200b}00001111", "甲甲甲 11甲，111\u{200b}11111111"),
            ("13900001111", "13800000000"),
            ("139.0000.1111", "111.1111.1111"),
            ("一三九零零", "甲甲甲甲甲"),
            ("1990-01-01 08:30:00.5", "2011-11-11 11:11:11.1"),
            ("20261009103000", "20111111111111"),
            ("1790000000000", "1111111111111"),
            ("31.351234", "11.111111"),
            ("wxid_Wang@x.com", "aaaa_Aaaa@a.aaa"),
            ("１３９", "１１１"),
            (r#""a\n王\"\u738b\\""#, r#""a\n甲\"甲\\""#),
            ("&nbsp;&#29579;&lt;b&gt;%E7%8E%8B", "&nbsp;甲&lt;a&gt;甲"),
        ] {
            assert_eq!(fill(text), filler, "{text}");
            assert_eq!(fill(filler), filler);
        }
    }
}
