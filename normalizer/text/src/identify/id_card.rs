//! Citizen identity numbers, GB 11643: area, date of birth, order, check digit.

use chrono::NaiveDate;

use super::{Identified, Problem, digits, identify};

/// Checks an identity number of 18 characters, or of 15 digits as until 1999. The area is not
/// checked: areas are dissolved, numbers stay.
pub fn id_card(text: &str) -> Identified {
    identify(text, |number| match number.len() {
        18 => check_18(number),
        15 => check_15(number),
        _ => Some(Problem::Form),
    })
}

const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
/// The check digit for each remainder modulo 11.
const CHECK: &[u8; 11] = b"10X98765432";

fn check_18(number: &str) -> Option<Problem> {
    let Some((body, check)) = number.split_at_checked(17) else { return Some(Problem::Form) };
    let Some(digits) = digits(body) else { return Some(Problem::Form) };
    if !matches!(check.as_bytes(), [b'0'..=b'9' | b'X']) {
        return Some(Problem::Form);
    }
    if !matches!(digits[6..8], [1, 8 | 9] | [2, 0]) || !is_date(&body[6..14]) {
        return Some(Problem::Date);
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    let expected = CHECK[sum as usize % CHECK.len()];
    (check.as_bytes() != [expected]).then_some(Problem::CheckDigit)
}

/// Has no check digit; the century is left out.
fn check_15(number: &str) -> Option<Problem> {
    if digits(number).is_none() {
        return Some(Problem::Form);
    }
    (!is_date(&format!("19{}", &number[6..12]))).then_some(Problem::Date)
}

fn is_date(yyyymmdd: &str) -> bool {
    NaiveDate::parse_from_str(yyyymmdd, "%Y%m%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: [&str; 5] = [
        "340202198001010015",
        "340207199512310024",
        "340221197006151233",
        "34028119880808888X",
        "340209200002290041",
    ];

    #[test]
    fn valid_numbers_pass_however_they_are_typed() {
        for number in VALID {
            let wide: String =
                number.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
            let spaced = format!("\u{3000}{} {}\t", &number[..6], &number[6..]);
            for typed in [number.to_owned(), number.to_lowercase(), wide, spaced] {
                let expected = Identified { normalised: number.to_owned(), problem: None };
                assert_eq!(id_card(&typed), expected, "{typed}");
            }
        }
        assert_eq!(id_card("340202800101001").problem, None);
    }

    #[test]
    fn no_single_wrong_digit_passes() {
        for number in VALID {
            for place in 0..18 {
                for digit in "0123456789X".chars() {
                    let mut wrong = number.to_owned();
                    wrong.replace_range(place..=place, &digit.to_string());
                    assert_eq!(id_card(&wrong).problem.is_none(), wrong == number, "{wrong}");
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (number, problem) in [
            ("", Problem::Form),
            ("3402021980010100", Problem::Form),
            ("3402021980010100155", Problem::Form),
            ("3402021980010100X5", Problem::Form),
            ("34020219800101001A", Problem::Form),
            ("芜湖市镜湖区", Problem::Form),
            ("340202198002300015", Problem::Date),
            ("340209190002290041", Problem::Date),
            ("340202218001010015", Problem::Date),
            ("340202801301001", Problem::Date),
            ("34020280010100X", Problem::Form),
            ("340202198001010016", Problem::CheckDigit),
            ("340202********0015", Problem::Masked),
            ("340202XXXXXXXX0015", Problem::Masked),
        ] {
            assert_eq!(id_card(number).problem, Some(problem), "{number}");
        }
    }
}
