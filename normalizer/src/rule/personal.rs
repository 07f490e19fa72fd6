//! Rules for personal values, and the check of a business's credit code.

use contract::demand::{QualityFlag, Role};
use normalizer_text::{Profile, identify::Problem};

use super::{Rule, text::cleaned};
use crate::{
    notes::Notes,
    seal::Personal,
    source::{FieldSource, Record},
};

/// Reads a value that will be sealed.
pub(crate) struct PersonalRule {
    pub(crate) source: FieldSource,
    pub(crate) parse: fn(&str) -> Personal,
}

impl Rule<Personal> for PersonalRule {
    fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Personal> {
        let text = self.source.text(record, notes)?;
        let text = cleaned(&text, Profile::Plain, self.source.target, notes)?;
        let value = (self.parse)(&text);
        if let Some((flag, detail)) = value.doubt {
            notes.add(self.source.target, flag, Some(detail));
        }
        Some(value)
    }
}

/// A person whose values are still plain text, before sealing.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PlainPerson {
    pub(crate) role: Option<Role>,
    pub(crate) name: Option<Personal>,
    pub(crate) phone: Option<Personal>,
    pub(crate) id_no: Option<Personal>,
    pub(crate) gender: Option<String>,
}

impl PlainPerson {
    /// The values of the person, for the digest.
    pub(crate) fn content(&self) -> (Option<Role>, [Option<&str>; 4]) {
        let [name, phone, id_no] =
            [&self.name, &self.phone, &self.id_no].map(|value| value.as_ref().map(Personal::plain));
        (self.role, [name, phone, id_no, self.gender.as_deref()])
    }
}

/// `male` or `female`, from the words and numbers (GB/T 2261.1) in use; `None` for any other word.
pub(crate) fn gender(word: &str) -> Option<String> {
    match word {
        "1" | "男" | "male" => Some("male".to_owned()),
        "2" | "女" | "female" => Some("female".to_owned()),
        _ => None,
    }
}

/// Checks and normalises a unified social credit code. An invalid one is kept and flagged: it may be an old
/// registration number, and people must see it to correct it.
pub(crate) fn check_uscc(code: &mut String, notes: &mut Notes) {
    let target = "enterprise.uscc";
    let checked = normalizer_text::identify::uscc(code);
    match checked.problem {
        None => {}
        Some(Problem::Masked) => {
            notes.add(target, QualityFlag::MaskedValue, Some("arrived masked"));
        }
        Some(_) => {
            let digits = checked.normalised.as_bytes();
            let is_old = digits.len() == 15 && digits.iter().all(u8::is_ascii_digit);
            let detail = if is_old {
                "a registration number from before 2015, not a credit code"
            } else {
                "not a valid credit code"
            };
            notes.add(target, QualityFlag::BadChecksum, Some(detail));
        }
    }
    *code = checked.normalised;
}
