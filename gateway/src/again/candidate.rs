//! A record that the store keeps, and what today's mapping makes of it.

use contract::{
    Body, DemandId, Digest, EarlierRead, MappedAgain, RawRecord, Reason, RecordKey, SealedBytes,
    TextReport, Timestamp, Verdict, Version,
    demand::{Quality, QualityFlag},
    verdict,
};
use normalizer::Mapping;
use sink::store::{Outdated, Quarantined};

/// A record that may be mapped again.
pub(super) struct Candidate {
    /// The number of its row.
    pub(super) seq: i64,
    id: DemandId,
    /// The digest of the content that is stored.
    digest: Option<Digest>,
    /// Whether the source was read again since its record.
    is_older: bool,
    /// `None` if the store has no record that a mapping can read.
    record: Option<KeptRecord>,
}

struct KeptRecord {
    key: RecordKey,
    version: Version,
    read_at: Timestamp,
    text: TextReport,
    /// What the decoder found in its bytes, which are not decoded again.
    findings: Vec<Quality>,
    raw: SealedBytes,
}

/// What a candidate has become.
pub(super) struct Mapped {
    pub(super) id: DemandId,
    /// The digest of the content that is stored.
    pub(super) digest: Option<Digest>,
    /// Whether the source was read again since its record.
    pub(super) is_older: bool,
    pub(super) result: MapResult,
}

pub(super) enum MapResult {
    Accepted(Box<MappedAgain>),
    /// It is rejected, or skipped.
    Rejected(Reason),
    NoRecord,
}

impl From<Outdated> for Candidate {
    fn from(row: Outdated) -> Self {
        let Outdated { seq, id, source_key, version, digest, origin, mut quality, raw, is_older } =
            row;
        quality.retain(|note| is_of_decoder(note.flag));
        let record = raw.map(|raw| KeptRecord {
            key: source_key,
            version,
            read_at: origin.read_at,
            text: TextReport {
                charset: origin.charset.unwrap_or_default().into(),
                decided_by: origin.charset_by.unwrap_or_default(),
                ..TextReport::default()
            },
            findings: quality,
            raw,
        });
        Self { seq, id, digest: Some(digest), is_older, record }
    }
}

/// The reasons for which records are rejected after their connector has read them. Only in these cases quarantine keeps a
/// record as a tree, with the revision that its connector read; otherwise it keeps the bytes of the source.
const AFTER_READING: [&str; 6] = [
    "mapping_panicked",
    "nul_in_text",
    "refused_by_database",
    "too_costly",
    "too_large",
    "unencodable",
];

impl From<(i64, Quarantined)> for Candidate {
    fn from((seq, row): (i64, Quarantined)) -> Self {
        let Quarantined {
            id, channel, source_key, version, reason, place, raw, last_seen_at, ..
        } = row;
        let key = source_key.map(RecordKey::new).filter(|key| {
            AFTER_READING.contains(&reason.as_str())
                && place == format!("record {key}")
                && id == DemandId::of(&channel, key)
        });
        let record = key.zip(raw).zip(last_seen_at).map(|((key, raw), read_at)| KeptRecord {
            key,
            version,
            read_at,
            text: TextReport::default(),
            findings: Vec::new(),
            raw,
        });
        Self { seq, id, digest: None, is_older: false, record }
    }
}

impl Candidate {
    /// Opens its record and maps it.
    pub(super) fn map(self, mapping: &Mapping) -> Mapped {
        let Self { id, digest, is_older, record, .. } = self;
        let result = record.map_or(MapResult::NoRecord, |record| record.map(&id, mapping));
        Mapped { id, digest, is_older, result }
    }
}

impl KeptRecord {
    fn map(self, id: &DemandId, mapping: &Mapping) -> MapResult {
        let bytes = mapping.open(id, &self.raw).ok();
        let Some(tree) = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) else {
            return MapResult::NoRecord;
        };
        let Self { key, version, read_at, text, findings, .. } = self;
        let record = RawRecord { key, revision: version.revision, body: Body::new(tree), text };
        match verdict(mapping, &record) {
            Verdict::Accept(mut accepted) => {
                let quality = &mut accepted.body.quality;
                for finding in findings {
                    let is_same =
                        |note: &Quality| (&note.field, note.flag) == (&finding.field, finding.flag);
                    if !quality.iter().any(is_same) {
                        quality.push(finding);
                    }
                }
                let earlier = EarlierRead { read_no: version.read_no, read_at };
                MapResult::Accepted(Box::new(MappedAgain { record, earlier, accepted: *accepted }))
            }
            Verdict::Reject(reason) | Verdict::Skip(reason) => MapResult::Rejected(reason),
        }
    }
}

/// Whether the decoder may have set this flag.
fn is_of_decoder(flag: QualityFlag) -> bool {
    matches!(
        flag,
        QualityFlag::Truncated
            | QualityFlag::MalformedBytes
            | QualityFlag::RepairedText
            | QualityFlag::Damaged
            | QualityFlag::ControlCharacters
    )
}

#[cfg(test)]
mod tests {
    use contract::{ChannelId, MappingNo, ReadNo, Revision};

    use super::*;

    fn row() -> Quarantined {
        let channel: ChannelId = "new".parse().unwrap();
        let version =
            Version { revision: Revision::NONE, read_no: ReadNo(7), mapping: MappingNo(1) };
        let at = Some(Timestamp::UNIX_EPOCH);
        Quarantined {
            id: DemandId::of(&channel, &RecordKey::new("1")),
            channel,
            source_key: Some("1".to_owned()),
            version,
            reason: "too_costly".to_owned(),
            detail: String::new(),
            place: "record 1".to_owned(),
            message: String::new(),
            raw: Some(SealedBytes(vec![1])),
            event: None,
            first_seen_at: at,
            last_seen_at: at,
            times_seen: 1,
            resolved_at: None,
        }
    }

    #[test]
    fn what_a_connector_could_not_read_is_not_mapped_again() {
        let is_mapped = |row| Candidate::from((1, row)).record.is_some();
        assert!(is_mapped(row()));
        for reason in ["no_revision", "bad_json", "missing_key", "future_revision", "foreign"] {
            assert!(!is_mapped(Quarantined { reason: reason.to_owned(), ..row() }), "{reason}");
        }
        let large = Quarantined { reason: "too_large".to_owned(), ..row() };
        assert!(is_mapped(large.clone()));
        let by_connector = Quarantined { place: "request, record 1".to_owned(), ..large };
        assert!(!is_mapped(by_connector));
        let other_key = |key: Option<&str>| Quarantined {
            source_key: key.map(str::to_owned),
            place: format!("record {}", key.unwrap_or("1")),
            ..row()
        };
        for key in [None, Some("2"), Some("␀")] {
            assert!(!is_mapped(other_key(key)), "{key:?}");
        }
        assert!(!is_mapped(Quarantined { raw: None, ..row() }));
    }
}
