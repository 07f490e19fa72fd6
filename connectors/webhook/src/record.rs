//! What becomes of what a sender brought: a record, or bytes that nobody could read.

use bytes::Bytes;
use chrono_tz::Tz;
use contract::{
    Body, Entry, Fault, MAX_RECORD_BYTES, Place, RawRecord, Reason, RecordKey, Revision, TextReport,
};
use serde_json::{Value, value::RawValue};
use serde_json_path::JsonPath;

use crate::config::Config;

/// Where key and revision are.
#[derive(Debug)]
pub(crate) struct Reader {
    key: JsonPath,
    revision: Option<JsonPath>,
    zone: Tz,
}

impl Reader {
    pub(crate) fn build(config: &Config, zone: Tz) -> Result<Self, Fault> {
        let path = |name: &str, path: &str| {
            JsonPath::parse(path).map_err(|error| {
                Fault::stopped(format!("`{name}` is no JSONPath")).because(error.to_string())
            })
        };
        let key = path("key", &config.key)?;
        let revision = config.revision.as_deref().map(|text| path("revision", text)).transpose()?;
        Ok(Self { key, revision, zone })
    }

    /// The entry for one record as it was sent.
    pub(crate) fn entry(&self, sent: &Bytes, at: String) -> Entry {
        let (key, reason) = match self.record(sent) {
            Ok(record) => return Entry::Record(record),
            Err(why) => *why,
        };
        Entry::Unreadable { place: Place { key, at }, bytes: sent.clone(), reason }
    }

    /// The entries of a fixture: the body of a request.
    pub(crate) fn page(&self, page: &[u8]) -> Result<Vec<Entry>, Fault> {
        let no_page = |_| {
            Fault::stopped("the fixture is not the body of a request")
                .remedy("a page is one JSON record, or an array of them")
        };
        let records = records(&Bytes::copy_from_slice(page)).map_err(no_page)?;
        let records = records.iter().enumerate();
        Ok(records.map(|(i, sent)| self.entry(sent, format!("record {}", i + 1))).collect())
    }

    fn record(&self, sent: &[u8]) -> Result<RawRecord, Box<(Option<RecordKey>, Reason)>> {
        if sent.len() > MAX_RECORD_BYTES {
            return Err(Box::new((
                None,
                Reason::new("too_large", "the record is above the limit"),
            )));
        }
        let body = std::str::from_utf8(sent)
            .map_err(|_| Reason::new("malformed_bytes", "the record is not UTF-8"))
            .and_then(Body::from_json)
            .map_err(|reason| (None, reason))?;
        let key = self.key.query(body.tree()).first().and_then(text).ok_or_else(|| {
            (None, Reason::new("missing_key", "the record has no key that can be read"))
        })?;
        let declared = |path: &JsonPath| {
            let value = path.query(body.tree()).first()?;
            Revision::declared(value, self.zone)
        };
        let revision = match &self.revision {
            None => Revision::NONE,
            Some(path) => declared(path).ok_or_else(|| {
                let reason = "its revision is neither a whole number nor a time";
                (Some(key.clone()), Reason::new("no_revision", reason))
            })?,
        };
        Ok(RawRecord { key, revision, body, text: TextReport::default() })
    }
}

/// The records that a body brings: one, or those of an array.
pub(crate) fn records(body: &Bytes) -> Result<Vec<Bytes>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_slice(body)?;
    let records = match whole.get().starts_with('[') {
        true => serde_json::from_str(whole.get())?,
        false => vec![whole],
    };
    Ok(records.iter().map(|record: &&RawValue| body.slice_ref(record.get().as_bytes())).collect())
}

/// A key: a text, or a whole number as it is written.
fn text(value: &Value) -> Option<RecordKey> {
    match value {
        Value::String(text) if !text.is_empty() => Some(RecordKey::new(text.as_str())),
        Value::Number(number) => Some(RecordKey::new(number.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_record_or_an_array_of_them() {
        for (body, n_records) in [
            (r#" {"id":1} "#, Some(1)),
            (r#"[{"id":1},{"id":2}, 3]"#, Some(3)),
            ("[]", Some(0)),
            (r#""text""#, Some(1)),
            ("", None),
            (r#"{"id":1"#, None),
            ("id=1", None),
        ] {
            let body = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(records(&body).ok().map(|records| records.len()), n_records, "{body:?}");
        }
    }
}
