//! Tests of `pack_again`: a record that is mapped again keeps its place among the states of its demand.

#![allow(clippy::unwrap_used)]

use std::{
    future::Future as _,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use contract::{
    Accepted, Body, Channel, Cursor, DemandBody, DemandId, Digest, EarlierRead, Event, Intake,
    MAX_RECORD_BYTES, MappedAgain, MappingNo, Normalizer, Outbox, Position, RawRecord, ReadNo,
    Reason, RecordKey, Revision, SealedBytes, TextReport, Timestamp, Verdict, Version,
    demand::Demand, pack_again, verdict,
};
use serde_json::{Value, json};

/// Rejects every record; panics if the record says so.
struct Mapper;

impl Normalizer for Mapper {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        assert_ne!(record.body.tree(), &json!("panic"));
        Verdict::Reject(Reason::new("bad", "this mapping rejects everything"))
    }

    fn seal(&self, _: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

fn record(key: &str, revision: Revision, tree: Value) -> RawRecord {
    let text = TextReport::default();
    RawRecord { key: RecordKey::new(key), revision, body: Body::new(tree), text }
}

/// A record of the read with this number; its content has `size` bytes.
fn again(key: &str, revision: Revision, read_no: u64, size: usize) -> MappedAgain {
    let body = DemandBody { content: Some("x".repeat(size)), ..DemandBody::default() };
    let raw = SealedBytes(vec![1]);
    MappedAgain {
        record: record(key, revision, json!({})),
        earlier: EarlierRead { read_no: ReadNo(read_no), read_at: at(read_no) },
        accepted: Accepted { body, digest: Digest([7; 16]), raw },
    }
}

fn at(read_no: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + chrono::TimeDelta::hours(i64::try_from(read_no).unwrap())
}

fn position() -> Position {
    Position { cursor: Some(Cursor::from_text("\"here\"")), step: 9, fence: 3 }
}

fn packed(records: Vec<MappedAgain>) -> Outbox {
    let id = "hotline".parse().unwrap();
    let channel = Channel { id, mapping: MappingNo(4), normalizer: Arc::new(Mapper) };
    pack_again(&channel, position(), ReadNo(12), records, at(12))
}

fn demands(outbox: &Outbox) -> Vec<Demand> {
    let intake = Intake::new(outbox.messages().iter().map(|message| (0, message.clone())));
    let events = intake.deliveries().iter().flat_map(|delivery| delivery.events.clone());
    let demand = |event| match event {
        Event::Demand(demand) => *demand,
        other => panic!("not a demand: {other:?}"),
    };
    events.map(demand).collect()
}

#[test]
fn a_record_that_is_mapped_again_is_the_state_of_its_read_by_todays_mapping() {
    let outbox =
        packed(vec![again("a", Revision::NONE, 7, 10), again("b", Revision::number(5), 8, 10)]);
    let [a, b] = &demands(&outbox)[..] else { panic!("two demands") };
    let version =
        |revision, read_no| Version { revision, read_no: ReadNo(read_no), mapping: MappingNo(4) };
    assert_eq!(a.version, version(Revision::NONE, 7));
    assert_eq!(b.version, version(Revision::number(5), 8));
    assert_eq!((a.origin.read_at, b.origin.read_at), (at(7), at(8)));
    assert_eq!(a.origin.message, "hotline/12/0", "the message is of a read of its own");
    assert_eq!(a.origin.cause, contract::demand::Cause::Replay);
    let by = |mapping, read_no| Version {
        mapping: MappingNo(mapping),
        ..version(Revision::NONE, read_no)
    };
    assert!(a.version > by(3, 7) && a.version < by(1, 8));
}

#[test]
fn a_read_of_records_that_are_mapped_again_ends_where_it_begins_and_its_counts_add_up() {
    struct Accepting;
    impl contract::Publisher for Accepting {
        async fn publish(&self, _: &[contract::Message]) -> Result<(), contract::Fault> {
            Ok(())
        }
    }
    let sizes = [10, MAX_RECORD_BYTES, 10];
    let records = sizes.into_iter().enumerate();
    let records = records.map(|(n, size)| again(&n.to_string(), Revision::NONE, 7, size));
    let outbox = packed(records.collect());
    let tally = outbox.tally();
    assert_eq!((tally.read, tally.accepted, tally.skipped, tally.rejected), (3, 2, 1, 0));
    assert_eq!(demands(&outbox).len(), 2, "what is too large is not published, nor rejected");
    let delivering = pin!(contract::deliver(&Accepting, outbox));
    let Poll::Ready(confirmed) = delivering.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("this bus does not wait");
    };
    let confirmed = confirmed.unwrap();
    assert_eq!((confirmed.read_no(), confirmed.read_at()), (ReadNo(12), at(12)));
    assert_eq!(
        (confirmed.from(), Some(confirmed.upto())),
        (&position(), position().cursor.as_ref())
    );
    assert_eq!(confirmed.parts().iter().map(|part| part.events).sum::<u32>(), 2);
}

#[test]
fn a_time_is_compared_with_the_read_that_returned_the_record() {
    let received = |read_no| {
        let mut record = again("a", Revision::NONE, read_no, 10);
        record.accepted.body.received_at = Some(at(48));
        demands(&packed(vec![record])).remove(0).body.quality.len()
    };
    assert_eq!((received(1), received(30)), (1, 0));
}

#[test]
fn a_mapping_that_panics_rejects_the_record() {
    let code = |tree| match verdict(&Mapper, &record("a", Revision::NONE, tree)) {
        Verdict::Reject(reason) => reason.code,
        other => panic!("not rejected: {other:?}"),
    };
    assert_eq!((code(json!("panic")), code(json!({}))), ("mapping_panicked".into(), "bad".into()));
}
