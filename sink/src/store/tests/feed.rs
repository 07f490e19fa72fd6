//! What the change feed tells, tested with both databases.

use contract::{Change, Outbox, RawRecord, Revision, Store, demand::Cause};
use serde_json::json;

use super::{PostgresTestStore, SqliteTestStore, index::indexed};
use crate::store::{
    Database, Feed,
    database::sql::NO_ROWS,
    suite::sample::{again, at, id, intake, read, record, with_body},
};

async fn keep(store: &Database, outboxes: &[&Outbox]) {
    store.store(&intake(outboxes.iter().copied())).await.unwrap();
}

/// Tells everything, as the relay does.
async fn tell(store: &Database) -> Vec<Change> {
    let mut told = Vec::new();
    while let Some(Feed { from, rows, upto }) = store.next_feed().await.unwrap() {
        for row in rows {
            told.push(store.change(&row).await.unwrap().unwrap());
        }
        store.advance_feed(from, upto).await.unwrap();
    }
    assert_eq!(store.feed_lag().await.unwrap().rows, 0);
    told
}

/// For each change: the number of its read, its cause, and its content if it is there.
fn short(told: &[Change]) -> Vec<(u64, Cause, Option<&str>)> {
    let mut short = Vec::new();
    for Change { version, cause, demand, .. } in told {
        let content = demand.as_ref().and_then(|body| body.content.as_deref());
        short.push((version.read_no.0, *cause, content));
    }
    short
}

async fn a_version_is_told_once_and_in_order_with_its_fields_while_they_are_current(
    store: &Database,
) {
    assert_eq!(tell(store).await, []);
    keep(store, &[&read(1, [record("a", "one"), record("b", "b")])]).await;
    keep(store, &[&read(2, [record("a", "one")])]).await; // unchanged
    let behind = store.feed_lag().await.unwrap();
    assert_eq!((behind.rows, behind.since), (2, Some(at(1))));
    let told = tell(store).await;
    assert_eq!(
        short(&told),
        [(1, Cause::Live, Some("one")), (1, Cause::Live, Some("b"))],
        "with its fields, though the version of the demand has moved since"
    );
    assert_eq!((told[0].id, told[0].changed.len()), (id("a"), 0), "the first version");
    assert_eq!(tell(store).await, []);

    let status =
        |code: &str| with_body("a", Revision::NONE, json!({ "text": "x", "status": code }));
    let (pending, resolved) = (read(4, [status("pending")]), read(5, [status("resolved")]));
    keep(store, &[&pending, &resolved]).await; // the first of them was never the current state
    keep(store, &[&read(3, [record("a", "late")])]).await; // stale: no change of the demand
    let told = tell(store).await;
    assert_eq!(short(&told), [(4, Cause::Live, None), (5, Cause::Live, Some("x"))]);
    let statuses: Vec<_> = told.iter().map(|change| change.status.as_deref()).collect();
    assert_eq!(statuses, [Some("pending"), Some("resolved")]);
    assert!(told[1].changed.contains(&"status".to_owned()), "{:?}", told[1].changed);
}

async fn a_change_says_why_it_was_published(store: &Database) {
    keep(store, &[&read(1, [record("a", "before the feed")])]).await;
    assert_eq!(short(&tell(store).await), [(1, Cause::Backfill, Some("before the feed"))]);
    keep(store, &[&read(2, [record("a", "new"), record("b", "b")])]).await;
    // The reads are mapped again while a live change of one of them arrives.
    keep(store, &[&again(3, [(2, record("a", "mapped"))]), &read(4, [record("b", "live")])]).await;
    keep(store, &[&again(5, [(2, record("b", "too late"))])]).await;
    assert_eq!(
        short(&tell(store).await),
        [
            (2, Cause::Live, None),
            (2, Cause::Live, None),
            (2, Cause::Replay, Some("mapped")),
            (4, Cause::Live, Some("live")),
        ]
    );
}

async fn a_change_names_a_person_by_mask_and_token_only(store: &Database) {
    let person = json!({ "text": "x", "person": "t1" });
    keep(store, &[&read(1, [with_body("a", Revision::NONE, person)])]).await;
    let told = tell(store).await;
    let body = told[0].demand.as_ref().unwrap();
    assert_eq!(body.unmasked, None, "it is not even read");
    let event = String::from_utf8(told[0].event().unwrap().body).unwrap();
    assert!(event.contains("138****0000") && event.contains("t1"), "{event}");
    for sealed in ["sealed", "unmasked", "\"raw\"", "AQID", "CQk"] {
        assert!(!event.contains(sealed), "{sealed} is in {event}");
    }
}

async fn what_another_relay_has_told_does_not_move_the_feed_twice(store: &Database) {
    let records: Vec<RawRecord> = (0..250).map(|n| record(&format!("{n:03}"), "x")).collect();
    keep(store, &[&read(1, records)]).await;
    let mine = store.next_feed().await.unwrap().unwrap();
    let theirs = store.next_feed().await.unwrap().unwrap();
    assert_eq!((mine.rows.len(), theirs.rows.len(), mine.upto), (100, 100, theirs.upto));
    store.advance_feed(theirs.from, theirs.upto).await.unwrap();
    let fault = store.advance_feed(mine.from, mine.rows[6].seq).await.unwrap_err();
    assert!(fault.is_transient(), "{fault}");
    assert_eq!(store.feed_position().await.unwrap(), theirs.upto);
    assert_eq!(tell(store).await.len(), 150);
}

async fn the_feed_goes_on_where_all_history_was_dropped(store: &Database) {
    keep(store, &[&read(1, [record("a", "x"), record("b", "y")])]).await;
    tell(store).await;
    indexed(store).await;
    assert!(store.drop_before(at(0) + chrono::TimeDelta::days(62)).await.unwrap());
    store.rebuild_indexes().await.unwrap();
    assert_eq!(tell(store).await, [], "a rebuild of the indexes tells nothing again");
    keep(store, &[&read(2, [record("c", "z")])]).await;
    assert_eq!(short(&tell(store).await), [(2, Cause::Live, Some("z"))]);
}

async fn versions_that_are_older_than_the_feed_are_told_as_a_backfill(store: &Database) {
    keep(store, &[&read(1, [record("a", "x")]), &again(2, [(1, record("a", "y"))])]).await;
    let older = "UPDATE demand_history SET cause = NULL, kind = NULL, region = NULL";
    store.write("test", older, &[], NO_ROWS).await.unwrap();
    let causes: Vec<_> = tell(store).await.iter().map(|change| change.cause).collect();
    assert_eq!(causes, [Cause::Backfill, Cause::Backfill]);
}

of_both! {
    a_version_is_told_once_and_in_order_with_its_fields_while_they_are_current,
    a_change_says_why_it_was_published,
    a_change_names_a_person_by_mask_and_token_only,
    what_another_relay_has_told_does_not_move_the_feed_twice,
    the_feed_goes_on_where_all_history_was_dropped,
    versions_that_are_older_than_the_feed_are_told_as_a_backfill,
}
