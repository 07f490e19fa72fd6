//! Makes an entry from a record that a sender has sent: a record, or bytes that cannot be read.

use bytes::Bytes;
use chrono_tz::Tz;
use contract::{
    Entry, Fault, FieldFlag, MAX_RECORD_BYTES, Place, Reason, Revision, TextReport,
    demand::QualityFlag,
};
use document::{
    DocumentFormat, MIXED_TEXT, Malformed, TEXT_NAME, contains_text, decode, masked_key, n_values,
};
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{
    body::{Headers, split_records},
    config::Config,
};

/// The maximum number of values in a record. Real ones have some hundred.
const MAX_VALUES: usize = 100_000;

/// Reads records, by the settings and in the source's time zone.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) config: Config,
    pub(crate) zone: Tz,
}

impl Reader {
    pub(crate) fn new(config: &Config, zone: Tz) -> Self {
        Self { config: config.clone(), zone }
    }

    /// The content of a record; `null` if it cannot be read.
    pub(crate) fn tree(&self, bytes: &Bytes) -> Value {
        match self.entry(bytes, String::new()) {
            Entry::Record(record) => record.body.tree().clone(),
            Entry::Unreadable { .. } => Value::Null,
        }
    }

    /// The entry for the bytes of one record; `at` names the record in messages.
    pub(crate) fn entry(&self, bytes: &Bytes, at: String) -> Entry {
        let mut place = Place { key: None, revision: Revision::NONE, at };
        let record = self.record(bytes, &mut place);
        record.unwrap_or_else(|reason| Entry::Unreadable { place, bytes: bytes.clone(), reason })
    }

    /// The entries of a fixture: the body of a request.
    pub(crate) fn parse_sample(&self, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        let records =
            split_records(self, page, Headers::default(), usize::MAX).map_err(|error| {
                Fault::stopped("the fixture is not the body of a request")
                    .because(error)
                    .remedy("write it as the source sends it")
            })?;
        let entry =
            |(index, bytes): (usize, &Bytes)| self.entry(bytes, format!("record {}", index + 1));
        Ok(records.iter().enumerate().map(entry).collect())
    }

    /// Reads a record. Sets key and revision in `place` as soon as they are known, also for a record that is then
    /// rejected.
    fn record(&self, bytes: &[u8], place: &mut Place) -> Result<Entry, Reason> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(Reason::new("too_large", "the record is larger than 16 MiB"));
        }
        if n_values(bytes) > MAX_VALUES {
            let what = format!("the record has more than {MAX_VALUES} values");
            return Err(Reason::new("too_large", what));
        }
        // The body is UTF-8 here; malformed bytes are unchanged.
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(bytes, &hints);
        let parsed = text.parse(DocumentFormat::Json);
        let mut tree = parsed.map_err(|error| Reason::new("bad_json", error))?;
        if let Some(contents) = tree.as_array().filter(|contents| contents.len() > 1) {
            let findings = &text.diagnostics.findings;
            let keys: Vec<_> =
                contents.iter().map(|one| self.config.key.key(one, findings).ok()).collect();
            if let [Some(key), others @ ..] = keys.as_slice()
                && others.iter().all(|other| other.as_ref() == Some(key))
            {
                let what = format!(
                    "records of one request have the key `{}` and different contents",
                    masked_key(key.as_str())
                );
                return Err(Reason::new("duplicate_key", what));
            }
            let what = format!(
                "a list of {} values is not a record: they came in one request, and have no key or \
                 are damaged",
                contents.len()
            );
            return Err(Reason::new("no_object", what));
        }
        if !tree.is_object() {
            return Err(Reason::new("no_object", "the record is not a JSON object"));
        }
        let diagnostics = &text.diagnostics;
        let defects = diagnostics.defects_in("", &tree);
        let found = self.config.key.key(&tree, &diagnostics.findings);
        place.key = found.as_ref().ok().cloned();
        let revision = match &self.config.revision {
            None => Some(Revision::NONE),
            Some(path) => path.first(&tree).and_then(|at| Revision::from_json(at, self.zone)),
        };
        place.revision = revision.unwrap_or(Revision::NONE);
        if let Some(reason) = defects.reason(Malformed::Reject) {
            return Err(reason);
        }
        let key = found.map_err(|why| Reason::new("missing_key", why.as_str()))?;
        let revision = revision.ok_or_else(|| {
            Reason::new("no_revision", "the revision is neither a whole number nor a time")
        })?;
        diagnostics.findings.remove_markers(&mut tree);
        let mut flags = defects.flags;
        flag_mixed(&tree, &mut String::new(), &mut flags);
        let text = TextReport { flags, ..TextReport::default() };
        Ok(Entry::record(key, revision, tree, text))
    }
}

/// Flags the texts of XML that are not whole, because elements with text stood between them. A record is kept as
/// JSON, which carries no markers, but shows this.
fn flag_mixed(tree: &Value, field: &mut String, flags: &mut Vec<FieldFlag>) {
    match tree {
        Value::Array(list) => list.iter().for_each(|value| flag_mixed(value, field, flags)),
        Value::Object(members) => {
            let mut others = members.iter().filter(|(name, _)| *name != TEXT_NAME);
            let is_mixed =
                members.contains_key(TEXT_NAME) && others.any(|(_, value)| contains_text(value));
            for (name, value) in members {
                let len = field.len();
                if len > 0 {
                    field.push('.');
                }
                field.push_str(name);
                if is_mixed && name == TEXT_NAME {
                    let (field, detail) = (field.clone(), MIXED_TEXT.to_owned());
                    flags.push(FieldFlag { field, flag: QualityFlag::Damaged, detail });
                }
                flag_mixed(value, field, flags);
                field.truncate(len);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
