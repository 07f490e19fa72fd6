//! Finds a number in a text, however it is written there: `139 0000 1111`, `139.0000.1111`, `１３９…`, `一三九…`, with a
//! line break or an invisible character in it.

use std::ops::Range;

/// Shorter numbers stand in every other text.
const MIN_SIGNS: usize = 7;

/// A telephone or identity number of a person.
#[derive(Debug)]
pub(super) struct Number(Vec<char>);

impl Number {
    /// `None` if it is too short to identify anybody.
    pub(super) fn new(plain: &str) -> Option<Self> {
        let signs: Vec<char> = plain.chars().filter_map(folded).collect();
        (signs.len() >= MIN_SIGNS).then_some(Self(signs))
    }

    /// Whether it stands in this text, which may be JSON.
    pub(super) fn is_in(&self, text: &str) -> bool {
        !self
            .places(&text.replace("\\n", "  ").replace("\\r", "  ").replace("\\t", "  "))
            .is_empty()
    }

    /// Masks it in a text; returns whether it was there.
    pub(super) fn mask_in(&self, text: &mut String) -> bool {
        let places = self.places(text);
        for place in places.iter().rev() {
            text.replace_range(place.clone(), "***");
        }
        !places.is_empty()
    }

    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let signs: Vec<(Range<usize>, char)> = text
            .char_indices()
            .filter_map(|(at, sign)| Some((at..at + sign.len_utf8(), folded(sign)?)))
            .collect();
        let (mut places, mut from) = (Vec::new(), 0);
        while let Some(window) = signs.get(from..from + self.0.len()) {
            if window.iter().map(|(_, sign)| sign).eq(&self.0)
                && let (Some((first, _)), Some((last, _))) = (window.first(), window.last())
            {
                places.push(first.start..last.end);
                from += self.0.len();
            } else {
                from += 1;
            }
        }
        places
    }
}

/// A sign as it is compared: a digit as ASCII, a letter in upper case, and nothing for what separates digits.
fn folded(sign: char) -> Option<char> {
    const CHINESE: &str = "零一二三四五六七八九";
    let digit = match sign {
        '〇' => Some(0),
        '０'..='９' => Some(u32::from(sign) - u32::from('０')),
        _ => sign.to_digit(10).or_else(|| {
            let at = CHINESE.chars().position(|digit| digit == sign)?;
            u32::try_from(at).ok()
        }),
    };
    match digit.and_then(|digit| char::from_digit(digit, 10)) {
        Some(digit) => Some(digit),
        None if sign == 'Ｘ' => Some('X'),
        None => sign.is_alphanumeric().then_some(sign.to_ascii_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_however_it_is_written() {
        let phone = Number::new("139-0000-1111").unwrap();
        for text in [
            "13900001111",
            "tel. +86 139 0000 1111!",
            "139.0000.1111",
            "139_0000/1111",
            "139·0000·1111",
            "１３９００００１１１１",
            "139零零零零1111",
            "一三九〇〇〇〇一一一一",
            "139\u{200b}0000\n1111",
            r#"{"phone":"139\n00001111"}"#,
        ] {
            assert!(phone.is_in(text), "{text}");
        }
        for text in ["1390000111", "139a00001111", r#"{"a":139,"b":"00001111"}"#, ""] {
            assert!(!phone.is_in(text), "{text}");
        }
        let id_no = Number::new("34020219900101123x").unwrap();
        assert!(id_no.is_in("340202 19900101 123Ｘ"));
        assert!(Number::new("12345").is_none());
    }

    #[test]
    fn a_number_that_is_found_is_masked_and_nothing_else() {
        let mut text = "张 139.0000.1111 或 一三九〇〇〇〇一一一一，谢谢".to_owned();
        assert!(Number::new("13900001111").unwrap().mask_in(&mut text));
        assert_eq!(text, "张 *** 或 ***，谢谢");
        assert!(!Number::new("13900001111").unwrap().mask_in(&mut text));
    }
}
