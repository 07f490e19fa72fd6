//! Telephone numbers.

use contract::demand::QualityFlag;
use normalizer_text::{
    Profile, clean,
    identify::{Problem, landline, mobile},
};

use super::{Doubt, HIDDEN, MASKED, Personal, shorten};

/// Between several numbers in one column.
const SEPARATORS: [char; 9] = ['/', '、', ',', '，', ';', '；', '|', '\n', '或'];

impl Personal {
    /// A telephone number in any notation. The plain value is the normalised number; a text that is
    /// not a number is kept as it came.
    pub fn phone(text: &str) -> Self {
        let known = text.split(SEPARATORS).find_map(|part| {
            let number = recognise(part)?;
            (number.doubt != Some(MASKED)).then_some(number)
        });
        known.or_else(|| recognise(text)).unwrap_or_else(|| {
            let plain = clean(text, Profile::Plain).text.into_owned();
            let doubt = (QualityFlag::BadPhone, "not a telephone number");
            nobody(shorten(&plain, 0, 4), plain, doubt)
        })
    }
}

fn recognise(text: &str) -> Option<Personal> {
    let found = mobile(text);
    if found.problem.is_none() {
        return Some(make(shorten(&found.normalised, 3, 4), found.normalised, None));
    }
    if found.problem == Some(Problem::Masked) {
        return Some(nobody(shorten(&found.normalised, 3, 4), found.normalised, MASKED));
    }
    // A zero is dialled before a mobile number of another city.
    if let Some(bare) = found.normalised.strip_prefix('0')
        && mobile(bare).problem.is_none()
    {
        return Some(make(shorten(bare, 3, 4), bare.to_owned(), None));
    }
    fixed(text)
}

fn fixed(text: &str) -> Option<Personal> {
    let found = landline(text);
    let (number, doubt) = match found.problem {
        None => (found.normalised, None),
        Some(_) => with_zero(&found.normalised)?,
    };
    let has_area = number.starts_with('0');
    let local = number.split('-').nth(usize::from(has_area)).unwrap_or_default();
    let mask = format!("{HIDDEN}{}", &local[local.len().saturating_sub(4)..]);
    if !has_area {
        return Some(nobody(mask, number, (QualityFlag::BadPhone, "no area code")));
    }
    Some(make(mask, number, doubt))
}

/// Puts back the leading zero. A spreadsheet drops it from `05533800000`; after +86 it is correctly
/// missing. 400 and 800 are numbers of companies.
fn with_zero(typed: &str) -> Option<(String, Option<Doubt>)> {
    let foreign = typed.strip_prefix("+86").or_else(|| typed.strip_prefix("0086"));
    let bare = foreign.unwrap_or(typed).trim_start_matches('-');
    let is_area = matches!(bare.as_bytes(), [b'1', b'0', ..] | [b'2'..=b'9', ..]);
    if !is_area || bare.starts_with("400") || bare.starts_with("800") {
        return None;
    }
    let found = landline(&format!("0{bare}"));
    let doubt = (QualityFlag::BadPhone, "leading zero put back");
    found.problem.is_none().then_some((found.normalised, foreign.is_none().then_some(doubt)))
}

fn make(mask: String, plain: String, doubt: Option<Doubt>) -> Personal {
    // A number with an extension is still the same line.
    let mut groups = plain.split('-');
    let identity = [groups.next(), groups.next()].into_iter().flatten().collect();
    Personal { kind: "phone", mask, identity: Some(identity), doubt, area: None, plain }
}

/// A number that identifies nobody.
fn nobody(mask: String, plain: String, doubt: Doubt) -> Personal {
    Personal { kind: "phone", mask, identity: None, doubt: Some(doubt), area: None, plain }
}
