//! Numbers that identify a person, an organisation or a telephone, and whether they are valid.
//!
//! They are typed by hand, so character width, blanks and case are normalised first. A wrong number
//! is reported and never corrected: a wrong digit does not tell the right one.

mod check_digit;
mod phone;

use crate::{Profile, clean};

pub use check_digit::{id_card, uscc};
pub use phone::{landline, mobile};

/// A number in normalised form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The number without blanks, half-width, letters in upper case. A number with a problem is
    /// normalised as far as possible.
    pub normalised: String,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// Why a number is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Parts of it are masked: it must not be used as a key.
    Masked,
    /// Wrong length, or a character that the number cannot have.
    Form,
    /// The date of birth in it is not a valid date.
    Date,
    /// The check digit does not match the other digits.
    CheckDigit,
}

/// Whether parts of a value are masked: `138****1234`, `陈***`, `340202XXXXXXXX0015`.
pub fn is_masked(text: &str) -> bool {
    let mut n_crosses = 0;
    text.chars().any(|c| {
        // One or two X are letters of a code.
        n_crosses = if matches!(c, 'x' | 'X' | '×' | 'ｘ' | 'Ｘ') { n_crosses + 1 } else { 0 };
        n_crosses == 3 || matches!(c, '*' | '＊' | '∗' | '●' | '○' | '■' | '█')
    })
}

/// Normalises width, blanks and case, and reports what `check` finds. A masked value has no other
/// problem.
fn identify(text: &str, check: impl Fn(&str) -> Option<Problem>) -> Identified {
    let mut normalised = clean(text, Profile::Code).text.into_owned();
    normalised.make_ascii_uppercase();
    let found = check(&normalised);
    let problem =
        if found.is_some() && is_masked(&normalised) { Some(Problem::Masked) } else { found };
    Identified { normalised, problem }
}

/// The values of ASCII digits, and only of those.
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
