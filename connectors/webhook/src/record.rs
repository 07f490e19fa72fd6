//! What becomes of what a sender brought: a record, or bytes that nobody could read.

use bytes::Bytes;
use chrono_tz::Tz;
use contract::{
    Body, Entry, Fault, MAX_RECORD_BYTES, Place, RawRecord, Reason, RecordKey, Revision, TextReport,
};
use document::{Malformed, Path, Shape, decode};
use normalizer_text::{Charset, Hints};

use crate::{body::Body as Sent, config::Config};

/// Where key and revision are.
#[derive(Debug)]
pub(crate) struct Reader {
    key: Path,
    revision: Option<Path>,
    zone: Tz,
}

impl Reader {
    pub(crate) fn build(config: &Config, zone: Tz) -> Result<Self, Fault> {
        let path = |name: &str, path: &str| {
            Path::parse(path)
                .map_err(|why| Fault::stopped(format!("`{name}` is no JSONPath")).because(why))
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
        let body = Sent { bytes: page, content_type: None, encoding: None };
        let records = body.records(usize::MAX).map_err(|why| {
            Fault::stopped("the fixture is not the body of a request")
                .because(why)
                .remedy("a page is one JSON record, or an array of them")
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
        // The listener has made UTF-8 of it; what is malformed has stayed.
        let hints = Hints { force: Some(Charset::Utf8), ..Hints::default() };
        let mut text = decode(sent, &hints);
        let mut tree = text
            .parse(Shape::Json)
            .map_err(|broken| Box::new((None, Reason::new("bad_json", broken.to_string()))))?;
        if !tree.is_object() {
            return Err(none("no_object", "the record is no JSON object"));
        }
        let facts = &text.facts;
        let verdict = facts.judge("", &tree);
        let key = facts.findings.key(&self.key, &tree).map(RecordKey::new);
        if let Some(reason) = verdict.reason(Malformed::Reject) {
            return Err(Box::new((key, reason)));
        }
        let key =
            key.ok_or_else(|| none("missing_key", "the record has no key that can be read"))?;
        let declared = |path: &Path| Revision::declared(path.first(&tree)?, self.zone);
        let revision = match &self.revision {
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
