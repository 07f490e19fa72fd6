//! Numbers that identify a person, an organisation or a telephone, and whether they are valid.
//!
//! They are typed by hand, so character width, whitespace and case are normalised first. A wrong
//! number is reported and never corrected: the check digit does not reveal which digit is wrong.

mod check_digit;
mod phone;

use crate::{Profile, clean};

pub use check_digit::{id_card, uscc};
pub use phone::{landline, mobile};

/// A number in normalised form, and whether it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedNumber {
    /// The number in half-width characters and upper case, without whitespace. A number with a
    /// problem is normalised as far as possible.
    pub normalised: String,
    /// What is wrong with it; `None` if it is valid.
    pub problem: Option<Problem>,
}

/// Why a number is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Parts of it are masked: it must not be used as a key.
    Masked,
    /// Wrong length, or a character that such a number cannot contain.
    Format,
    /// The date of birth in it is not a valid date.
    Date,
    /// The check digit does not match the other digits.
    CheckDigit,
}

/// Whether parts of a value are masked: `138****1234`, `陈***`, `340202XXXXXXXX0015`.
pub fn is_masked(text: &str) -> bool {
    let mut x_run = 0;
    text.chars().any(|c| {
        // Up to two X in a row may be letters of a code; three are a mask.
        x_run = if matches!(c, 'x' | 'X' | '×' | 'ｘ' | 'Ｘ') { x_run + 1 } else { 0 };
        x_run == 3 || matches!(c, '*' | '＊' | '∗' | '●' | '○' | '■' | '█')
    })
}

/// Normalises width, whitespace and case.
fn normalise(text: &str) -> String {
    clean(text, Profile::Code).text.to_ascii_uppercase()
}

/// Normalises width, whitespace and case, and reports what `check` finds. If `check` finds a problem
/// in a masked value, the problem is `Masked`.
fn normalise_and_check(text: &str, check: impl Fn(&str) -> Option<Problem>) -> CheckedNumber {
    let normalised = normalise(text);
    let found = check(&normalised);
    let problem =
        if found.is_some() && is_masked(&normalised) { Some(Problem::Masked) } else { found };
    CheckedNumber { normalised, problem }
}

/// The values of the digits; `None` if any character is not an ASCII digit.
fn digits(text: &str) -> Option<Vec<u32>> {
    text.chars().map(|c| c.to_digit(10)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_values_are_recognised() {
        for text in ["138****1234", "陈***", "王＊峰", "340202XXXXXXXX0015", "10.0.0.*", "张○○"]
        {
            assert!(is_masked(text), "{text}");
        }
        for text in
            ["", "张三", "34028119880808888X", "MAXX0", "XX路", "二〇二四", "买买提·艾力", "AT&T"]
        {
            assert!(!is_masked(text), "{text}");
        }
    }
}
