//! Tests of `pack` and of the wire format: no record is lost, duplicated or altered when it is written
//! into a message and read from it.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use contract::{
    Accepted, Batch, Body, Channel, ChannelId, Cursor, Delivery, DemandBody, DemandId, Digest,
    Entry, Event, Intake, MAX_MESSAGE_BYTES, MAX_MESSAGE_EVENTS, MAX_RECORD_BYTES, MappingNo,
    Message, Normalizer, Outbox, PassEnd, Place, Position, RawRecord, ReadNo, Reason, RecordKey,
    Reject, Revision, SealedBytes, TextReport, Timestamp, Verdict, WIRE_VERSION, demand::Demand,
    pack,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Gives each record the verdict that its body asks for.
struct Obedient;

impl Normalizer for Obedient {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        let tree = record.body.tree();
        match tree["do"].as_str() {
            Some("skip") => Verdict::Skip(Reason::new("not_ours", "")),
            Some("reject") => Verdict::Reject(Reason::new("no_revision", "")),
            Some("panic") => panic!("a mapping with a defect"),
            _ => {
                let mut accepted = accepted(tree["size"].as_u64().unwrap());
                let hours = tree["received"].as_i64().map(chrono::TimeDelta::hours);
                accepted.body.received_at = hours.map(|hours| Timestamp::UNIX_EPOCH + hours);
                Verdict::Accept(Box::new(accepted))
            }
        }
    }

    fn seal(&self, _: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

/// A demand whose content has `size` bytes.
fn accepted(size: u64) -> Accepted {
    let content = Some("x".repeat(usize::try_from(size).unwrap()));
    let body = DemandBody { content, ..DemandBody::default() };
    Accepted { body, digest: Digest([7; 16]), raw: SealedBytes(vec![1, 2, 3]) }
}

#[derive(Debug, Clone)]
enum Case {
    Accept { size: u64 },
    Skip,
    Reject,
    Panic,
    Unreadable { has_key: bool },
}

/// Mostly small records, some that fill a message, and a few that are larger than a message.
fn cases() -> impl Strategy<Value = Vec<Case>> {
    let case = prop_oneof![
        60 => (0..600_u64).prop_map(|size| Case::Accept { size }),
        4 => (2_000..60_000_u64).prop_map(|size| Case::Accept { size }),
        1 => (250_000..400_000_u64).prop_map(|size| Case::Accept { size }),
        5 => Just(Case::Skip),
        5 => Just(Case::Reject),
        2 => Just(Case::Panic),
        5 => any::<bool>().prop_map(|has_key| Case::Unreadable { has_key }),
    ];
    prop::collection::vec(case, 0..450)
}

fn key(index: usize) -> RecordKey {
    RecordKey::new(format!("k{index}"))
}

fn record(index: usize, tree: Value) -> Entry {
    let revision = Revision::number(i64::try_from(index).unwrap());
    Entry::Record(RawRecord {
        key: key(index),
        revision,
        body: Body::new(tree),
        text: TextReport::default(),
    })
}

fn entry(index: usize, case: &Case) -> Entry {
    let word = match case {
        Case::Accept { size } => return record(index, json!({ "size": size })),
        Case::Unreadable { has_key } => {
            return Entry::Unreadable {
                place: Place {
                    key: has_key.then(|| key(index)),
                    revision: Revision::NONE,
                    at: format!("row {index}"),
                },
                bytes: Bytes::from(format!("broken {index}")),
                reason: Reason::new("malformed_bytes", "row"),
            };
        }
        Case::Skip => "skip",
        Case::Reject => "reject",
        Case::Panic => "panic",
    };
    record(index, json!({ "do": word }))
}

fn hotline() -> ChannelId {
    "hotline".parse().unwrap()
}

fn packed(entries: Vec<Entry>) -> Outbox {
    let channel = Channel { id: hotline(), mapping: MappingNo(4), normalizer: Arc::new(Obedient) };
    let upto = Cursor::from_text("\"end\"");
    let batch = Batch { entries, upto, end: Some(PassEnd::default()), trouble: Vec::new() };
    pack(&channel, Position::default(), ReadNo(12), batch, Timestamp::UNIX_EPOCH)
}

fn packed_cases(cases: &[Case]) -> Outbox {
    packed(cases.iter().enumerate().map(|(index, case)| entry(index, case)).collect())
}

fn sized(sizes: &[u64]) -> Outbox {
    packed_cases(&sizes.iter().map(|&size| Case::Accept { size }).collect::<Vec<_>>())
}

fn taken(messages: &[Message]) -> Vec<Delivery> {
    Intake::new(messages.iter().cloned().map(|message| (0, message))).deliveries().to_vec()
}

fn events(outbox: &Outbox) -> Vec<Event> {
    taken(outbox.messages()).into_iter().flat_map(|delivery| delivery.events).collect()
}

fn the_reject(event: &Event) -> &Reject {
    match event {
        Event::Reject(reject) => reject,
        other => panic!("not a reject: {other:?}"),
    }
}

fn id(event: &Event) -> DemandId {
    match event {
        Event::Demand(demand) => demand.id,
        Event::Reject(reject) => reject.id,
        Event::Unreadable { reason, .. } => panic!("unreadable: {reason}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pack_conserves_records(cases in cases()) {
        let outbox = packed_cases(&cases);
        let tally = outbox.tally();
        prop_assert_eq!(tally.read, cases.len() as u64);
        prop_assert_eq!(tally.read, tally.accepted + tally.skipped + tally.rejected);
        let count = |wanted: fn(&Case) -> bool| cases.iter().filter(|c| wanted(c)).count() as u64;
        prop_assert_eq!(tally.accepted, count(|case| matches!(case, Case::Accept { .. })));
        prop_assert_eq!(tally.skipped, count(|case| matches!(case, Case::Skip)));
        let declared: u64 = outbox.messages().iter().map(|m| u64::from(m.events)).sum();
        prop_assert_eq!(declared, tally.accepted + tally.rejected);
    }

    #[test]
    fn every_key_comes_out_exactly_once_and_in_order(cases in cases()) {
        let expected: Vec<_> = cases
            .iter()
            .enumerate()
            .filter_map(|(index, case)| match case {
                Case::Skip => None,
                Case::Unreadable { has_key: false } => {
                    Some(DemandId::of_bytes(&hotline(), format!("broken {index}").as_bytes()))
                }
                _ => Some(DemandId::of(&hotline(), &key(index))),
            })
            .collect();
        let outbox = packed_cases(&cases);
        prop_assert_eq!(events(&outbox).iter().map(id).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(cases in cases()) {
        let (once, again) = (packed_cases(&cases), packed_cases(&cases));
        prop_assert_eq!(once.messages(), again.messages());
    }

    #[test]
    fn messages_stay_within_their_limits(cases in cases()) {
        for message in packed_cases(&cases).messages() {
            prop_assert!(message.events >= 1);
            prop_assert!(message.events <= MAX_MESSAGE_EVENTS);
            prop_assert!(message.body.len() <= MAX_MESSAGE_BYTES || message.events == 1);
        }
    }

    #[test]
    fn no_id_is_given_twice(cases in cases()) {
        let outbox = packed_cases(&cases);
        let ids: BTreeSet<_> = outbox.messages().iter().map(|m| m.id.clone()).collect();
        prop_assert_eq!(ids.len(), outbox.messages().len());
        let mut event_ids = BTreeSet::new();
        for message in outbox.messages() {
            for event in serde_json::from_slice::<Vec<Value>>(&message.body).unwrap() {
                let id = event["id"].as_str().unwrap();
                let names_its_message = id.starts_with(&format!("{}/", message.id));
                prop_assert!(names_its_message);
                prop_assert!(event_ids.insert(id.to_owned()), "{} is given twice", id);
            }
        }
    }

    #[test]
    fn what_was_encoded_is_decoded_equal(sizes in prop::collection::vec(0..5_000_u64, 1..300)) {
        let outbox = sized(&sizes);
        let mut index = 0;
        for delivery in taken(outbox.messages()) {
            prop_assert_eq!(delivery.events.len(), delivery.message.events as usize);
            prop_assert_eq!(delivery.hash, delivery.message.hash());
            for event in delivery.events {
                let expected = demand(index, sizes[index], &delivery.message);
                prop_assert_eq!(event, Event::Demand(Box::new(expected)));
                index += 1;
            }
        }
        prop_assert_eq!(index, sizes.len());
    }
}

fn demand(index: usize, size: u64, message: &Message) -> Demand {
    let Accepted { body, digest, raw } = accepted(size);
    Demand {
        id: DemandId::of(&hotline(), &key(index)),
        channel: hotline(),
        source_key: key(index),
        version: contract::Version {
            revision: Revision::number(i64::try_from(index).unwrap()),
            read_no: ReadNo(12),
            mapping: MappingNo(4),
        },
        digest,
        origin: contract::demand::Origin {
            read_at: Timestamp::UNIX_EPOCH,
            message: message.id.to_string(),
            charset: None,
            charset_by: None,
            cause: contract::demand::Cause::Live,
        },
        raw,
        body,
    }
}

#[test]
fn an_empty_batch_owes_the_broker_nothing() {
    assert!(packed(Vec::new()).messages().is_empty());
}

/// Two records fill a message exactly, including the characters between events; one byte more does not
/// fit.
#[test]
fn a_message_is_filled_to_its_limit_and_not_beyond() {
    let frame = sized(&[0, 0]).bytes();
    let half = 100_000_u64;
    let rest = u64::try_from(MAX_MESSAGE_BYTES - frame).unwrap() - half;
    let full = sized(&[half, rest]);
    assert_eq!((full.messages().len(), full.bytes()), (1, MAX_MESSAGE_BYTES));
    assert_eq!(sized(&[half, rest + 1]).messages().len(), 2);
}

#[test]
fn a_record_above_the_limit_is_rejected_with_its_key() {
    let outbox = sized(&[1, MAX_RECORD_BYTES as u64, 1]);
    assert_eq!((outbox.tally().accepted, outbox.tally().rejected), (2, 1));
    let events = events(&outbox);
    let reject = the_reject(&events[1]);
    assert_eq!((reject.source_key.as_ref(), &*reject.reason.code), (Some(&key(1)), "too_large"));
    let raw = format!("{{\"size\":{MAX_RECORD_BYTES}}}");
    assert_eq!(reject.raw.as_ref().unwrap().0, raw.as_bytes());
}

#[test]
fn bytes_above_the_limit_leave_their_hash() {
    let huge = record(0, json!({ "do": "reject", "page": "x".repeat(MAX_RECORD_BYTES) }));
    let events = events(&packed(vec![huge]));
    let reject = the_reject(&events[0]);
    assert_eq!((reject.source_key.as_ref(), reject.raw.as_ref()), (Some(&key(0)), None));
    assert!(reject.reason.detail.contains("sha-256"), "{}", reject.reason.detail);
}

#[test]
fn a_mapping_that_panics_costs_one_record() {
    let outbox = packed_cases(&[Case::Accept { size: 1 }, Case::Panic, Case::Accept { size: 1 }]);
    let events = events(&outbox);
    assert_eq!(&*the_reject(&events[1]).reason.code, "mapping_panicked");
    assert!(matches!((&events[0], &events[2]), (Event::Demand(_), Event::Demand(_))));
}

/// The events of a message with three events, after `change` was applied to the second.
fn with_middle_changed(change: impl FnOnce(&mut Value)) -> Vec<Event> {
    let mut message = sized(&[1, 2, 3]).messages()[0].clone();
    let mut events: Vec<Value> = serde_json::from_slice(&message.body).unwrap();
    change(&mut events[1]);
    message.body = Bytes::from(serde_json::to_vec(&events).unwrap()).into();
    taken(&[message]).remove(0).events
}

#[test]
fn a_corrupted_event_is_unreadable_and_its_neighbours_pass() {
    let changes: [fn(&mut Value); 4] = [
        |event| event["type"] = json!("tonghui.demand.v9"),
        |event| event["data"]["version"] = json!("一"),
        |event| event["data"] = json!(null),
        |event| *event = json!(null),
    ];
    for change in changes {
        let events = with_middle_changed(change);
        assert_eq!(events.len(), 3);
        let Event::Unreadable { bytes, .. } = &events[1] else { panic!("was read: {events:?}") };
        assert!(!bytes.is_empty());
        assert!(matches!((&events[0], &events[2]), (Event::Demand(_), Event::Demand(_))));
    }
}

#[test]
fn an_unreadable_event_does_not_quote_what_it_holds() {
    let events = with_middle_changed(|event| event["data"]["version"] = json!("13800001234"));
    let Event::Unreadable { bytes, reason } = &events[1] else { panic!("was read") };
    assert!(!reason.contains("13800001234"), "{reason}");
    assert!(String::from_utf8_lossy(bytes).contains("13800001234"), "the bytes are kept");
}

#[test]
fn an_attribute_of_a_later_program_is_passed_over() {
    let events = with_middle_changed(|event| event["traceparent"] = json!("00-1-2-01"));
    assert!(matches!(&events[1], Event::Demand(_)));
}

#[test]
fn a_message_that_is_no_batch_is_one_unreadable_event() {
    let mut message = sized(&[1]).messages()[0].clone();
    for body in ["", "[", "{}", "诉求"] {
        message.body = Bytes::from_static(body.as_bytes()).into();
        let events = taken(&[message.clone()]).remove(0).events;
        assert!(
            matches!(&events[..], [Event::Unreadable { bytes, .. }] if bytes == body.as_bytes())
        );
    }
}

#[test]
fn a_foreign_wire_version_is_not_guessed_at() {
    let mut message = sized(&[1]).messages()[0].clone();
    message.wire_version = WIRE_VERSION + 1;
    let events = taken(&[message.clone()]).remove(0).events;
    assert!(
        matches!(&events[..], [Event::Unreadable { bytes, .. }] if bytes[..] == message.body[..])
    );
}

#[test]
fn what_was_received_after_the_day_of_its_reading_is_flagged() {
    let fields = |hours: i64| {
        let outbox = packed(vec![record(1, json!({"size": 1, "received": hours}))]);
        match &events(&outbox)[0] {
            Event::Demand(demand) => {
                demand.body.quality.iter().map(|note| note.field.clone()).collect::<Vec<_>>()
            }
            other => panic!("not a demand: {other:?}"),
        }
    };
    // The record is read at hour 0.
    assert_eq!(fields(-1_000), Vec::<String>::new());
    assert_eq!(fields(23), Vec::<String>::new());
    assert_eq!(fields(25), ["received_at"]);
}

#[test]
fn a_revision_after_the_day_of_its_reading_is_rejected_and_a_later_read_resolves_it() {
    let with = |revision: Revision, word: &str| {
        let Entry::Record(record) = record(1, json!({ "size": 1, "do": word })) else {
            panic!("not a record")
        };
        events(&packed(vec![Entry::Record(RawRecord { revision, ..record })])).remove(0)
    };
    // The record is read at hour 0.
    let at = |hours| Revision::time(Timestamp::UNIX_EPOCH + chrono::TimeDelta::hours(hours));
    for good in [at(-9), at(24), Revision::number(i64::MAX), Revision::NONE] {
        match with(good, "accept") {
            Event::Demand(demand) => assert_eq!(demand.version.revision, good),
            other => panic!("not a demand: {other:?}"),
        }
    }
    let far = Revision::time("9999-12-31T00:00:00Z".parse().unwrap());
    for (revision, word, code) in [
        (at(25), "accept", "future_revision"),
        (far, "accept", "future_revision"),
        (far, "reject", "no_revision"),
    ] {
        let event = with(revision, word);
        let reject = the_reject(&event);
        assert_eq!((&*reject.reason.code, reject.version.revision), (code, Revision::NONE));
    }
    let Event::Reject(reject) = with(at(3), "reject") else { panic!("not rejected") };
    assert_eq!(reject.version.revision, at(3));
}

/// Bytes without a key.
fn keyless(at: usize, bytes: String, code: &'static str) -> Entry {
    let place = Place { key: None, revision: Revision::NONE, at: format!("record {at}") };
    Entry::Unreadable { place, bytes: bytes.into(), reason: Reason::new(code, "it is a number") }
}

#[test]
fn many_entries_without_a_key_are_put_together_and_none_of_them_is_lost() {
    let few: Vec<_> = (0..100).map(|n| keyless(n, n.to_string(), "cut")).collect();
    assert_eq!(Entry::join_unreadable(few).len(), 100);
    let many = |n_entries| {
        let entries = (0..n_entries).map(|n| match n % 3 {
            0 => record(n, json!({ "size": 10 })),
            1 => keyless(n, n.to_string(), "not_a_record"),
            _ => keyless(n, n.to_string(), "cut"),
        });
        packed(Entry::join_unreadable(entries.collect()))
    };
    let (outbox, one_more) = (many(900), many(902));
    let tally = outbox.tally();
    assert!((2..=16).contains(&tally.rejected), "{tally:?}");
    assert_eq!((tally.read, tally.accepted), (300 + tally.rejected, 300));
    let events_of_all = events(&outbox);
    let rejects = || events_of_all.iter().filter(|event| matches!(event, Event::Reject(_)));
    assert_eq!(u64::try_from(rejects().count()).unwrap(), tally.rejected);
    let mut numbers = BTreeSet::new();
    for reject in rejects().map(the_reject) {
        let lines = String::from_utf8(reject.raw.clone().unwrap().0).unwrap();
        let detail = format!("; {} entries without a key", lines.lines().count());
        assert!(reject.reason.detail.contains(&detail), "{}", reject.reason.detail);
        numbers.extend(lines.lines().map(|line| line.parse::<usize>().unwrap()));
    }
    assert_eq!(numbers, (0..900).filter(|n| n % 3 != 0).collect());
    assert_eq!(outbox.messages(), many(900).messages(), "a repeated read gives the same");
    let ids: BTreeSet<_> = events(&one_more).iter().map(|event| id(event).to_string()).collect();
    let n_changed = rejects().filter(|event| !ids.contains(&id(event).to_string())).count();
    assert_eq!(n_changed, 1, "one more changes its own group");
}

#[test]
fn what_is_put_together_is_small_enough_to_be_kept_and_has_equal_bytes_once() {
    let large = |n: usize| keyless(n, format!("{n:03}{}", "0".repeat(299_997)), "cut");
    let outbox = packed(Entry::join_unreadable((0..120).map(large).collect()));
    let kept: Vec<_> = events(&outbox)
        .iter()
        .map(|event| the_reject(event).raw.as_ref().unwrap().0.len())
        .collect();
    assert_eq!(kept.iter().sum::<usize>() + kept.len(), 120 * 300_000 + 120);
    assert!(kept.iter().all(|n_bytes| *n_bytes <= 1 << 20) && kept.len() < 60);
    let blank = (0..500).map(|n| keyless(n, String::new(), "cut")).collect();
    let outbox = packed(Entry::join_unreadable(blank));
    let events = events(&outbox);
    let [event] = &events[..] else { panic!("they are equal: {events:?}") };
    assert_eq!(id(event), DemandId::of_bytes(&hotline(), b""));
    assert!(the_reject(event).reason.detail.contains("500 entries"));
}
