//! Finds the numbers of a person in any text, to erase them: they are found as they are in the person's own record
//! when it is masked.

use std::{collections::BTreeSet, fmt};

use super::{OwnValues, Replacement, fold::Folded, masked};
use crate::{rule::PlainPerson, seal::Personal};

/// What stands in a text in place of a number that was erased.
const ERASED: &str = "***";

/// The telephone and identity numbers of a person.
#[derive(Default)]
pub struct OwnNumbers(OwnValues);

impl OwnNumbers {
    /// Only the numbers among these values are searched for, and only those that identify somebody.
    pub fn new(values: impl IntoIterator<Item = Personal>) -> Self {
        let mut known = BTreeSet::new();
        let mut people = Vec::new();
        for value in values {
            if value.identity().is_none() || !known.insert(value.plain().to_owned()) {
                continue;
            }
            match value.kind() {
                "phone" => people.push(PlainPerson { phone: Some(value), ..Default::default() }),
                "id_no" => people.push(PlainPerson { id_no: Some(value), ..Default::default() }),
                _ => {}
            }
        }
        Self(OwnValues::new(&people, None))
    }

    /// Whether one of them is in this text, which may be JSON.
    pub fn are_in(&self, text: &str) -> bool {
        let mut text = text.to_owned();
        for (escape, sign) in
            [("\\\\", "\\"), ("\\n", " "), ("\\r", " "), ("\\t", " "), ("\\/", "/")]
        {
            if text.contains(escape) {
                text = text.replace(escape, sign);
            }
        }
        !self.0.find(&Folded::new(&text)).is_empty()
    }

    /// The text without them; `None` if it has none.
    pub fn erase_in(&self, text: &str) -> Option<String> {
        let found = self.0.find(&Folded::new(text)).into_iter();
        let erased =
            found.map(|Replacement { range, .. }| Replacement { range, mask: ERASED.into() });
        Some(masked(text, erased.collect())?.0)
    }
}

// A number must not reach a log through `{:?}`.
impl fmt::Debug for OwnNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnNumbers")
    }
}
