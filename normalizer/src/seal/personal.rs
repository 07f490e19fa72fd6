//! A personal value before it is sealed: what people may see of it, and what makes it comparable.
//!
//! Only a value that can be an identity gets one: a masked number, a number with a wrong check digit
//! and "匿名" are each shared by thousands, and a token for them would join strangers.

mod address;
mod name;
mod phone;

use contract::demand::QualityFlag;
use normalizer_text::{
    Profile, clean,
    identify::{Problem, id_card, is_masked},
};

/// What is doubtful about a value, in words that do not quote it.
pub(crate) type Doubt = (QualityFlag, &'static str);

/// A name, telephone, identity number or address in plain. Deliberately not
/// serialisable: what is written out is what [`Sealer`](crate::Sealer) made of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal {
    kind: &'static str,
    plain: String,
    mask: String,
    identity: Option<String>,
    doubt: Option<Doubt>,
    area: Option<String>,
}

impl Personal {
    /// A telephone number, in any way people write it. The plain value is the normalised number
    /// where it is one, else the text as it came.
    pub fn phone(text: &str) -> Self {
        phone::read(text)
    }

    /// An identity number (GB 11643).
    pub fn id_no(text: &str) -> Self {
        let found = id_card(text);
        let (is_identity, doubt) = match found.problem {
            None => (true, None),
            Some(Problem::Masked) => (false, Some(MASKED)),
            Some(Problem::CheckDigit) => (false, Some(checksum("the check digit does not fit"))),
            Some(Problem::Date) => (false, Some(checksum("the date of birth is no date"))),
            Some(Problem::Form) => (false, Some(checksum("not 18 or 15 characters of its kind"))),
        };
        let plain = found.normalised;
        Self {
            kind: "id_no",
            mask: shorten(&plain, 6, 4),
            identity: is_identity.then(|| plain.clone()),
            doubt,
            area: None,
            plain,
        }
    }

    /// A name.
    pub fn name(text: &str) -> Self {
        name::read(text)
    }

    /// An address.
    pub fn address(text: &str) -> Self {
        address::read(text)
    }

    /// `phone`, `id_no`, `name` or `address`: separates their tokens.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The value.
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// What people may see.
    pub fn mask(&self) -> &str {
        &self.mask
    }

    /// The form in which equal persons are equal; none where the value identifies nobody.
    pub fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }

    /// What is doubtful about it.
    pub fn doubt(&self) -> Option<(QualityFlag, &'static str)> {
        self.doubt
    }

    /// The part of an address that is not sealed.
    pub fn area(&self) -> Option<&str> {
        self.area.as_deref()
    }

    /// A word that names nobody: 市民, 匿名.
    pub(crate) fn is_placeholder(&self) -> bool {
        self.kind == "name" && name::is_placeholder(&self.plain)
    }

    /// A name that is a word as well: looking for it in prose would hide the prose.
    pub(crate) fn is_common_word(&self) -> bool {
        self.kind == "name" && name::is_common_word(&self.plain)
    }
}

// Values must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Personal({} {})", self.kind, self.mask)
    }
}

const MASKED: Doubt = (QualityFlag::MaskedValue, "arrived masked");

fn checksum(detail: &'static str) -> Doubt {
    (QualityFlag::BadChecksum, detail)
}

fn masked_doubt(text: &str) -> Option<Doubt> {
    is_masked(text).then_some(MASKED)
}

/// Keeps `head` characters in front and `tail` at the end, if at least four are hidden between.
pub(crate) fn shorten(text: &str, head: usize, tail: usize) -> String {
    let n_chars = text.chars().count();
    if n_chars < head + tail + 4 {
        return HIDDEN.to_owned();
    }
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(n_chars - tail).collect();
    format!("{head}{HIDDEN}{tail}")
}

pub(crate) const HIDDEN: &str = "****";

/// Cleaned, without blanks.
fn compact(text: &str) -> String {
    clean(text, Profile::Plain).text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests;
