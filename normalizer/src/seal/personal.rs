//! A personal value before it is sealed: its mask, and its identity, the normalised form from which a token
//! is made.
//!
//! Only a value that identifies somebody has an identity. Thousands of people have the same masked number,
//! the same wrong number, or the name 匿名 (anonymous): a token for these would link strangers.

mod address;
mod name;
mod phone;

use contract::demand::QualityFlag;
use normalizer_text::{
    Profile, clean,
    identify::{Problem, id_card, is_masked},
};

/// The quality flag of a doubtful value, and a detail, which does not quote the value.
pub(crate) type Doubt = (QualityFlag, &'static str);

/// A name, telephone number, identity number or address in plain text. It cannot be serialised: only what
/// [`Sealer`](crate::Sealer) makes of it may be written.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal {
    kind: &'static str,
    plain: String,
    /// The masked form, for people.
    pub(crate) mask: String,
    /// See [`Personal::identity`].
    identity: Option<String>,
    /// What is doubtful about it; `None` if it is valid.
    pub(crate) doubt: Option<Doubt>,
    /// The part of an address that is not sealed; `None` for other values.
    pub(crate) area: Option<String>,
    /// The names in a field such as 张三 李四; empty if it has one, and for other values.
    several: Vec<String>,
}

impl Personal {
    /// The function that parses the values of a field; `None` if the field is not personal.
    pub(crate) fn parser(field: &str) -> Option<fn(&str) -> Self> {
        match field {
            "people.phone" => Some(Self::phone),
            "people.id_no" => Some(Self::id_no),
            "people.name" => Some(Self::name),
            "address" => Some(Self::address),
            _ => None,
        }
    }

    /// An identity number (GB 11643).
    pub fn id_no(text: &str) -> Self {
        let found = id_card(text);
        let (is_identity, doubt) = match found.problem {
            None => (true, None),
            Some(Problem::Masked) => (false, Some(ARRIVED_MASKED)),
            Some(Problem::CheckDigit) => {
                (false, Some(bad_checksum("the check digit does not fit")))
            }
            Some(Problem::Date) => (false, Some(bad_checksum("the date of birth is not valid"))),
            Some(Problem::Format) => {
                (false, Some(bad_checksum("not an identity number of 18 or 15 characters")))
            }
        };
        let (plain, mask) = (found.normalised.clone(), mask_middle(&found.normalised, 6, 4));
        let identity = is_identity.then_some(found.normalised);
        Self { kind: "id_no", plain, mask, identity, doubt, area: None, several: Vec::new() }
    }

    /// `phone`, `id_no`, `name` or `address`; values of different kinds never have the same token.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The value in plain text.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// The normalised form, which is equal for equal values; `None` if the value identifies nobody.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// Whether somebody masked parts of it before it arrived.
    pub(crate) fn arrived_masked(&self) -> bool {
        self.doubt == Some(ARRIVED_MASKED)
    }
}

// A value must not reach a log through `{:?}`.
impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Personal({} {})", self.kind, self.mask)
    }
}

const ARRIVED_MASKED: Doubt = (QualityFlag::MaskedValue, "arrived masked");

fn bad_checksum(detail: &'static str) -> Doubt {
    (QualityFlag::BadChecksum, detail)
}

/// A doubt if somebody masked the text, or if a character of it is lost: 张? is nobody's name.
fn doubt_if_partial(text: &str) -> Option<Doubt> {
    let is_damaged = text.contains(['?', '¿', char::REPLACEMENT_CHARACTER]);
    let damaged = is_damaged.then_some((QualityFlag::Damaged, "characters are lost"));
    is_masked(text).then_some(ARRIVED_MASKED).or(damaged)
}

/// Hides the text except for `head` characters at the start and `tail` at the end; hides all of it if there
/// are fewer than four more.
pub(crate) fn mask_middle(text: &str, head: usize, tail: usize) -> String {
    let n_chars = text.chars().count();
    if n_chars < head + tail + 4 {
        return HIDDEN_PART.to_owned();
    }
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(n_chars - tail).collect();
    format!("{head}{HIDDEN_PART}{tail}")
}

/// The mask of the digits of a landline number. It shows the last four, even of a short number.
pub(crate) fn mask_landline(digits: &str) -> String {
    format!("{HIDDEN_PART}{}", &digits[digits.len().saturating_sub(4)..])
}

/// Stands for the hidden part of a value; it does not show the length of that part.
pub(crate) const HIDDEN_PART: &str = "****";

/// The cleaned text without whitespace.
fn without_whitespace(text: &str) -> String {
    clean(text, Profile::Plain).text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests;
