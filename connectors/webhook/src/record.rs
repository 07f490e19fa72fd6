//! Makes an entry from a record that a sender has sent: a record, or bytes that cannot be read.

use bytes::Bytes;
use chrono_tz::Tz;
use contract::{Entry, Fault, MAX_RECORD_BYTES, Place, Reason, RecordKey, Revision, TextReport};
use document::{Malformed, Path, Shape, decode};
use normalizer_text::{Charset, Hints};
use serde_json::Value;

use crate::{
    body::{Headers, split_records},
    config::Config,
};

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

    /// The key and the content of a record; no key if it cannot be read.
    pub(crate) fn key_and_tree(&self, bytes: &Bytes) -> (Option<RecordKey>, Value) {
        match self.entry(bytes, String::new()) {
            Entry::Record(record) => (Some(record.key), record.body.tree().clone()),
            Entry::Unreadable { .. } => (None, Value::Null),
        }
    }

    /// The entry for the bytes of one record; `at` names the record in messages.
    pub(crate) fn entry(&self, bytes: &Bytes, at: String) -> Entry {
        let mut key = None;
        self.record(bytes, &mut key).unwrap_or_else(|reason| Entry::Unreadable {
            place: Place { key, revision: Revision::NONE, at },
            bytes: bytes.clone(),
            reason,
        })
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

    /// Reads a record. Sets `key` as soon as it is known, also for a record that is then rejected.
    fn record(&self, bytes: &[u8], key: &mut Option<RecordKey>) -> Result<Entry, Reason> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(Reason::new("too_large", "the record is larger than 16 MiB"));
        }
        // The body is UTF-8 here; malformed bytes are unchanged.
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(bytes, &hints);
        let parsed = text.parse(Shape::Json);
        let mut tree = parsed.map_err(|error| Reason::new("bad_json", error))?;
        if let Some(contents) = tree.as_array().filter(|contents| contents.len() > 1) {
            let findings = &text.facts.findings;
            let keys: Vec<_> =
                contents.iter().map(|one| self.config.key.key(one, findings).ok()).collect();
            if let [Some(key), others @ ..] = keys.as_slice()
                && others.iter().all(|other| other.as_ref() == Some(key))
            {
                let what =
                    format!("records of one request have the key `{key}` and other contents");
                return Err(Reason::new("duplicate_key", what));
            }
        }
        if !tree.is_object() {
            return Err(Reason::new("no_object", "the record is not a JSON object"));
        }
        let facts = &text.facts;
        let defects = facts.defects_in("", &tree);
        let found = self.config.key.key(&tree, &facts.findings);
        *key = found.as_ref().ok().cloned();
        if let Some(reason) = defects.reason(Malformed::Reject) {
            return Err(reason);
        }
        let key = found.map_err(|why| Reason::new("missing_key", why.as_str()))?;
        let revision = |path: &Path| Revision::from_json(path.first(&tree)?, self.zone);
        let revision = match &self.config.revision {
            None => Revision::NONE,
            Some(path) => revision(path).ok_or_else(|| {
                Reason::new("no_revision", "the revision is neither a whole number nor a time")
            })?,
        };
        facts.findings.remove_markers(&mut tree);
        let text = TextReport { marks: defects.marks, ..TextReport::default() };
        Ok(Entry::record(key, revision, tree, text))
    }
}
