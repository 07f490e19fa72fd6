//! Number plates of vehicles (GA 36): province, letter, five characters, six for new energy.

use super::Hidden;

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// Behind the number: trailers, teachers, police, Hong Kong and Macao.
const SUFFIXES: &str = "挂学警港澳";

/// Adds what is found in `text`.
pub(super) fn find(text: &str, hidden: &mut Vec<Hidden>) {
    // Letters are rare in prose, characters that are also a province are not.
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

/// The letter of the city, and the length of everything behind the province.
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

/// Five places, most of them digits; six with the letter of new energy in front or at the end.
/// 新BMW2024款 is a car, not a plate.
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
