//! Samples for the tests of this crate and of others: records of one channel, a small normaliser, and messages
//! made of them.
#![allow(clippy::expect_used, reason = "for tests, also of other crates")]

use std::sync::Arc;

use chrono::DateTime;
use contract::{
    Accepted, Batch, Body, Channel, ChannelId, Confirmed, Cursor, DemandBody, DemandId, Digest,
    EarlierRead, Entry, Fault, Intake, MappedAgain, MappingNo, Message, Normalizer, Outbox,
    PassEnd, Position, Publisher, RawRecord, ReadNo, Reason, RecordKey, Revision, Sealed,
    SealedBytes, TextReport, Timestamp, Verdict, deliver,
    demand::{Person, Status},
    pack, pack_again,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Keeps an intake; panics if that fails.
#[cfg(test)]
pub(crate) async fn keep(store: &impl contract::Store, intake: &Intake) -> contract::Outcomes {
    store.store(intake).await.expect("the intake can be kept")
}

#[cfg(test)]
pub(crate) fn stored(stored: u64) -> contract::Outcomes {
    contract::Outcomes { stored, ..contract::Outcomes::default() }
}

/// The channel of all samples.
pub fn hotline() -> ChannelId {
    "hotline".parse().expect("a channel name")
}

/// The id of the record with this key.
pub fn id(key: &str) -> DemandId {
    DemandId::of(&hotline(), &RecordKey::new(key))
}

/// A record without a revision: the read numbers order its states.
pub fn record(key: &str, text: &str) -> RawRecord {
    with_body(key, Revision::NONE, json!({ "text": text }))
}

/// A record with a revision.
pub fn revised(key: &str, revision: i64, text: &str) -> RawRecord {
    with_body(key, Revision::number(revision), json!({ "text": text }))
}

/// A record that the normaliser rejects.
pub fn bad(key: &str) -> RawRecord {
    with_body(key, Revision::NONE, json!({ "reject": true }))
}

/// A record with this body. The sample normaliser knows the fields `text`, `status`, `tags`, `person` (a token),
/// `undated` (without a time), `reject` and `skip`.
pub fn with_body(key: &str, revision: Revision, body: Value) -> RawRecord {
    let text = TextReport::default();
    RawRecord { key: RecordKey::new(key), revision, body: Body::new(body), text }
}

/// One read of the channel, which is also a whole pass, packed into messages. Reads are one minute apart.
pub fn read(read_no: u64, records: impl IntoIterator<Item = RawRecord>) -> Outbox {
    read_from(Position::default(), read_no, records)
}

/// Like [`read`], from the position `from`.
pub fn read_from(
    from: Position,
    read_no: u64,
    records: impl IntoIterator<Item = RawRecord>,
) -> Outbox {
    read_to(Some(PassEnd::default()), from, read_no, records)
}

/// Like [`read_from`], with this account if the read ends a pass, or `None` if it does not.
pub fn read_to(
    end: Option<PassEnd>,
    from: Position,
    read_no: u64,
    records: impl IntoIterator<Item = RawRecord>,
) -> Outbox {
    let normalizer: Arc<dyn Normalizer> = Arc::new(SampleNormalizer);
    let channel = Channel { id: hotline(), mapping: MappingNo(1), normalizer };
    let batch = Batch {
        entries: records.into_iter().map(Entry::Record).collect(),
        upto: Cursor::from_text(read_no.to_string()),
        end,
        trouble: Vec::new(),
    };
    pack(&channel, from, ReadNo(read_no), batch, at(read_no))
}

/// Records of earlier reads, each with the number of its read, mapped again by the mapping with number 2, as the read
/// `read_no`. What the sample normaliser does not accept is left out.
pub fn again(read_no: u64, records: impl IntoIterator<Item = (u64, RawRecord)>) -> Outbox {
    again_by(MappingNo(2), read_no, records)
}

/// The same, by the mapping with this number.
pub fn again_by(
    mapping: MappingNo,
    read_no: u64,
    records: impl IntoIterator<Item = (u64, RawRecord)>,
) -> Outbox {
    let normalizer: Arc<dyn Normalizer> = Arc::new(SampleNormalizer);
    let mapped = records.into_iter().filter_map(|(earlier, record)| {
        let Verdict::Accept(accepted) = normalizer.normalize(&record) else { return None };
        let earlier = EarlierRead { read_no: ReadNo(earlier), read_at: at(earlier) };
        Some(MappedAgain { record, earlier, accepted: *accepted })
    });
    let mapped = mapped.collect();
    let channel = Channel { id: hotline(), mapping, normalizer: Arc::clone(&normalizer) };
    pack_again(&channel, Position::default(), ReadNo(read_no), mapped, at(read_no))
}

/// The time of the read with this number.
pub fn at(read_no: u64) -> Timestamp {
    let seconds = i64::try_from(read_no * 60).unwrap_or(0);
    DateTime::from_timestamp(1_795_000_000 + seconds, 0).unwrap_or_default()
}

/// The messages of these reads, as a bus would deliver them.
pub fn intake<'a>(reads: impl IntoIterator<Item = &'a Outbox>) -> Intake {
    let messages = reads.into_iter().flat_map(|read| read.messages().iter().cloned());
    Intake::new((0..).zip(messages))
}

/// Delivers this read to a bus that confirms everything.
pub async fn confirm(read: Outbox) -> Confirmed {
    deliver(&AcceptingBus, read).await.expect("this bus takes everything")
}

struct AcceptingBus;

impl Publisher for AcceptingBus {
    async fn publish(&self, _messages: &[Message]) -> Result<(), Fault> {
        Ok(())
    }
}

struct SampleNormalizer;

impl Normalizer for SampleNormalizer {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        let tree = record.body.tree();
        if tree.get("reject").is_some() {
            return Verdict::Reject(Reason::new("bad", "the sample says so"));
        }
        if tree.get("skip").is_some() {
            return Verdict::Skip(Reason::new("none", "the sample says so"));
        }
        let text = |name: &str| tree.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = tree.get("tags").and_then(Value::as_array).into_iter().flatten();
        let raw = record.body.to_bytes();
        let person = text("person").map(|token| Person {
            phone: Some(Sealed {
                mask: "138****0000".into(),
                token: Some(token),
                sealed: SealedBytes(vec![1, 2, 3]),
            }),
            ..Person::default()
        });
        let body = DemandBody {
            content: text("text"),
            status: text("status").and_then(|code| Status::from_code(&code)),
            tags: list.filter_map(Value::as_str).map(str::to_owned).collect(),
            people: person.into_iter().collect(),
            received_at: tree.get("undated").is_none().then(|| at(0)),
            anonymous: Some(true),
            people_count: Some(3),
            unmasked: Some(SealedBytes(vec![9, 9])),
            ..DemandBody::default()
        };
        let digest = Digest::of_hash(&Sha256::digest(&raw).into());
        Verdict::Accept(Box::new(Accepted { body, digest, raw: SealedBytes(raw) }))
    }

    fn seal(&self, _id: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}
