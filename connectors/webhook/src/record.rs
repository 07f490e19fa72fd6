//! From a record that was sent to an entry: a record, or bytes that cannot be read.

use bytes::Bytes;
use chrono_tz::Tz;
use contract::{
    Body, Entry, Fault, MAX_RECORD_BYTES, Place, RawRecord, Reason, RecordKey, Revision, TextReport,
};
use document::{Malformed, Path, Shape, decode};
use normalizer_text::{Charset, Hints};

use crate::{body::records, config::Config};

/// The places of key and revision.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) config: Config,
    pub(crate) zone: Tz,
}

impl Reader {
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
        let records = records(page, None, None, usize::MAX).map_err(|why| {
            Fault::stopped("the fixture is not the body of a request")
                .because(why)
                .remedy("write one JSON record, or an array of them")
        })?;
        let entry =
            |(index, sent): (usize, &Bytes)| self.entry(sent, format!("record {}", index + 1));
        Ok(records.iter().enumerate().map(entry).collect())
    }

    fn record(&self, sent: &[u8]) -> Result<RawRecord, Box<(Option<RecordKey>, Reason)>> {
        let none = |code, what: &str| Box::new((None, Reason::new(code, what)));
        if sent.len() > MAX_RECORD_BYTES {
            return Err(none("too_large", "the record is above the limit"));
        }
        // The body is UTF-8 here; malformed bytes are unchanged.
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(sent, &hints);
        let mut tree = text
            .parse(Shape::Json)
            .map_err(|broken| Box::new((None, Reason::new("bad_json", broken))))?;
        if !tree.is_object() {
            return Err(none("no_object", "the record is not a JSON object"));
        }
        let facts = &text.facts;
        let verdict = facts.judge("", &tree);
        let key = facts.findings.key(&self.config.key, &tree).map(RecordKey::new);
        if let Some(reason) = verdict.reason(Malformed::Reject) {
            return Err(Box::new((key, reason)));
        }
        let key =
            key.ok_or_else(|| none("missing_key", "the record has no key that can be read"))?;
        let declared = |path: &Path| Revision::declared(path.first(&tree)?, self.zone);
        let revision = match &self.config.revision {
            None => Revision::NONE,
            Some(path) => declared(path).ok_or_else(|| {
                let reason = "its revision is neither a whole number nor a time";
                (Some(key.clone()), Reason::new("no_revision", reason))
            })?,
        };
        facts.findings.settle(&mut tree);
        let text = TextReport { marks: verdict.marks, ..TextReport::default() };
        Ok(RawRecord { key, revision, body: Body::new(tree), text })
    }
}
