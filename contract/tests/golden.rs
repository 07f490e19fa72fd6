//! Tests that the wire format does not change: messages of version 1 must be readable for as long as a queue or
//! an archive may contain them. So a golden file is never edited; a new format gets a new version, with
//! additional golden files.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use contract::{
    Accepted, Batch, Body, Change, Channel, ChannelId, Cursor, DecidedBy, DemandBody, DemandId,
    Digest, Entry, Event, Fault, Intake, MappingNo, Message, Normalizer, PassEnd, Place, Position,
    Publisher, RawRecord, ReadNo, Reason, RecordKey, Revision, Sealed, SealedBytes, TextReport,
    Timestamp, Verdict, Version, WIRE_VERSION, deliver,
    demand::{
        Attachment, Cause, Counts, Crs, Enterprise, Evaluation, EvaluationBy, Initiative, Kind,
        Level, LimitUnit, Location, Person, Quality, QualityFlag, Related, Repeat, Role, Side,
        Status, Step, SupervisionFlag, Task, TaskRole, Urgency,
    },
    pack,
};
use serde_json::Value;

#[test]
fn a_demand_is_written_and_read_as_it_ever_was() {
    check("demand", demands());
}

#[test]
fn a_reject_is_written_and_read_as_it_ever_was() {
    check("reject", rejects());
}

#[test]
fn a_change_is_told_as_it_ever_was_and_without_what_is_sealed() {
    let event = change(Some(full_body())).event().unwrap();
    let file = format!("{}/golden/changed-v1.json", env!("CARGO_MANIFEST_DIR"));
    let golden = fs::read_to_string(file).unwrap_or_default();
    let written: Value = serde_json::from_slice(&event.body).unwrap();
    let readable = serde_json::to_string_pretty(&written).unwrap();
    assert_eq!(golden.trim_end(), readable, "consumers would misread it; this is written now");
    for sealed in ["raw", "nonce and ciphertext", "title, content, reply"] {
        let sealed = serde_json::to_value(sealed_bytes(sealed)).unwrap();
        assert!(!readable.contains(&format!("\"{}\"", sealed.as_str().unwrap())), "{readable}");
    }
    let told = written["data"]["demand"].as_object().unwrap();
    let names: Vec<_> = told.keys().map(String::as_str).collect();
    let expected = DemandBody::FIELDS.iter().copied().filter(|name| *name != "unmasked");
    assert_eq!(names, expected.collect::<Vec<_>>());
}

#[test]
fn a_repeat_has_the_id_of_its_version_and_a_key_has_four_parts() {
    let told = change(None).event().unwrap();
    assert_eq!(told.id, format!("{}/-/12/4", change(None).id));
    assert_eq!(told.routing_key, "hotline.370102.complaint.answered");
    assert!(!String::from_utf8(told.body.clone()).unwrap().contains("\"demand\""));
    assert_eq!(change(None).event().unwrap(), told);
    let key = |cause, region: &str| {
        let region = Some(region.to_owned());
        let change = Change { cause, region, kind: None, status: text(""), ..change(None) };
        change.event().unwrap().routing_key
    };
    assert_eq!(key(Cause::Live, "A.b #*区-_"), "hotline.a_b____-_.-.-");
    assert_eq!(key(Cause::Backfill, "3"), "backfill.hotline.3.-.-");
    assert_eq!(key(Cause::Replay, "3"), "replay.hotline.3.-.-");
    assert!(key(Cause::Backfill, &"区".repeat(300)).len() < 255, "AMQP takes no longer one");
    let revised = Version { revision: Revision::number(-7), ..change(None).version };
    let id = Change { version: revised, ..change(None) }.event().unwrap().id;
    assert!(id.ends_with("/-7/12/4"), "{id}");
}

/// A version of the golden demand.
fn change(demand: Option<DemandBody>) -> Change {
    let (channel, source_key): (ChannelId, _) =
        ("hotline".parse().unwrap(), RecordKey::new("6f1a0c52-9f0e"));
    Change {
        id: DemandId::of(&channel, &source_key),
        channel,
        source_key,
        version: Version { revision: Revision::NONE, read_no: ReadNo(12), mapping: MappingNo(4) },
        cause: Cause::Live,
        changed: vec!["status".to_owned(), "urged".to_owned()],
        read_at: time(9),
        region: text("370102"),
        kind: text("complaint"),
        status: text("answered"),
        demand,
    }
}

#[test]
fn the_golden_demand_has_every_field() {
    let body = serde_json::to_value(full_body()).unwrap();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, DemandBody::FIELDS);
}

#[test]
fn a_demand_of_a_poor_source_has_no_empty_fields() {
    assert_eq!(serde_json::to_string(&DemandBody::default()).unwrap(), "{}");
}

/// Packs and delivers `entries`, and compares the one message with its golden file, both ways.
fn check(name: &str, entries: Vec<Entry>) {
    let channel: ChannelId = "hotline".parse().unwrap();
    let channel = Channel { id: channel, mapping: MappingNo(4), normalizer: Arc::new(Fixed) };
    let upto = Cursor::from_text("12");
    let batch = Batch { entries, upto, end: Some(PassEnd::default()), trouble: Vec::new() };
    let outbox = pack(&channel, Position::default(), ReadNo(12), batch, time(9));
    let bus = Collected::default();
    let confirmed = ready(deliver(&bus, outbox)).unwrap();
    let messages = bus.0.into_inner().unwrap();
    let [message] = &messages[..] else { panic!("one message, not {}", messages.len()) };
    assert_eq!(confirmed.parts().len(), 1);
    assert_eq!(confirmed.parts()[0].hash, message.hash());

    let file = format!("{}/golden/{name}-v{WIRE_VERSION}.json", env!("CARGO_MANIFEST_DIR"));
    let golden: Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap_or_default()).unwrap_or(Value::Null);
    let written: Value = serde_json::from_slice(&message.body).unwrap();
    assert_eq!(
        golden.to_string().as_bytes(),
        &message.body[..],
        "the wire format changed, so old messages would be misread. Either undo the change, or \
         raise WIRE_VERSION and keep reading the old version. This is written now:\n{}",
        serde_json::to_string_pretty(&written).unwrap()
    );

    let intake = Intake::new([(0, message.clone())]);
    let events = &intake.deliveries()[0].events;
    assert!(!events.iter().any(|event| matches!(event, Event::Unreadable { .. })), "{events:?}");
    if let Event::Demand(demand) = &events[0] {
        assert_eq!(demand.body, full_body(), "what is read is not what was written");
    }
}

fn demands() -> Vec<Entry> {
    vec![record("6f1a0c52-9f0e", Revision::time(time(8)), "accept")]
}

fn rejects() -> Vec<Entry> {
    let reason = || Reason::new("malformed_bytes", "column CONTENT, offset 17, length 2");
    let unreadable = |key: Option<&str>| Entry::Unreadable {
        place: Place {
            key: key.map(RecordKey::new),
            revision: Revision::NONE,
            at: "table T_ORDER, row 7".to_owned(),
        },
        bytes: Bytes::from_static(b"\xD6\xD0\xFF"),
        reason: reason(),
    };
    vec![
        record("6f1a0c52-9f0e", Revision::number(3), "reject"),
        unreadable(Some("7")),
        unreadable(None),
    ]
}

fn record(key: &str, revision: Revision, verdict: &str) -> Entry {
    let text = TextReport {
        charset: "GB18030".into(),
        decided_by: DecidedBy::Declared,
        conflict: true,
        flags: Vec::new(),
        is_unescaped: false,
    };
    let body = Body::new(Value::from(verdict));
    Entry::Record(RawRecord { key: RecordKey::new(key), revision, body, text })
}

/// Gives each record the verdict in its body, and does not encrypt.
struct Fixed;

impl Normalizer for Fixed {
    fn normalize(&self, record: &RawRecord) -> Verdict {
        if record.body.tree() == "reject" {
            return Verdict::Reject(Reason::new("no_revision", "field updateTime is not a time"));
        }
        let body = full_body();
        let raw = sealed_bytes("raw");
        Verdict::Accept(Box::new(Accepted { body, digest: Digest([0xd1; 16]), raw }))
    }

    fn seal(&self, _: &DemandId, bytes: &[u8]) -> SealedBytes {
        SealedBytes(bytes.to_vec())
    }
}

/// A bus that accepts every message and keeps it.
#[derive(Default)]
struct Collected(Mutex<Vec<Message>>);

impl Publisher for Collected {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        self.0.lock().unwrap().extend_from_slice(messages);
        Ok(())
    }
}

/// The value of a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// A demand with every field, written without `..`: a new field does not compile until it is added
/// here.
fn full_body() -> DemandBody {
    DemandBody {
        source_no: text("12345-20261123-0007"),
        kind: Some(Kind::Complaint),
        kind_raw: text("投诉"),
        title: text("路灯不亮"),
        content: text("小区门口路灯\"坏\"了三天，联系电话138****1234。\n请尽快处理 💡"),
        category: text("010203"),
        category_raw: text("城市管理/市政设施/路灯"),
        tags: vec!["路灯".to_owned(), "夜间".to_owned()],
        received_at: Some(time(1)),
        occurred_at: Some(time(0)),
        updated_at: Some(time(8)),
        urgency: Some(Urgency::Urgent),
        region: text("370102"),
        region_raw: text("历下区"),
        address: Some(sealed("历下区某路***")),
        address_area: text("历下区某路街道"),
        location: Some(Location { lon: 117.076_534, lat: 36.666_25, crs: Crs::Gcj02 }),
        people: vec![person(Role::Main), person(Role::Joint), person(Role::Agent)],
        people_count: Some(3),
        enterprise: Some(Enterprise {
            name: text("某某商贸有限公司"),
            uscc: text("91370100MA00000000"),
            type_: text("有限责任公司"),
        }),
        initiative: Some(Initiative::Filed),
        grid: text("370102001-07"),
        anonymous: Some(false),
        confidential: Some(true),
        attachments: vec![Attachment {
            name: text("路灯.jpg"),
            url: text("https://files.example/1"),
            mime: text("image/jpeg"),
            bytes: Some(81_234),
        }],
        repeat: Some(Repeat { flag: text("是"), of: text("12345-20261120-0003") }),
        status: Some(Status::Answered),
        status_raw: text("已反馈"),
        org: text("市城管局"),
        org_raw: text("市城市管理局"),
        org_joint: vec!["市住建局".to_owned()],
        accepted_at: Some(time(2)),
        dispatched_at: Some(time(3)),
        signed_at: Some(time(4)),
        responded_at: Some(time(5)),
        resolved_at: Some(time(6)),
        closed_at: Some(time(7)),
        due_at: Some(time(10)),
        wish_at: Some(time(11)),
        reply: text("已修复，感谢监督。"),
        flags: vec![SupervisionFlag::Supervised, SupervisionFlag::Joint],
        counts: Some(Counts {
            urged: Some(2),
            returned: Some(1),
            extended: Some(0),
            repeated: Some(3),
        }),
        tasks: vec![task(TaskRole::Lead, Side::Territorial), task(TaskRole::Joint, Side::Sector)],
        evaluations: vec![evaluation(EvaluationBy::Citizen), evaluation(EvaluationBy::Lookback)],
        trail: vec![Step {
            at: Some(time(3)),
            step: text("派单"),
            org: text("市热线中心"),
            note: text("请核实"),
        }],
        related: vec![Related {
            no: "12345-20261120-0003".to_owned(),
            relation: "follow_up".to_owned(),
        }],
        quality: vec![Quality {
            field: "region".to_owned(),
            flag: QualityFlag::OutdatedRegion,
            detail: text("370103"),
        }],
        unmasked: Some(sealed_bytes("title, content, reply")),
    }
}

fn person(role: Role) -> Person {
    Person {
        role: Some(role),
        name: Some(sealed("王**")),
        phone: Some(sealed("138****1234")),
        // The value arrived masked, so it has no token.
        id_no: Some(Sealed { token: None, ..sealed("370102********1234") }),
        gender: text("female"),
    }
}

fn task(role: TaskRole, side: Side) -> Task {
    Task {
        org: text("历下区城管局"),
        role: Some(role),
        side: Some(side),
        level: Some(Level::County),
        status: Some(Status::InProgress),
        dispatched_at: Some(time(3)),
        signed_at: Some(time(4)),
        due_at: Some(time(10)),
        limit_unit: Some(LimitUnit::WorkDay),
        responded_at: Some(time(5)),
        returned_reason: text("不属于本单位职责"),
    }
}

fn evaluation(by: EvaluationBy) -> Evaluation {
    Evaluation {
        by: Some(by),
        at: Some(time(8)),
        contacted: Some(true),
        resolved: Some(true),
        satisfaction: text("satisfied"),
        satisfaction_raw: text("满意"),
        valid: Some(true),
    }
}

fn sealed(mask: &str) -> Sealed {
    Sealed {
        mask: mask.to_owned(),
        token: text("dG9rZW4"),
        sealed: sealed_bytes("nonce and ciphertext"),
    }
}

fn sealed_bytes(content: &str) -> SealedBytes {
    SealedBytes(content.as_bytes().to_vec())
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// `hour` hours and a part of a second after midnight of 2026-11-23, UTC.
fn time(hour: i64) -> Timestamp {
    Timestamp::from_timestamp_micros(1_795_392_000_000_000 + hour * 3_600_000_000 + 120_000)
        .unwrap()
}
