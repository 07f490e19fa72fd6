//! Numbers that stand for a person, an organisation or a telephone, and whether they can be right.
//!
//! They are typed by hand, so width, blanks and case mean nothing and are evened out first. What
//! is wrong is named and never corrected: a wrong digit says nothing about the right one. The one
//! thing put back is the zero that a spreadsheet takes from the front of an area code.

mod id_card;
mod phone;
mod uscc;

use crate::{Profile, clean};

pub use id_card::id_card;
pub use phone::{landline, mobile};
pub use uscc::uscc;

/// A number in its one way of writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The number without blanks, half-width, letters in upper case. Even with a problem it is
    /// what the source wrote, so far as it could be read.
    pub normalised: String,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// Why a number is not to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// Parts of it are hidden behind signs: never a key.
    Masked,
    /// Wrong length, or a character that the number cannot have.
    Form,
    /// The date of birth in it is not a date.
    Date,
    /// The check digit does not belong to the other digits.
    CheckDigit,
    /// The zero before the area code was lost, and is back in its place.
    LostZero,
}

/// Whether parts of a value are hidden: `138****1234`, `陈***`, `340202XXXXXXXX0015`.
pub fn is_masked(text: &str) -> bool {
    let mut n_crosses = 0;
    text.chars().any(|c| {
        // One or two X are letters of a code.
        n_crosses = if matches!(c, 'x' | 'X' | '×' | 'ｘ' | 'Ｘ') { n_crosses + 1 } else { 0 };
        n_crosses == 3 || matches!(c, '*' | '＊' | '∗' | '●' | '○' | '■' | '█')
    })
}

/// Evens out width, blanks and case, and says what `check` finds. A value that is hidden is not
/// wrong in any other way.
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
    fn hidden_parts_are_recognised() {
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
