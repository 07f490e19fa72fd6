//! The tables, their content, and their migration.

use std::collections::BTreeSet;

use contract::Checkpoints;
use serde_json::json;

use super::{PostgresTestStore, new_database, open};
use crate::store::{
    demands::columns::COLUMNS,
    suite::{
        keep,
        sample::{at, bad, confirm, hotline, id, intake, read, read_from, record, with_body},
        stored,
    },
};

#[tokio::test]
async fn three_that_start_at_once_make_the_tables_once() {
    let url = new_database("ENCODING 'UTF8'").await;
    let (one, two, three) = tokio::join!(open(&url), open(&url), open(&url));
    for (read_no, store) in (1..).zip([one, two, three]) {
        let key = format!("k{read_no}");
        assert_eq!(
            keep(&store, &intake([&read(read_no, [record(&key, "text")])])).await,
            stored(1)
        );
    }
}

#[tokio::test]
async fn the_table_has_the_columns_of_the_list() {
    let served = PostgresTestStore::new().await;
    let names: String = served
        .ask(
            "SELECT string_agg(attname::text, ',') FROM pg_attribute
             WHERE attrelid = 'demand'::regclass AND attnum > 0",
        )
        .await;
    let own = ["seq", "revision", "read_no", "mapping", "first_seen_at", "last_seen_at"];
    let expected: BTreeSet<_> = COLUMNS.iter().map(|column| column.name).chain(own).collect();
    assert_eq!(names.split(',').collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn keys_are_compared_as_bytes_whatever_the_database_says() {
    let served = PostgresTestStore::new().await;
    let elsewhere: i64 = served
        .ask(
            "SELECT count(*) FROM pg_index i JOIN pg_attribute a
             ON a.attrelid = i.indexrelid AND a.attcollation NOT IN (0, '\"C\"'::regcollation)
             JOIN pg_class c ON c.oid = i.indexrelid AND c.relnamespace = 'public'::regnamespace
             WHERE c.relname NOT LIKE '%sqlx%' AND c.relname <> 'quarantine_open'",
        )
        .await;
    assert_eq!(elsewhere, 0, "an index hangs on a collation of the system");
}

#[tokio::test]
async fn folded_books_say_the_same() {
    let served = PostgresTestStore::new().await;
    let store = &served.store;
    let skip = || with_body("s", contract::Revision::NONE, json!({ "skip": true }));
    for read_no in 1..=5 {
        let from = store.load(&hotline(), 0).await.unwrap();
        let records = (0..300).map(|n| record(&n.to_string(), &format!("text {}", read_no / 2)));
        let some = read_from(from, read_no, records.chain([bad("bad"), skip()]));
        // The fourth read is never kept.
        if read_no != 4 {
            keep(store, &intake([&some])).await;
            keep(store, &intake([&some, &some])).await;
        }
        store.advance(&confirm(some).await).await.unwrap();
    }
    let before = store.books(None, None).await.unwrap();
    assert_eq!((before[0].in_flight, before[0].balanced), (301, None));
    assert_eq!(before[0].redelivered, 4 * 2 * 301);
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 3);
    assert_eq!(store.fold_books(at(5)).await.unwrap(), 0);
    assert_eq!(store.books(None, None).await.unwrap(), before);
    assert_eq!(store.books(Some(&hotline()), Some(at(5))).await.unwrap()[0].read, 302 * 4);
    assert_eq!(served.ask::<i64>("SELECT sum(reads)::bigint FROM books_day").await, 3);
    assert_eq!(served.ask::<i64>("SELECT count(*) FROM read").await, 2);
}

#[tokio::test]
async fn the_bytes_of_every_state_are_kept() {
    let served = PostgresTestStore::new().await;
    for (read_no, text) in [(2, "new"), (1, "old")] {
        keep(&served.store, &intake([&read(read_no, [record("a", text)])])).await;
    }
    let history = served.store.history(&id("a")).await.unwrap();
    for (row, text) in history.iter().zip(["new", "old"]) {
        let raw = served.store.raw(row.seq).await.unwrap().unwrap();
        assert_eq!(raw.0, json!({ "text": text }).to_string().into_bytes());
    }
}
