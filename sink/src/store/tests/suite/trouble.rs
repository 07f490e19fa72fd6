//! Tests of what cannot be kept: it does not affect other demands, and is not lost.

use bytes::Bytes;
use contract::{Delivery, DemandId, Intake, Message, MessageId, Outcomes, ReadNo, WIRE_VERSION};
use serde_json::json;

use super::{
    TestStore,
    books::book,
    keep,
    sample::{at, bad, confirm, hotline, id, intake, read, record, with_body},
    stored,
};

/// One demand that no database accepts, among two hundred good ones.
pub(crate) async fn one_bad_event_spares_two_hundred_good_ones(store: impl TestStore) {
    let keys: Vec<String> = (0..201).map(|n| format!("k{n:03}")).collect();
    let records = keys.iter().map(|key| match key.as_str() {
        "k117" => record(key, "be\0fore"),
        key => record(key, "text"),
    });
    let outcomes = keep(&store, &intake([&read(1, records)])).await;
    assert_eq!(outcomes, Outcomes { quarantined: 1, ..stored(200) });
    let row = store.quarantined(&id("k117")).await.expect("it is in quarantine");
    assert_eq!(
        (row.reason.as_str(), row.detail.as_str()),
        ("nul_in_text", "content contains a NUL")
    );
    assert!(row.raw.is_some(), "its bytes are kept");
    assert!(store.demand(&id("k117")).await.is_none());
    assert!(store.demand(&id("k118")).await.is_some());
}

/// Demands with a NUL in a text, a list or a key are not stored, but quarantined.
pub(crate) async fn nul_never_reaches_the_database(store: impl TestStore) {
    let none = contract::Revision::NONE;
    let records = [
        record("text", "a\0b"),
        with_body("list", none, json!({ "tags": ["a\0b"] })),
        record("key\0", "text"),
        with_body("bad\0", none, json!({ "reject": true })),
        with_body("fine", none, json!({ "tags": ["a\\u0000b"] })),
    ];
    let outcomes = keep(&store, &intake([&read(1, records)])).await;
    assert_eq!(outcomes, Outcomes { quarantined: 4, ..stored(1) });
    for key in ["text", "list", "key\0", "bad\0"] {
        let row = store.quarantined(&id(key)).await.expect("it is in quarantine");
        assert!(!row.source_key.unwrap_or_default().contains('\0'));
        assert!(!row.place.contains('\0'));
    }
    assert!(store.demand(&id("fine")).await.is_some());
}

/// A reject is one row, however often it comes.
pub(crate) async fn rejects_are_seen_and_counted(store: impl TestStore) {
    keep(&store, &intake([&read(1, [bad("a")]), &read(2, [bad("a")])])).await;
    keep(&store, &intake([&read(3, [bad("a")])])).await;
    let row = store.quarantined(&id("a")).await.expect("it is in quarantine");
    assert_eq!((row.times_seen, row.version.read_no), (3, ReadNo(3)));
    assert_eq!((row.first_seen_at, row.last_seen_at), (Some(at(1)), Some(at(3))));
    assert_eq!((row.reason.as_str(), row.resolved_at), ("bad", None));
    assert_eq!(row.raw.map(|raw| raw.0), Some(br#"{"reject":true}"#.to_vec()));
}

/// A row in quarantine is unresolved until a newer valid state comes, and again after a newer reject.
pub(crate) async fn a_better_state_resolves_quarantine(store: impl TestStore) {
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    keep(&store, &intake([&read(2, [bad("a")])])).await;
    assert_eq!(resolved_at(&store, "a").await, None);
    keep(&store, &intake([&read(3, [record("a", "one")])])).await;
    assert_eq!(resolved_at(&store, "a").await, Some(at(3)), "the same content is good too");
    keep(&store, &intake([&read(4, [bad("a")])])).await;
    assert_eq!(resolved_at(&store, "a").await, None);
}

/// A reject that comes after a newer valid state is resolved at once.
pub(crate) async fn a_late_reject_is_resolved_already(store: impl TestStore) {
    keep(&store, &intake([&read(5, [record("a", "one")])])).await;
    keep(&store, &intake([&read(4, [bad("a"), bad("b")])])).await;
    assert_eq!(resolved_at(&store, "a").await, Some(at(5)));
    assert_eq!(resolved_at(&store, "b").await, None);
    // The same in one intake.
    keep(&store, &intake([&read(7, [record("c", "one")]), &read(6, [bad("c")])])).await;
    assert_eq!(resolved_at(&store, "c").await, Some(at(7)));
}

/// A reject whose revision cannot be read is not older than a state that has one and came before.
pub(crate) async fn a_reject_without_revision_is_resolved_by_later_reads_only(
    store: impl TestStore,
) {
    let good = |n| with_body("a", contract::Revision::number(n), json!({ "text": "one" }));
    keep(&store, &intake([&read(1, [good(7)])])).await;
    keep(&store, &intake([&read(2, [bad("a")])])).await;
    assert_eq!(resolved_at(&store, "a").await, None);
    keep(&store, &intake([&read(3, [good(8)])])).await;
    assert_eq!(resolved_at(&store, "a").await, Some(at(3)));
    keep(&store, &intake([&read(5, [good(9)]), &read(4, [bad("a")])])).await;
    assert_eq!(resolved_at(&store, "a").await, Some(at(5)));
}

async fn resolved_at(store: &impl TestStore, key: &str) -> Option<contract::Timestamp> {
    store.quarantined(&id(key)).await.expect("it is in quarantine").resolved_at
}

/// Garbage and events of another version are quarantined and fully counted, but bytes of unknown origin are
/// not kept.
pub(crate) async fn what_cannot_be_read_is_quarantined_and_counted(store: impl TestStore) {
    let garbage = &b"13800000000 \0 {"[..];
    let newer = br#"[{"specversion":"1.0","type":"tonghui.demand.v2","data":{}}]"#;
    let message = |part, wire_version, events, body: &'static [u8]| Message {
        id: MessageId { channel: hotline(), read_no: ReadNo(1), part },
        wire_version,
        events,
        body: Bytes::from_static(body).into(),
    };
    let mixed =
        br#"[{"type":"tonghui.demand.v9"},{"specversion":"1.0","type":"tonghui.reject.v1"}]"#;
    let messages = [
        message(0, WIRE_VERSION, 40, garbage),
        message(1, WIRE_VERSION + 1, 7, newer),
        message(2, WIRE_VERSION, 2, mixed),
    ];
    let outcomes = keep(&store, &Intake::new((0..).zip(messages))).await;
    assert_eq!(outcomes, Outcomes { quarantined: 40 + 7 + 2, ..Outcomes::default() });
    let row = |bytes: &'static [u8]| {
        let id = DemandId::of_bytes(&hotline(), bytes);
        let store = &store;
        async move { store.quarantined(&id).await.expect("it is in quarantine") }
    };
    let garbage_row = row(garbage).await;
    assert_eq!((garbage_row.event, garbage_row.raw), (None, None));
    assert!(garbage_row.detail.contains("15 bytes, sha-256 "), "{}", garbage_row.detail);
    assert_eq!(row(newer).await.event.map(String::into_bytes), Some(newer.to_vec()));
}

/// A message that no read published is kept aside without its text, takes no other message's place, and unbalances
/// the books.
pub(crate) async fn a_foreign_message_is_extra_in_the_books(store: impl TestStore) {
    let first = read(1, [record("a", "one")]);
    store.advance(&confirm(first.clone()).await).await.expect("it advances");
    let body = first.messages()[0].body.clone();
    let forged = Message::foreign(hotline(), body.clone());
    let foreign = Intake::of([Delivery::unreadable(0, forged, "it has no proof")]);
    assert_eq!(keep(&store, &foreign).await, Outcomes { quarantined: 1, ..Outcomes::default() });
    let row = store.quarantined(&DemandId::of_bytes(&hotline(), &body)).await;
    let row = row.expect("it is in quarantine");
    assert_eq!((row.reason.as_str(), row.event, row.raw), ("foreign", None, None));
    assert!(row.detail.contains("it has no proof"), "{}", row.detail);

    assert_eq!(keep(&store, &intake([&first])).await, stored(1));
    let book = book(&store).await;
    assert_eq!((book.extra, book.orphans, book.in_flight), (1, 0, 0));
    assert_eq!((book.stored, book.quarantined, book.balanced), (1, 0, Some(false)));
}

/// A message that was published before there was a key has no proof. It is believed if the books list it.
pub(crate) async fn a_message_without_proof_is_believed_if_the_books_list_it(
    store: impl TestStore,
) {
    let (listed, invented) = (read(1, [record("a", "one")]), read(1, [record("a", "forged")]));
    store.advance(&confirm(listed.clone()).await).await.expect("it advances");
    let unproven = |tag, claim: Message| Delivery::unproven(tag, claim, "it has no proof");
    let (ours, forged) = (&listed.messages()[0], &invented.messages()[0]);
    let mut later = ours.clone();
    later.id.read_no = ReadNo(2);
    let more = Message { events: 2, ..ours.clone() };
    for claim in [forged.clone(), later, more] {
        keep(&store, &Intake::of([unproven(0, claim)])).await;
    }
    assert!(store.demand(&id("a")).await.is_none());
    let both = Intake::of([unproven(0, ours.clone()), unproven(1, forged.clone())]);
    let outcomes = keep(&store, &both).await;
    assert_eq!((outcomes.stored, outcomes.redelivered), (1, 1));
    let demand = store.demand(&id("a")).await.expect("it is stored");
    assert_eq!(demand.body.content.as_deref(), Some("one"));
    let book = book(&store).await;
    assert_eq!((book.stored, book.in_flight, book.extra), (1, 0, 2));
}

/// Two messages with the same id cannot both be right: the second is quarantined without judgement.
pub(crate) async fn a_message_that_differs_from_its_receipt_is_quarantined(store: impl TestStore) {
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    let other = read(1, [record("a", "two"), record("b", "two")]);
    let outcomes = keep(&store, &intake([&other])).await;
    assert_eq!(outcomes, Outcomes { quarantined: 2, ..Outcomes::default() });
    let body = &other.messages()[0].body;
    let row = store.quarantined(&DemandId::of_bytes(&hotline(), body)).await;
    let row = row.expect("it is in quarantine");
    assert_eq!(row.reason, "receipt_conflict");
    assert_eq!(
        row.event.map(String::into_bytes).as_deref(),
        Some(&body[..]),
        "nothing of it is lost"
    );
    assert!(store.demand(&id("b")).await.is_none());
}
