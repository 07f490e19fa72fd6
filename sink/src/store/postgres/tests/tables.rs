//! The tables, their partitions, and how they come to be.

use std::collections::BTreeSet;

use contract::{Checkpoints, Outcomes, Timestamp};
use serde_json::json;

use super::{Served, ask, new_database, open};
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
    let served = Served::new().await;
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
    let served = Served::new().await;
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
    let served = Served::new().await;
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
    let served = Served::new().await;
    for (read_no, text) in [(2, "new"), (1, "old")] {
        keep(&served.store, &intake([&read(read_no, [record("a", text)])])).await;
    }
    let history = served.store.history(&id("a")).await.unwrap();
    for (row, text) in history.iter().zip(["new", "old"]) {
        let raw = served.store.raw(row.seq).await.unwrap().unwrap();
        assert_eq!(raw.0, json!({ "text": text }).to_string().into_bytes());
    }
}

const MONTHS: &str = "SELECT coalesce(string_agg(c.relname::text, ' ' ORDER BY c.relname), '')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'demand_raw'::regclass";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The number of the read within the minute after this moment, by the sample's clock.
fn read_no(text: &str) -> u64 {
    let start = crate::store::suite::sample::at(0);
    u64::try_from((moment(text) - start).num_minutes() + 1).unwrap()
}

#[tokio::test]
async fn this_month_and_the_next_are_there_before_anything_is_kept() {
    let now = "SELECT concat_ws(' ', to_char(now() AT TIME ZONE 'UTC', '\"demand_raw\"_YYYY_MM'),
        to_char((now() AT TIME ZONE 'UTC') + interval '1 month', '\"demand_raw\"_YYYY_MM'))";
    let url = new_database("ENCODING 'UTF8'").await;
    // The month may end meanwhile.
    let before: String = ask(&url, now).await;
    let served = Served::open(url).await;
    let (months, after): (String, String) = (served.ask(MONTHS).await, served.ask(now).await);
    assert!([before, after].contains(&months), "{months}");
}

#[tokio::test]
async fn any_month_finds_its_partition_and_two_sinks_may_make_it_at_once() {
    let served = Served::new().await;
    let two = served.again().await;
    let one = [record("a", "2031")];
    let (here, there) = (
        read(read_no("2031-12-31T23:59:00Z"), one),
        read(read_no("2032-01-01T00:00:00Z"), [record("b", "2032")]),
    );
    let (here, there) = (intake([&here]), intake([&there]));
    let both = tokio::join!(keep(&served.store, &here), keep(&two, &there));
    assert_eq!(both, (stored(1), stored(1)));
    let months: String = served.ask(MONTHS).await;
    assert!(months.ends_with("2031_12 demand_raw_2032_01 demand_raw_2032_02"), "{months}");
    assert_eq!(served.ask::<i64>("SELECT count(*) FROM demand_history_2032_01").await, 1);
    let history = served.store.history(&id("b")).await.unwrap();
    assert!(served.store.raw(history[0].seq).await.unwrap().is_some());
}

#[tokio::test]
async fn a_month_that_another_process_dropped_is_made_again() {
    let served = Served::new().await;
    let two = served.again().await;
    let first = read_no("2027-03-01T00:10:00Z");
    keep(&two, &intake([&read(first, [record("a", "one")])])).await;
    served.store.drop_before(moment("2027-04-01T00:00:00Z")).await.unwrap();
    let late =
        intake([&read(first + 1, [record("b", "one")]), &read(first - 1, [record("a", "0")])]);
    let outcomes = Outcomes { stale: 1, ..stored(1) };
    assert_eq!(keep(&two, &late).await, outcomes);
    assert_eq!(served.store.history(&id("b")).await.unwrap().len(), 1);
}
