//! Finds email addresses and number plates by their format.

use memchr::memchr_iter;

use super::Replacement;

/// Maximum length of the part before the `@` (RFC 5321).
const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 255;

/// Adds the email addresses in `text`. The mask keeps the first character and the domain, which is rarely
/// personal.
pub(super) fn find_mail(text: &str, replacements: &mut Vec<Replacement>) {
    for at in memchr_iter(b'@', text.as_bytes()) {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
        let local = before.iter().rev().take(MAX_LOCAL_BYTES).take_while(|b| is_local(**b)).count();
        let domain = after.iter().take(MAX_DOMAIN_BYTES).take_while(|b| is_domain(**b)).count();
        let domain = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
        let has_top_level = domain.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() >= 2 && end.bytes().all(|b| b.is_ascii_alphabetic())
        });
        if local > 0 && has_top_level {
            let start = at - local;
            let first = &text[start..=start];
            let mask = format!("{first}***@{domain}");
            replacements.push(Replacement { range: start..at + 1 + domain.len(), mask });
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// The characters for provinces. A number plate (GA 36) has one of them, a letter, and five characters, or
/// six for electric and hybrid cars ("new energy").
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// Suffixes: trailers, driving schools, police, Hong Kong and Macao.
const SUFFIXES: &str = "挂学警港澳";

/// Adds the number plates in `text`.
pub(super) fn find_plates(text: &str, replacements: &mut Vec<Replacement>) {
    // Letters are searched first, because in Chinese text they are rarer than these characters.
    let letters = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic());
    for (at, _) in letters {
        let before = text[..at].chars().next_back().filter(|c| PROVINCES.contains(*c));
        if let Some(province) = before
            && let Some((letter, length)) = plate(&text[at..])
        {
            let start = at - province.len_utf8();
            let mask = format!("{province}{letter}****");
            replacements.push(Replacement { range: start..at + length, mask });
        }
    }
}

/// Parses a plate after the character of the province: the letter of the city, and the length in bytes.
fn plate(text: &str) -> Option<(char, usize)> {
    let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
    let after_letter = &text[1..];
    let number = after_letter.trim_start_matches(['·', '.', '•', '-', ' ', '・']);
    if after_letter.len() - number.len() > 3 {
        return None;
    }
    let mut length = number.bytes().take(7).take_while(u8::is_ascii_alphanumeric).count();
    let after = number[length..].chars().next();
    let suffix = after.filter(|c| length == 4 && SUFFIXES.contains(*c));
    length += suffix.map_or(0, char::len_utf8);
    let is_plate = suffix.is_some() || is_plate_number(&number.as_bytes()[..length]);
    let is_plate = is_plate && !is_document(&number[length..]);
    is_plate.then(|| (letter.to_ascii_uppercase(), text.len() - number.len() + length))
}

/// Whether the text after it says that this is the number of a document, as in 苏A12345号文件.
fn is_document(after: &str) -> bool {
    const DOCUMENTS: [&str; 11] =
        ["文", "函", "通知", "批复", "复函", "决定", "公告", "令", "意见", "合同", "许可"];
    let after = after.strip_prefix('号');
    after.is_some_and(|after| DOCUMENTS.iter().any(|word| after.starts_with(word)))
}

/// Whether these are the last characters of a plate: five, of which at least three are digits, or six
/// with the letter for new energy at the beginning or the end. 新BMW2024款 is a car and not a plate.
fn is_plate_number(characters: &[u8]) -> bool {
    let is_letter = |byte: &u8| matches!(byte.to_ascii_uppercase(), b'A'..=b'H' | b'J' | b'K');
    match characters {
        [_, _, _, _, _] => characters.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3,
        [first, _, digits @ ..] if digits.len() == 4 && is_letter(first) => {
            digits.iter().all(u8::is_ascii_digit)
        }
        [digits @ .., last] if digits.len() == 5 && is_letter(last) => {
            digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}
