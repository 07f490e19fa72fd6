//! Personal values of a person.

use contract::demand::{QualityFlag, Role};
use normalizer_text::{Profile, identify::Problem};

use super::{BoolRule, CodeRule, text::cleaned};
use crate::{
    notes::Notes,
    path::Path,
    seal::Personal,
    source::{Record, Source},
};

/// A value that will be sealed.
#[derive(Debug)]
pub(crate) struct PersonalRule {
    pub(crate) source: Source,
    pub(crate) make: fn(&str) -> Personal,
}

impl PersonalRule {
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Option<Personal> {
        let text = self.source.text(record, notes)?;
        let text = cleaned(&text, Profile::Plain, self.source.target, notes)?;
        let value = (self.make)(&text);
        if let Some((flag, detail)) = value.doubt() {
            notes.add(self.source.target, flag, Some(detail));
        }
        Some(value)
    }
}

/// One person, or one for each node of a path.
#[derive(Debug)]
pub(crate) struct PersonRule {
    pub(crate) each: Option<Path>,
    pub(crate) role: Option<Role>,
    pub(crate) main: Option<BoolRule>,
    pub(crate) name: Option<PersonalRule>,
    pub(crate) phone: Option<PersonalRule>,
    pub(crate) id_no: Option<PersonalRule>,
    pub(crate) gender: Option<CodeRule<String>>,
}

/// A person in plain, before sealing.
#[derive(Debug)]
pub(crate) struct PlainPerson {
    pub(crate) role: Option<Role>,
    pub(crate) name: Option<Personal>,
    pub(crate) phone: Option<Personal>,
    pub(crate) id_no: Option<Personal>,
    pub(crate) gender: Option<String>,
}

impl PlainPerson {
    /// All there is of the person, for the digest.
    pub(crate) fn content(&self) -> (Option<Role>, [Option<&str>; 4]) {
        (
            self.role,
            [
                plain_of(&self.name),
                plain_of(&self.phone),
                plain_of(&self.id_no),
                self.gender.as_deref(),
            ],
        )
    }
}

impl PersonRule {
    /// The people, without those of whom the record says nothing.
    pub(crate) fn read(&self, record: Record<'_>, notes: &mut Notes) -> Vec<PlainPerson> {
        let Some(each) = &self.each else {
            return self.one(record, notes).into_iter().collect();
        };
        let nodes = each.all(record.tree, &mut notes.work);
        nodes.into_iter().filter_map(|node| self.one(record.at(node), notes)).collect()
    }

    fn one(&self, record: Record<'_>, notes: &mut Notes) -> Option<PlainPerson> {
        let mut value = |rule: &Option<PersonalRule>| rule.as_ref()?.read(record, notes);
        let (name, phone, id_no) = (value(&self.name), value(&self.phone), value(&self.id_no));
        let gender = self.gender.as_ref().and_then(|rule| rule.read(record, notes).code);
        let main = self.main.as_ref().and_then(|rule| rule.read(record, notes));
        let role = main.map(|main| if main { Role::Main } else { Role::Joint }).or(self.role);
        let is_known = name.is_some() || phone.is_some() || id_no.is_some() || gender.is_some();
        is_known.then_some(PlainPerson { role, name, phone, id_no, gender })
    }
}

/// `male` or `female`, from the usual ways to write it (GB/T 2261.1 numbers among them).
pub(crate) fn gender(word: &str) -> Option<String> {
    match word {
        "1" | "男" | "male" => Some("male".to_owned()),
        "2" | "女" | "female" => Some("female".to_owned()),
        _ => None,
    }
}

/// A credit code, checked. One that is wrong stays as it was written: it may be an old number, and
/// whoever corrects it must see it.
pub(crate) fn uscc(text: &str, target: &str, notes: &mut Notes) -> String {
    let found = normalizer_text::identify::uscc(text);
    match found.problem {
        None => {}
        Some(Problem::Masked) => {
            notes.add(target, QualityFlag::MaskedValue, Some("arrived masked"));
        }
        Some(_) => {
            let digits = found.normalised.as_bytes();
            let is_old = digits.len() == 15 && digits.iter().all(u8::is_ascii_digit);
            let detail = if is_old {
                "a registration number of before 2015, not a credit code"
            } else {
                "not a valid credit code"
            };
            notes.add(target, QualityFlag::BadChecksum, Some(detail));
        }
    }
    found.normalised
}

fn plain_of(value: &Option<Personal>) -> Option<&str> {
    value.as_ref().map(Personal::plain)
}
