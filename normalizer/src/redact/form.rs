//! Mail addresses and number plates, by their form.

use memchr::memchr_iter;

use super::Hidden;

/// Maximum length before the `@`, RFC 5321.
const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 255;

/// Adds what is found in `text`. The first character and the domain, which is rarely personal, are
/// kept.
pub(super) fn find_mail(text: &str, hidden: &mut Vec<Hidden>) {
    for at in memchr_iter(b'@', text.as_bytes()) {
        let (before, after) = (&text.as_bytes()[..at], &text.as_bytes()[at + 1..]);
        let local = before.iter().rev().take(LONGEST_LOCAL).take_while(|b| is_local(**b)).count();
        let domain = after.iter().take(LONGEST_DOMAIN).take_while(|b| is_domain(**b)).count();
        let domain = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
        let has_end = domain.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() >= 2 && end.bytes().all(|b| b.is_ascii_alphabetic())
        });
        if local > 0 && has_end {
            let start = at - local;
            let first = &text[start..=start];
            let mask = format!("{first}***@{domain}");
            hidden.push(Hidden { at: start..at + 1 + domain.len(), mask });
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+')
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// Number plates of vehicles (GA 36): province, letter, five characters, six for new energy.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// Suffixes: trailers, driving schools, police, Hong Kong and Macao.
const SUFFIXES: &str = "挂学警港澳";

/// Adds what is found in `text`.
pub(super) fn find_plates(text: &str, hidden: &mut Vec<Hidden>) {
    // Letters are rarer in Chinese text than the characters of provinces.
    let letters = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic());
    for (at, _) in letters {
        let before = text[..at].chars().next_back().filter(|c| PROVINCES.contains(*c));
        if let Some(province) = before
            && let Some((letter, length)) = plate(&text[at..])
        {
            let start = at - province.len_utf8();
            let mask = format!("{province}{letter}****");
            hidden.push(Hidden { at: start..at + length, mask });
        }
    }
}

/// The letter of the city, and the length of everything after the province.
fn plate(text: &str) -> Option<(char, usize)> {
    let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
    let behind = &text[1..];
    let number = behind.trim_start_matches(['·', '.', '•', '-', ' ', '・']);
    if behind.len() - number.len() > 3 {
        return None;
    }
    let mut length = number.bytes().take(7).take_while(u8::is_ascii_alphanumeric).count();
    let after = number[length..].chars().next();
    let suffix = after.filter(|c| length == 4 && SUFFIXES.contains(*c));
    length += suffix.map_or(0, char::len_utf8);
    let is_plate = suffix.is_some() || is_number(&number.as_bytes()[..length]);
    is_plate.then(|| (letter.to_ascii_uppercase(), text.len() - number.len() + length))
}

/// Five characters, most of them digits; six with the letter for new energy at the beginning or the
/// end. 新BMW2024款 is a car, not a plate.
fn is_number(places: &[u8]) -> bool {
    let is_letter = |byte: &u8| matches!(byte.to_ascii_uppercase(), b'A'..=b'H' | b'J' | b'K');
    match places {
        [_, _, _, _, _] => places.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3,
        [first, _, rest @ ..] if rest.len() == 4 && is_letter(first) => {
            rest.iter().all(u8::is_ascii_digit)
        }
        [rest @ .., last] if rest.len() == 5 && is_letter(last) => {
            rest.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}
