//! Uncommitted transactions: their demands are locked, their numbers may be overtaken, and indexes wait for
//! them.

use contract::Revision;
use serde_json::json;

use super::{PostgresTestStore, connect};
use crate::store::{
    Index,
    demands::{
        known::{self, KnownState},
        plan::{Exclusions, plan},
        write::write,
    },
    suite::{
        keep,
        sample::{at, intake, read, record, with_body},
    },
    tests::index::indexed,
};

#[tokio::test]
async fn a_plan_that_a_newer_state_overtook_is_not_written() {
    let served = PostgresTestStore::new().await;
    let store = &served.store;
    keep(store, &intake([&read(1, [record("a", "old")])])).await;
    let newer = intake([&read(2, [record("a", "newer")])]);
    let mut tx = store.begin("plan").await.unwrap();
    let known = known::load(&mut tx, &newer).await.unwrap();
    tx.roll_back().await;
    let overtaken = plan(&newer, &known, &Exclusions::new());
    keep(store, &intake([&read(3, [record("a", "newest")])])).await;
    let mut tx = store.begin("write").await.unwrap();
    assert!(!write(&mut tx, &overtaken).await.unwrap());
}

#[tokio::test]
async fn what_is_judged_is_locked() {
    let served = PostgresTestStore::new().await;
    keep(&served.store, &intake([&read(1, [record("a", "one")])])).await;
    let two = connect(&served.url).await;
    let mut tx = served.store.begin("keep").await.unwrap();
    known::load(&mut tx, &intake([&read(2, [record("a", "two")])])).await.unwrap();
    let mut other = two.begin().await.unwrap();
    let sql = "SELECT 1 FROM demand FOR UPDATE NOWAIT";
    let error = sqlx::query(sql).execute(&mut *other).await.unwrap_err();
    assert!(error.to_string().contains("could not obtain lock"), "{error}");
}

#[tokio::test]
async fn what_is_committed_late_is_not_passed_by_an_index_or_the_feed() {
    let served = PostgresTestStore::new().await;
    let (two, of) = (served.again().await, |key: &str, person: &str| {
        with_body(key, Revision::NONE, json!({ "person": person }))
    });
    assert!(served.store.next_feed().await.unwrap().is_none());
    // The numbers were taken first, and are committed last.
    let early = intake([&read(1, [of("a", "t1")])]);
    served.store.create_months(&early).await.unwrap();
    let mut tx = served.store.begin("keep").await.unwrap();
    let known = known::load(&mut tx, &early).await.unwrap();
    let mut planned = plan(&early, &known, &Exclusions::new());
    known::assign_numbers(&mut tx, &mut planned).await.unwrap();
    write(&mut tx, &planned).await.unwrap();
    keep(&two, &intake([&read(2, [of("b", "t2")])])).await;
    let store = &served.store;
    while store.index_batch(Index::People).await.unwrap() {}
    let lag = &store.index_lag().await.unwrap()[0];
    assert_eq!((lag.index, lag.rows), (Index::People, 2), "it waits for the open transaction");
    assert_eq!(lag.since, Some(at(2)), "which shows as little of itself as before");
    assert!(store.next_feed().await.unwrap().is_none());
    tx.commit().await.unwrap();
    assert_eq!(store.next_feed().await.unwrap().map(|feed| feed.rows.len()), Some(2));
    indexed(store).await;
    for token in ["t1", "t2"] {
        assert_eq!(store.sealed_rows_of(token).await.unwrap().len(), 1, "{token}");
    }
}

#[tokio::test]
async fn what_was_given_back_is_passed_by_an_index() {
    let served = PostgresTestStore::new().await;
    let mut tx = served.store.begin("keep").await.unwrap();
    let given_back = intake([&read(1, [record("a", "text")])]);
    let (known, excluded) = (KnownState::default(), Exclusions::new());
    let mut planned = plan(&given_back, &known, &excluded);
    known::assign_numbers(&mut tx, &mut planned).await.unwrap();
    assert!(!served.store.index_batch(Index::People).await.unwrap());
    tx.roll_back().await;
    indexed(&served.store).await;
}
