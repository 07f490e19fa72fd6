//! What becomes of a record of a program: a record, or bytes that nobody could read.

use bytes::Bytes;
use contract::{
    Body, Entry, MAX_RECORD_BYTES, Place, RawRecord, Reason, RecordKey, Revision, TextReport,
};
use serde_json::{Value, value::RawValue};

/// A key of more bytes is a mistake.
const LONGEST_KEY: usize = 1024;

/// Parts of a record as they were found.
pub(crate) struct Found<'a> {
    /// For people: which record of which answer.
    pub(crate) at: String,
    pub(crate) key: Option<RecordKey>,
    /// `None` where the value that should order its states cannot be read.
    pub(crate) revision: Option<Revision>,
    pub(crate) body: Option<&'a RawValue>,
    /// The line it stood in.
    pub(crate) line: &'a [u8],
}

/// The entry for it.
pub(crate) fn entry(found: Found<'_>) -> Entry {
    let Found { at, key, revision, body, line } = found;
    let body = body.and_then(|body| Body::from_json(body.get()).ok());
    let reason = match (&key, revision, body) {
        (Some(key), Some(revision), Some(body)) if line.len() <= MAX_RECORD_BYTES => {
            let text = TextReport::default();
            return Entry::Record(RawRecord { key: key.clone(), revision, body, text });
        }
        (None, ..) => Reason::new("missing_key", "the record has no key that can be read"),
        (_, None, _) => {
            Reason::new("no_revision", "its revision is neither a whole number nor a time")
        }
        (.., None) => Reason::new("no_body", "its body is not an object"),
        (Some(_), Some(_), Some(_)) => Reason::new("too_large", "the record is above the limit"),
    };
    Entry::Unreadable { place: Place { key, at }, bytes: Bytes::copy_from_slice(line), reason }
}

/// A key: a text, or a number as it is written.
pub(crate) fn key(value: &Value) -> Option<RecordKey> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= LONGEST_KEY).then(|| RecordKey::new(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_a_text_or_a_whole_number() {
        assert_eq!(key(&json!("甲-7")), Some(RecordKey::new("甲-7")));
        assert_eq!(key(&json!(7)), Some(RecordKey::new("7")));
        for value in [json!(""), json!(7.5), json!(null), json!(["7"]), json!("k".repeat(2_000))] {
            assert_eq!(key(&value), None);
        }
    }
}
