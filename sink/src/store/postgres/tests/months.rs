//! Partitions: one for each month, created before its first row.

use contract::{Outcomes, Timestamp};

use super::{PostgresTestStore, ask, new_database};
use crate::store::suite::{
    keep,
    sample::{id, intake, read, record},
    stored,
};

const MONTHS: &str = "SELECT coalesce(string_agg(c.relname::text, ' ' ORDER BY c.relname), '')
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'demand_raw'::regclass";

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The number of the sample read whose time is in the minute after this time.
fn read_no(text: &str) -> u64 {
    let start = crate::store::suite::sample::at(0);
    u64::try_from((moment(text) - start).num_minutes() + 1).unwrap()
}

#[tokio::test]
async fn this_month_and_the_next_are_there_before_anything_is_kept() {
    let now = "SELECT concat_ws(' ', to_char(now() AT TIME ZONE 'UTC', '\"demand_raw\"_YYYY_MM'),
        to_char((now() AT TIME ZONE 'UTC') + interval '1 month', '\"demand_raw\"_YYYY_MM'))";
    let url = new_database("ENCODING 'UTF8'").await;
    // The month may end during the test.
    let before: String = ask(&url, now).await;
    let served = PostgresTestStore::open(url).await;
    let (months, after): (String, String) = (served.ask(MONTHS).await, served.ask(now).await);
    assert!([before, after].contains(&months), "{months}");
}

#[tokio::test]
async fn any_month_finds_its_partition_and_two_sinks_may_make_it_at_once() {
    let served = PostgresTestStore::new().await;
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
    let served = PostgresTestStore::new().await;
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
