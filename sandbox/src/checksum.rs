//! Computes check characters, so that made-up identity numbers (GB 11643-1999) and unified social credit
//! codes (GB 32100-2015) are valid. A credit code contains an organisation code (GB 11714-1997).

/// The characters of unified social credit codes: digits and letters, without I, O, S, V and Z.
pub const USCC_ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";

const ID_WEIGHTS: [usize; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const ID_CHECK: &[u8; 11] = b"10X98765432";
const ORGANISATION_WEIGHTS: [usize; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
const USCC_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// The 18th character of an identity number from its first 17; `None` if `first_17` is not
/// 17 digits.
#[must_use]
pub fn identity_check(first_17: &str) -> Option<char> {
    let sum = sum(first_17, &ID_WEIGHTS, |c| {
        c.to_digit(10).and_then(|digit| usize::try_from(digit).ok())
    })?;
    Some(char::from(ID_CHECK[sum % 11]))
}

/// The ninth character of an organisation code from its first eight; `None` if `first_8` is not eight
/// digits or capital letters.
#[must_use]
pub fn organisation_check(first_8: &str) -> Option<char> {
    let sum = sum(first_8, &ORGANISATION_WEIGHTS, |c| {
        let digit = (!c.is_ascii_lowercase()).then(|| c.to_digit(36))??;
        usize::try_from(digit).ok()
    })?;
    match 11 - sum % 11 {
        10 => Some('X'),
        11 => Some('0'),
        digit => char::from_digit(u32::try_from(digit).ok()?, 10),
    }
}

/// The 18th character of a unified social credit code from its first 17; `None` if `first_17` is not
/// 17 characters of [`USCC_ALPHABET`].
#[must_use]
pub fn uscc_check(first_17: &str) -> Option<char> {
    let sum = sum(first_17, &USCC_WEIGHTS, |c| USCC_ALPHABET.find(c))?;
    USCC_ALPHABET.chars().nth((31 - sum % 31) % 31)
}

/// The sum of the value of each character times its weight; `None` if `text` does not have one character
/// for each weight, or `value` returns `None` for one.
fn sum(text: &str, weights: &[usize], value: impl Fn(char) -> Option<usize>) -> Option<usize> {
    if text.chars().count() != weights.len() {
        return None;
    }
    let pairs = text.chars().zip(weights);
    pairs.map(|(c, weight)| Some(value(c)? * weight)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_numbers_carry_their_check_character() {
        for number in [
            "340202198001010015",
            "340207199512310024",
            "340221197006151233",
            "34028119880808888X",
            "340209200002290041",
        ] {
            assert_eq!(identity_check(&number[..17]), number.chars().last(), "{number}");
        }
        assert_eq!(identity_check("3402021980010100"), None);
        assert_eq!(identity_check("3402021980010100１"), None);
    }

    #[test]
    fn credit_codes_carry_their_check_character() {
        for code in [
            "91340200MA8N0W1H51",
            "91340207MA2U7K3BXJ",
            "91340210MA2RTERT09",
            "92340202MA2TQ9C428",
            "913402817489001218",
            "91340200000000000J",
        ] {
            assert_eq!(uscc_check(&code[..17]), code.chars().last(), "{code}");
            assert_eq!(organisation_check(&code[8..16]), code.chars().nth(16), "{code}");
        }
        assert_eq!(uscc_check("91340200MA8N0W1HI"), None);
    }
}
