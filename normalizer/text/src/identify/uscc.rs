//! Unified social credit codes, GB 32100-2015, with the organisation code of GB 11714 in them.

use super::{Identified, Problem, identify};

/// Checks a unified social credit code: its 18 characters, its own check digit, and that of the
/// organisation code in places 9 to 17.
pub fn uscc(text: &str) -> Identified {
    identify(text, |code| check(code.as_bytes()))
}

/// The 31 characters of the code, each at the place of its value. I, O, S, V and Z are too like
/// digits or each other.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const INNER_WEIGHTS: [u8; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

fn check(code: &[u8]) -> Option<Problem> {
    let value = |byte: &u8| ALPHABET.iter().position(|known| known == byte);
    let values: Option<Vec<usize>> = code.iter().map(value).collect();
    let Some(values) = values.filter(|values| values.len() == 18) else {
        return Some(Problem::Form);
    };
    if !code[2..8].iter().all(u8::is_ascii_digit) {
        return Some(Problem::Form);
    }
    let sum: usize = values.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum();
    let is_right = values[17] == (31 - sum % 31) % 31 && code[16] == inner_check(&code[8..16]);
    (!is_right).then_some(Problem::CheckDigit)
}

/// The check digit of an organisation code, GB 11714: letters count from 10, none is left out.
fn inner_check(body: &[u8]) -> u8 {
    let value = |byte: &u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 };
    let sum: u32 = body
        .iter()
        .zip(INNER_WEIGHTS)
        .map(|(b, weight)| u32::from(value(b)) * u32::from(weight))
        .sum();
    b"0X987654321"[sum as usize % 11]
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [&str; 6] = [
        "91340200MA8N0W1H51",
        "91340207MA2U7K3BXJ",
        "91340210MA2RTERT09",
        "92340202MA2TQ9C428",
        "913402817489001218",
        "91340200000000000J",
    ];

    #[test]
    fn valid_codes_pass_however_they_are_typed() {
        for code in VALID {
            let wide: String =
                code.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
            let spaced = format!(" {} {}\u{A0}", &code[..8], &code[8..]);
            for typed in [code.to_owned(), code.to_lowercase(), wide, spaced] {
                let expected = Identified { normalised: code.to_owned(), problem: None };
                assert_eq!(uscc(&typed), expected, "{typed}");
            }
        }
    }

    #[test]
    fn no_single_wrong_character_passes() {
        for code in VALID {
            for place in 0..18 {
                for character in ('0'..='9').chain('A'..='Z') {
                    let mut wrong = code.to_owned();
                    wrong.replace_range(place..=place, &character.to_string());
                    assert_eq!(uscc(&wrong).problem.is_none(), wrong == code, "{wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (code, problem) in [
            ("", Problem::Form),
            ("91340200MA8N0W1H5", Problem::Form),
            ("91340200MA8N0W1H511", Problem::Form),
            ("9134020OMA8N0W1H51", Problem::Form),
            ("91340200MA8N0W1H5中", Problem::Form),
            ("340200000000001", Problem::Form),
            ("91340200MA8N0W1H52", Problem::CheckDigit),
            ("91340200MA8N0W1H15", Problem::CheckDigit),
            // Right as a whole; the organisation code within is not.
            ("91340200MA8N0W1H0H", Problem::CheckDigit),
            ("92340202MA2TQ9C402", Problem::CheckDigit),
            ("913402**********51", Problem::Masked),
        ] {
            assert_eq!(uscc(code).problem, Some(problem), "{code}");
        }
    }
}
