//! Keeps what masks replaced in the texts of a demand, to be sealed. The texts are not kept again: with what is stored
//! of them, the replaced pieces give the originals.

use std::collections::BTreeMap;

use contract::{Demand, DemandBody};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Replacement, each_text};
use crate::seal::{OpenError, Sealer, UNMASKED};

/// Opens the original of every text of a demand in which something is masked, by its path: `title`, `content`, `reply`,
/// `trail.0.note`.
///
/// The sealed bytes are JSON: `{"content": [check, [[start, length, "replaced"], …]]}`. Each span of the stored text is a
/// mask, with its first byte and its length in bytes (UTF-8), and with what it replaced. `check` is the first four bytes
/// of the SHA-256 of the original, as a big-endian number. Rows of earlier versions have the whole original instead.
///
/// # Errors
/// See [`OpenError`]; [`OpenError::TextChanged`] if a stored text is not the one that was masked.
pub fn open_unmasked(
    sealer: &Sealer,
    demand: &Demand,
) -> Result<BTreeMap<String, String>, OpenError> {
    let Some(sealed) = &demand.body.unmasked else { return Ok(BTreeMap::new()) };
    originals(&sealer.open(demand.into(), UNMASKED, sealed)?, demand.body.clone())
}

/// The originals of the texts of a body, from the opened bytes.
pub(super) fn originals(
    unmasked: &[u8],
    mut body: DemandBody,
) -> Result<BTreeMap<String, String>, OpenError> {
    let unmasked: BTreeMap<String, Original> =
        serde_json::from_slice(unmasked).map_err(|_| OpenError::Unexpected)?;
    let mut texts = BTreeMap::new();
    each_text(&mut body, |path, _, text| {
        texts.insert(path.to_string(), std::mem::take(text));
    });
    let original = |(path, original): (String, Original)| {
        let text = match original {
            Original::Whole(text) => Some(text),
            Original::Replaced(replaced) => {
                texts.get(&path).and_then(|masked| replaced.original(masked))
            }
        };
        match text {
            Some(text) => Ok((path, text)),
            None => Err(OpenError::TextChanged(path)),
        }
    };
    unmasked.into_iter().map(original).collect()
}

/// What is sealed of one text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Original {
    /// All of it, as earlier versions sealed it.
    Whole(String),
    Replaced(Replaced),
}

/// What masks replaced in one text: the check of the original, and the spans in the order of the text.
#[derive(Serialize, Deserialize)]
pub(crate) struct Replaced(u32, Vec<Span>);

/// Where a mask begins in the masked text, its length, and what it replaced.
pub(super) type Span = (usize, usize, String);

impl Replaced {
    pub(super) fn new(original: &str, spans: Vec<Span>) -> Self {
        Self(check(original), spans)
    }

    /// The original of this masked text; `None` if the spans are those of another text.
    fn original(&self, masked: &str) -> Option<String> {
        let Self(check_of_original, spans) = self;
        let mut original = String::with_capacity(masked.len());
        let mut copied_to = 0;
        for (start, length, replaced) in spans {
            original.push_str(masked.get(copied_to..*start)?);
            original.push_str(replaced);
            copied_to = start.checked_add(*length)?;
        }
        original.push_str(masked.get(copied_to..)?);
        (check(&original) == *check_of_original).then_some(original)
    }
}

/// Tells a text from others. It need not be keyed, because it is sealed.
fn check(text: &str) -> u32 {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(text).into();
    u32::from_be_bytes([a, b, c, d])
}

/// The text with these replacements, and what they replaced; `None` if there are none.
pub(super) fn masked(
    text: &str,
    mut replacements: Vec<Replacement>,
) -> Option<(String, Vec<Span>)> {
    if replacements.is_empty() {
        return None;
    }
    replacements.sort_by_key(|found| (found.range.start, usize::MAX - found.range.end));
    let mut masked = String::with_capacity(text.len());
    let mut spans: Vec<Span> = Vec::with_capacity(replacements.len());
    let mut copied_to = 0;
    for Replacement { range, mask } in replacements {
        match spans.last_mut() {
            // If two ranges overlap, both are hidden.
            Some((_, _, replaced)) if range.start < copied_to => {
                replaced.push_str(text.get(copied_to..range.end).unwrap_or_default());
            }
            _ => {
                masked.push_str(&text[copied_to..range.start]);
                spans.push((masked.len(), mask.len(), text[range.clone()].to_owned()));
                masked.push_str(&mask);
            }
        }
        copied_to = copied_to.max(range.end);
    }
    masked.push_str(&text[copied_to..]);
    // A value that arrived masked is its own mask.
    spans.retain(|(start, length, replaced)| masked[*start..start + length] != **replaced);
    Some((masked, spans))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(text: &str) -> DemandBody {
        DemandBody { content: Some(text.to_owned()), ..DemandBody::default() }
    }

    proptest! {
        #[test]
        fn the_original_is_rebuilt_from_the_masked_text_and_what_was_replaced(
            text in "\\PC{1,30}",
            found in proptest::collection::vec((any::<prop::sample::Index>(), 1_usize..8, "[*张]{0,4}"), 0..6),
        ) {
            let ends: Vec<usize> =
                text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let replacements = found.iter().map(|(at, n_characters, mask)| {
                let first = at.index(ends.len() - 1);
                let last = (first + n_characters).min(ends.len() - 1);
                Replacement { range: ends[first]..ends[last], mask: mask.clone() }
            });
            let (masked, spans) = masked(&text, replacements.collect()).unwrap_or((text.clone(), vec![]));
            let replaced = Replaced::new(&text, spans);
            prop_assert_eq!(replaced.original(&masked), Some(text));
            prop_assert_eq!(replaced.original(&format!("{masked}.")), None);
        }
    }

    #[test]
    fn whole_originals_that_earlier_versions_sealed_still_open() {
        let old = r#"{"content":"我叫张三丰，电话13800001234","trail.0.note":"张三丰来过"}"#;
        let opened = originals(old.as_bytes(), content("我叫张**，电话138****1234")).unwrap();
        assert_eq!(opened["content"], "我叫张三丰，电话13800001234");
        assert_eq!((opened["trail.0.note"].as_str(), opened.len()), ("张三丰来过", 2));
    }

    #[test]
    fn what_does_not_fit_the_stored_text_is_refused() {
        let check = check("我叫张三丰");
        let sealed = format!(r#"{{"content":[{check},[[6,5,"张三丰"]]]}}"#);
        let open = |sealed: &str, body| originals(sealed.as_bytes(), body);
        assert_eq!(open(&sealed, content("我叫张**")).unwrap()["content"], "我叫张三丰");
        let changed = Err(OpenError::TextChanged("content".into()));
        for text in ["", "我", "我叫", "你叫张**", "我叫张**.", "我叫***", "叫我"] {
            assert_eq!(open(&sealed, content(text)), changed, "{text}");
        }
        assert_eq!(open(&sealed, DemandBody::default()), changed);
        for span in
            ["[7,4", "[6,4", "[60,5", "[6,50", "[18446744073709551615,5", "[6,18446744073709551615"]
        {
            let sealed = sealed.replace("[6,5", span);
            assert_eq!(open(&sealed, content("我叫张**")), changed, "{span}");
        }
        for malformed in ["", "[]", r#"{"content":[]}"#, r#"{"content":[1,[[-1,5,"x"]]]}"#] {
            assert_eq!(open(malformed, content("我叫张**")), Err(OpenError::Unexpected));
        }
    }
}
