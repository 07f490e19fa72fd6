//! Indexes, tested with both databases.

use contract::{RawRecord, Revision, Store};
use serde_json::json;

use super::{PostgresTestStore, SqliteTestStore};
use crate::store::{
    AuditEntry, Database, Erasure, Index,
    database::sql::{Columns, NO_ROWS},
    suite::sample::{at, intake, read, with_body},
};

/// Brings all indexes up to date.
pub(in crate::store) async fn indexed(store: &Database) {
    for index in Index::ALL {
        while store.index_batch(index).await.unwrap() {}
    }
    assert_eq!(behind(store).await, [0, 0]);
}

async fn behind(store: &Database) -> Vec<u64> {
    store.index_lag().await.unwrap().iter().map(|lag| lag.rows).collect()
}

async fn tell(store: &Database, sql: &'static str) {
    store.write("test", sql, &[], NO_ROWS).await.unwrap();
}

async fn count(store: &Database, sql: &'static str) -> i64 {
    let read = |row: &dyn Columns| row.some_int("n");
    store.query_first("test", sql, &[], read).await.unwrap().unwrap()
}

async fn found(store: &Database, token: &str) -> usize {
    store.sealed_rows_of(token).await.unwrap().len()
}

const PEOPLE: &str = "SELECT count(*) AS n FROM demand_person";
const LINKS: &str = "SELECT count(*) AS n FROM demand_link";

fn of(key: &str, person: &str, text: &str) -> RawRecord {
    with_body(key, Revision::NONE, json!({"text": text, "person": person}))
}

async fn keep(store: &Database, read_no: u64, records: Vec<RawRecord>) {
    store.store(&intake([&read(read_no, records)])).await.unwrap();
}

/// Three states of two demands of one person; one demand moves to another channel.
async fn twins(store: &Database) {
    keep(store, 1, vec![of("a", "t1", "same"), of("b", "t1", "same")]).await;
    keep(store, 2, vec![of("a", "t2", "same")]).await;
    tell(store, "UPDATE demand SET channel = 'board' WHERE source_key = 'b'").await;
}

async fn a_sink_writes_facts_and_the_index_follows_them(store: &Database) {
    twins(store).await;
    assert_eq!((count(store, PEOPLE).await, behind(store).await), (0, vec![3, 3]));
    let since: Vec<_> = store.index_lag().await.unwrap().iter().map(|lag| lag.since).collect();
    assert_eq!(since, [Some(at(1)), Some(at(1))], "the oldest that waits");
    assert!(!store.index_batch(Index::Links).await.unwrap(), "links are made behind people");
    indexed(store).await;
    assert_eq!((found(store, "t1").await, found(store, "t2").await), (2, 1), "in every state");
    assert_eq!(count(store, LINKS).await, 1);
    assert!(store.index_lag().await.unwrap().iter().all(|lag| lag.since.is_none()));
}

async fn of_everybodys_demands_those_that_are_near_are_linked_whenever_that_is(store: &Database) {
    let keys = |keys: std::ops::RangeInclusive<u32>| -> Vec<_> {
        keys.map(|key| of(&format!("{key:02}"), "t1", "the same")).collect()
    };
    keep(store, 1, keys(1..=30)).await;
    indexed(store).await;
    tell(store, "UPDATE demand SET channel = 'board'").await;
    keep(store, 2, keys(31..=31)).await;
    indexed(store).await;
    let first = "SELECT min(a) AS n FROM demand_link";
    assert_eq!((count(store, first).await, count(store, LINKS).await), (12, 19));
    store.rebuild_indexes().await.unwrap();
    keep(store, 3, keys(32..=32)).await;
    indexed(store).await;
    assert_eq!(
        count(store, LINKS).await,
        19 + 18,
        "13 to 30, and the other one is no other channel"
    );
}

async fn an_index_that_is_made_again_has_what_it_had(store: &Database) {
    twins(store).await;
    indexed(store).await;
    let before = (count(store, PEOPLE).await, count(store, LINKS).await);
    for lost in [None, Some("DELETE FROM demand_person"), Some("DELETE FROM demand_link")] {
        if let Some(lost) = lost {
            tell(store, lost).await;
        }
        store.rebuild_indexes().await.unwrap();
        assert_eq!(behind(store).await, [3, 3]);
        indexed(store).await;
        assert_eq!((count(store, PEOPLE).await, count(store, LINKS).await), before, "{lost:?}");
    }
}

async fn who_was_erased_does_not_come_back_and_a_new_token_stays(store: &Database) {
    keep(store, 1, vec![of("a", "t1", "x"), of("b", "t2", "y")]).await;
    indexed(store).await;
    let entry = AuditEntry {
        at: at(1),
        who: "tester".into(),
        action: "erase".into(),
        subject: "t1".into(),
        detail: String::new(),
    };
    let (tokens, demands, texts, quarantine) = (vec!["t1".into()], vec![], vec![], vec![]);
    let beside = std::collections::BTreeMap::new();
    let erasure = Erasure { tokens, beside, demands, texts, quarantine, entry };
    assert_eq!(store.erase(&erasure).await.unwrap().demands, 1);
    let mut rows = store.sealed_rows_of("t2").await.unwrap();
    rows[0].people[0].phone.as_mut().unwrap().token = Some("n2".into());
    assert_eq!(store.reseal_rows(&rows).await.unwrap(), 1);
    tell(store, "DELETE FROM demand_person").await;
    store.rebuild_indexes().await.unwrap();
    indexed(store).await;
    let tokens = ["t1", "t2", "n2"];
    let mut demands = Vec::new();
    for token in tokens {
        demands.push(found(store, token).await);
    }
    assert_eq!(demands, [0, 1, 1], "{tokens:?}");
}

async fn numbers_go_on_where_all_history_was_dropped(store: &Database) {
    keep(store, 1, vec![of("a", "t1", "x"), of("b", "t2", "y")]).await;
    indexed(store).await;
    assert!(store.drop_before(at(0) + chrono::TimeDelta::days(62)).await.unwrap());
    assert_eq!(behind(store).await, [0, 0]);
    keep(store, 2, vec![of("c", "t3", "z")]).await;
    indexed(store).await;
    assert_eq!(found(store, "t3").await, 1);
}

/// A store as version 0007 of the tables left it: the sink indexed everything.
async fn older_store(store: &Database) {
    twins(store).await;
    indexed(store).await;
    tell(store, "ALTER TABLE demand_history DROP COLUMN tokens").await;
    tell(store, "DROP TABLE index_position").await;
    tell(store, "DELETE FROM _sqlx_migrations WHERE version = 8").await;
}

/// Its whole history is indexed again, without duplicate rows.
async fn upgraded(store: &Database) {
    for expected in [(3, 1), (2, 1)] {
        assert_eq!(behind(store).await, [3, 3]);
        indexed(store).await;
        assert_eq!((count(store, PEOPLE).await, count(store, LINKS).await), expected);
        // Current states can be found even if the older index is lost.
        tell(store, "DELETE FROM demand_person").await;
        store.rebuild_indexes().await.unwrap();
    }
}

of_both! {
    a_sink_writes_facts_and_the_index_follows_them,
    of_everybodys_demands_those_that_are_near_are_linked_whenever_that_is,
    an_index_that_is_made_again_has_what_it_had,
    who_was_erased_does_not_come_back_and_a_new_token_stays,
    numbers_go_on_where_all_history_was_dropped,
}

#[tokio::test]
async fn an_older_file_is_brought_up_to_date() {
    let filed = SqliteTestStore::new().await;
    older_store(&filed.store).await;
    upgraded(&filed.reopened().await.store).await;
}

#[tokio::test]
async fn an_older_server_is_brought_up_to_date() {
    let served = PostgresTestStore::new().await;
    older_store(&served.store).await;
    upgraded(&served.reopened().await.store).await;
}
