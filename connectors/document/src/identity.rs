//! Texts that cannot be the key of a record, because other records may have the same text instead of
//! their keys.

/// Why a text is no key; `None` if it can be one.
pub fn no_key(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let is_lost = |c: char| matches!(c, '?' | '？' | '¿');
    let is_literal = |literal: &str| text.eq_ignore_ascii_case(literal);
    match () {
        () if text.is_empty() => Some("the key is empty"),
        () if text.contains(char::REPLACEMENT_CHARACTER) => Some("the key has lost a character"),
        () if text.chars().all(is_lost) => Some("the key has lost its characters: it is only `?`"),
        () if is_sheet_error(text) => Some("the key is an error of a spreadsheet"),
        () if is_rounded(text) => {
            Some("the key is a rounded number: a spreadsheet has cut its digits")
        }
        () if is_literal("true") || is_literal("false") => Some("the key is true or false"),
        () => None,
    }
}

/// Whether a text is an error that a spreadsheet shows in a cell, like `#N/A`, `#REF!` or `####`.
fn is_sheet_error(text: &str) -> bool {
    const ERRORS: [&str; 9] =
        ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"];
    ERRORS.iter().any(|error| error.eq_ignore_ascii_case(text)) || text.bytes().all(|b| b == b'#')
}

/// Whether a text is a number in the form `1.23457E+17`.
fn is_rounded(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mantissa = mantissa.trim_start_matches(['-', '+']);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let has_sign = exponent.starts_with(['+', '-']);
    is_digits(whole)
        && is_digits(fraction)
        && is_digits(exponent.trim_start_matches(['+', '-']))
        && (has_sign || mantissa.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_place_of_a_lost_key_is_no_key() {
        for text in [
            "",
            " ",
            "#N/A",
            "#n/a",
            "#REF!",
            "########",
            "?",
            "????",
            "？？",
            "¿¿",
            "A-\u{FFFD}",
            "1.23457E+17",
            "1.23457e17",
            "1E+17",
            "-1.5E-3",
            "TRUE",
            "false",
        ] {
            assert!(no_key(text).is_some(), "{text}");
        }
        for text in ["A-1", "0", "17", "1E5", "12E", "E+17", "#1", "W?1", "真", "1.5", "TRUE-1"] {
            assert_eq!(no_key(text), None, "{text}");
        }
    }
}
