//! Numbers with a check digit: citizen identity numbers (GB 11643) and unified social credit codes
//! (GB 32100-2015, which contain the organisation code of GB 11714).

use chrono::NaiveDate;

use super::{CheckedNumber, Problem, digits, normalise_and_check};

/// Checks an identity number of 18 characters, or of 15 digits, the form issued until 1999. The area
/// code is not checked: numbers stay valid after their area code is abolished.
pub fn id_card(text: &str) -> CheckedNumber {
    normalise_and_check(text, |number| match number.len() {
        18 => check_18(number),
        15 => check_15(number),
        _ => Some(Problem::Format),
    })
}

const ID_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check digit for each remainder modulo 11.
const ID_CHECK: &[u8; 11] = b"10X98765432";

/// Checks a number of 18 characters. The year is between 1800 and 2099.
fn check_18(number: &str) -> Option<Problem> {
    let Some((body, check)) = number.split_at_checked(17) else { return Some(Problem::Format) };
    let Some(digits) = digits(body) else { return Some(Problem::Format) };
    if !matches!(check.as_bytes(), [b'0'..=b'9' | b'X']) {
        return Some(Problem::Format);
    }
    if !matches!(digits[6..8], [1, 8 | 9] | [2, 0]) || !is_date(&body[6..14]) {
        return Some(Problem::Date);
    }
    let sum: u32 = digits.iter().zip(ID_WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let expected = ID_CHECK[sum as usize % ID_CHECK.len()];
    (check.as_bytes() != [expected]).then_some(Problem::CheckDigit)
}

/// Such a number has no check digit, and no century in its date.
fn check_15(number: &str) -> Option<Problem> {
    if digits(number).is_none() {
        return Some(Problem::Format);
    }
    (!is_date(&format!("19{}", &number[6..12]))).then_some(Problem::Date)
}

fn is_date(yyyymmdd: &str) -> bool {
    NaiveDate::parse_from_str(yyyymmdd, "%Y%m%d").is_ok()
}

/// Checks a unified social credit code: its 18 characters, its own check digit, and that of the
/// organisation code in positions 9 to 17.
pub fn uscc(text: &str) -> CheckedNumber {
    normalise_and_check(text, |code| check_uscc(code.as_bytes()))
}

/// The 31 characters of the code; the index of each is its value. I, O, S, V and Z are left out:
/// they are too similar to digits or to each other.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const USCC_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORG_WEIGHTS: [usize; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

fn check_uscc(code: &[u8]) -> Option<Problem> {
    let value = |byte: &u8| ALPHABET.iter().position(|known| known == byte);
    let values: Option<Vec<usize>> = code.iter().map(value).collect();
    let Some(values) = values.filter(|values| values.len() == 18) else {
        return Some(Problem::Format);
    };
    if !code[2..8].iter().all(u8::is_ascii_digit) {
        return Some(Problem::Format);
    }
    let sum: usize = values.iter().zip(USCC_WEIGHTS).map(|(value, weight)| value * weight).sum();
    let is_valid = values[17] == (31 - sum % 31) % 31 && code[16] == org_check(&code[8..16]);
    (!is_valid).then_some(Problem::CheckDigit)
}

/// The check digit of an organisation code (GB 11714). Letters have the values from 10 up; none is
/// skipped.
fn org_check(body: &[u8]) -> u8 {
    let value = |byte: &u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 };
    let products = body.iter().zip(ORG_WEIGHTS).map(|(b, weight)| usize::from(value(b)) * weight);
    b"0X987654321"[products.sum::<usize>() % 11]
}

#[cfg(test)]
mod tests;
