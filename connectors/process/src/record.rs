//! Makes an entry from a record that a program has written: a record, or bytes that cannot be read.

use bytes::Bytes;
use contract::{Entry, MAX_RECORD_BYTES, Place, Reason, RecordKey, Revision, TextReport};
use document::{Diagnostics, DocumentFormat, Findings, Malformed, decode};
use normalizer_text::Hints;
use serde_json::Value;

/// Maximum size of a key, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// The lines of a fixture that are not empty.
pub(crate) fn fixture_lines(page: &[u8]) -> impl Iterator<Item = &[u8]> {
    page.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// Parses a line of a program into a tree, with the diagnostics of its text; `None` if it is not JSON.
pub(crate) fn parse_line(line: &[u8]) -> Option<(Value, Diagnostics)> {
    let mut text = decode(line, &Hints::default());
    let tree = text.parse(DocumentFormat::Json).ok()?;
    Some((tree, text.diagnostics))
}

/// Whether a line has several members `record`, of which the tree keeps the last one under this name.
pub(crate) fn has_several(tree: &Value, findings: &Findings) -> bool {
    let is_another = |name: &String| name.starts_with("record") && !findings.is_unmarked(name);
    tree.as_object().is_some_and(|members| members.keys().any(is_another))
}

/// The parts of a record.
pub(crate) struct RecordParts<'a> {
    /// The place of the record, for messages.
    pub(crate) at: String,
    pub(crate) key: Option<RecordKey>,
    /// `None` if the revision cannot be read.
    pub(crate) revision: Option<Revision>,
    pub(crate) body: Value,
    /// The line that contained the record.
    pub(crate) line: &'a [u8],
    /// The diagnostics of the text of the line.
    pub(crate) diagnostics: &'a Diagnostics,
    /// Damage in the line outside the body.
    pub(crate) damage: Option<String>,
}

/// The entry for a record.
pub(crate) fn entry(parts: RecordParts<'_>) -> Entry {
    let RecordParts { at, key, revision, mut body, line, diagnostics, damage } = parts;
    let defects = diagnostics.defects_in("", &body);
    let damage = defects
        .reason(Malformed::Reject)
        .or_else(|| damage.map(|damage| Reason::new("bad_json", damage)));
    let reason = match (damage, &key, revision) {
        (Some(damage), ..) => damage,
        (None, Some(key), Some(revision)) if line.len() <= MAX_RECORD_BYTES && body.is_object() => {
            diagnostics.findings.remove_markers(&mut body);
            let text = TextReport { flags: defects.flags, ..TextReport::default() };
            return Entry::record(key.clone(), revision, body, text);
        }
        (None, None, _) => Reason::new("missing_key", "the record has no key that can be read"),
        (None, _, None) => {
            Reason::new("no_revision", "the revision is neither a whole number nor a time")
        }
        (None, Some(_), Some(_)) if !body.is_object() => {
            Reason::new("no_body", "the body is not an object")
        }
        (None, Some(_), Some(_)) => Reason::new("too_large", "the record is larger than 16 MiB"),
    };
    let place = Place { key, revision: revision.unwrap_or(Revision::NONE), at };
    Entry::Unreadable { place, bytes: Bytes::copy_from_slice(line), reason }
}

/// A key: text, or a number as it is written. `None` if it is not exact.
pub(crate) fn key(value: &Value, findings: &Findings) -> Option<RecordKey> {
    let text = document::key_text(value, findings).ok()?;
    (text.len() <= MAX_KEY_BYTES).then(|| RecordKey::new(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_a_text_or_a_number_as_it_is_written() {
        let key = |value: &Value| key(value, &Findings::default());
        assert_eq!(key(&json!("甲-7")), Some(RecordKey::new("甲-7")));
        assert_eq!(key(&json!(7)), Some(RecordKey::new("7")));
        for value in [json!(""), json!(null), json!(["7"]), json!("k".repeat(2_000))] {
            assert_eq!(key(&value), None);
        }
    }
}
