//! Parses telephone numbers.

use contract::demand::QualityFlag;
use normalizer_text::{
    Profile, clean,
    identify::{Problem, landline, mobile},
};

use super::{ARRIVED_MASKED, Doubt, Personal, mask_landline, mask_middle};

/// Characters that separate several numbers in one value.
const SEPARATORS: [char; 9] = ['/', '、', ',', '，', ';', '；', '|', '\n', '或'];

const SEVERAL: Doubt = (QualityFlag::BadPhone, "several numbers; only the first is used");

impl Personal {
    /// A telephone number in any format. Of several numbers, the first valid one that is not masked is used,
    /// and the value is doubtful. The plain value is the normalised number, or the cleaned text if it is not a
    /// number.
    pub fn phone(text: &str) -> Self {
        let parts = text.split(SEPARATORS).filter_map(recognise);
        let mut numbers = parts.filter(|number| !number.arrived_masked());
        let known = numbers.next().map(|mut first| {
            if numbers.any(|other| other.plain != first.plain) {
                first.doubt = Some(SEVERAL);
            }
            first
        });
        known.or_else(|| recognise(text)).unwrap_or_else(|| {
            let plain = clean(text, Profile::Plain).text.into_owned();
            let doubt = (QualityFlag::BadPhone, "not a telephone number");
            without_identity(mask_middle(&plain, 0, 4), plain, doubt)
        })
    }
}

/// A mobile or landline number; `None` if it is neither.
fn recognise(text: &str) -> Option<Personal> {
    let found = mobile(text);
    if found.problem.is_none() {
        return Some(with_identity(mask_middle(&found.normalised, 3, 4), found.normalised, None));
    }
    if found.problem == Some(Problem::Masked) {
        let mask = mask_middle(&found.normalised, 3, 4);
        return Some(without_identity(mask, found.normalised, ARRIVED_MASKED));
    }
    // For a mobile number of another city, people used to dial a zero first.
    if let Some(bare) = found.normalised.strip_prefix('0')
        && mobile(bare).problem.is_none()
    {
        return Some(with_identity(mask_middle(bare, 3, 4), bare.to_owned(), None));
    }
    recognise_landline(text)
}

/// A landline number; `None` if it is not one.
fn recognise_landline(text: &str) -> Option<Personal> {
    let found = landline(text);
    let (number, doubt) = match found.problem {
        None => (found.normalised, None),
        Some(_) => restore_zero(&found.normalised)?,
    };
    let has_area = number.starts_with('0');
    let local = number.split('-').nth(usize::from(has_area)).unwrap_or_default();
    let mask = mask_landline(local);
    if !has_area {
        return Some(without_identity(mask, number, (QualityFlag::BadPhone, "no area code")));
    }
    Some(with_identity(mask, number, doubt))
}

/// Restores the zero before an area code, which spreadsheet programs remove from `05533800000`. Also returns
/// a doubt, except after +86, where the zero is left out correctly. Service numbers with 400 or 800 have no
/// area code.
fn restore_zero(typed: &str) -> Option<(String, Option<Doubt>)> {
    let after_country = typed.strip_prefix("+86").or_else(|| typed.strip_prefix("0086"));
    let bare = after_country.unwrap_or(typed).trim_start_matches('-');
    let is_area = matches!(bare.as_bytes(), [b'1', b'0', ..] | [b'2'..=b'9', ..]);
    if !is_area || bare.starts_with("400") || bare.starts_with("800") {
        return None;
    }
    let found = landline(&format!("0{bare}"));
    let doubt = (QualityFlag::BadPhone, "leading zero restored");
    found.problem.is_none().then_some((found.normalised, after_country.is_none().then_some(doubt)))
}

/// A number that identifies its owner; it may be doubtful.
fn with_identity(mask: String, plain: String, doubt: Option<Doubt>) -> Personal {
    // The identity has no extension, because the line is the same.
    let mut groups = plain.split('-');
    let identity = [groups.next(), groups.next()].into_iter().flatten().collect();
    Personal {
        kind: "phone",
        mask,
        identity: Some(identity),
        doubt,
        area: None,
        plain,
        several: Vec::new(),
    }
}

/// A number that does not identify its owner.
fn without_identity(mask: String, plain: String, doubt: Doubt) -> Personal {
    Personal {
        kind: "phone",
        mask,
        identity: None,
        doubt: Some(doubt),
        area: None,
        plain,
        several: Vec::new(),
    }
}
