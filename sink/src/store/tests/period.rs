//! The books of a period and the demands that were first seen in it, tested with both databases.

use contract::Checkpoints as _;

use crate::store::{
    Database, Whereabouts,
    database::sql::NO_ROWS,
    postgres::tests::PostgresTestStore,
    suite::{
        keep,
        sample::{at, bad, confirm, hotline, id, intake, read, read_from, record},
    },
    tests::SqliteTestStore,
};

/// Reads "a" and "b" in the first two minutes, and "a" and "c" a quarter of an hour later.
async fn read_three_times(store: &Database) {
    for (read_no, keys) in [(1_u64, &["a"][..]), (2, &["b"][..]), (20, &["a", "c"][..])] {
        let from = store.load(&hotline(), 0).await.unwrap();
        let records = keys.iter().map(|key| record(key, &read_no.to_string()));
        let some = read_from(from, read_no, records);
        keep(store, &intake([&some])).await;
        store.advance(&confirm(some).await).await.unwrap();
    }
}

async fn a_period_has_its_own_reads_and_its_last_pass(store: &Database) {
    read_three_times(store).await;
    let period = async |from, to| store.period_books(&hotline(), at(from), at(to)).await.unwrap();
    for (from, to, read, ended) in
        [(0, 1, 0, None), (1, 3, 2, Some(2)), (3, 20, 0, None), (20, 21, 2, Some(20))]
    {
        let found = period(from, to).await;
        assert_eq!((found.books.read, found.books.stored), (read, read), "{from} to {to}");
        assert_eq!(found.books.balanced, Some(true));
        assert_eq!(found.pass.map(|(ended_at, _)| ended_at), ended.map(at), "{from} to {to}");
        assert!(!found.is_folded);
    }
    assert_eq!(store.books(None, None).await.unwrap()[0].read, 4);

    assert_eq!(store.fold_books(at(100)).await.unwrap(), 3);
    let found = period(1, 3).await;
    assert_eq!((found.books.read, found.is_folded), (0, true));
    let enclosing = store.enclosing_books(&hotline(), at(1), at(3)).await.unwrap();
    assert_eq!((enclosing.read, enclosing.stored), (4, 4));
    store.forget_passes(at(10)).await.unwrap();
    assert_eq!((period(1, 3).await.pass, period(20, 21).await.pass.is_some()), (None, true));
}

async fn a_period_names_the_demands_that_were_first_seen_in_it(store: &Database) {
    read_three_times(store).await;
    let seen = async |from, to, after, limit| {
        let rows = store.first_seen(&hotline(), at(from), at(to), after, limit).await.unwrap();
        rows.into_iter().map(|row| (row.key.clone(), row)).unzip::<_, _, Vec<_>, Vec<_>>()
    };
    let (keys, rows) = seen(1, 3, 0, 9).await;
    assert_eq!(keys, ["a", "b"]);
    let first = store.history(&id("a")).await.unwrap()[0].digest;
    assert_eq!((rows[0].id, rows[0].digest), (id("a"), Some(first)), "its first state counts");
    assert!(rows.iter().all(|row| row.is_current_known));
    assert_eq!(seen(1, 3, 0, 1).await.0, ["a"]);
    assert_eq!(seen(1, 3, rows[0].seq, 1).await.0, ["b"]);
    assert_eq!(seen(3, 21, 0, 9).await.0, ["c"]);

    // As a retention does.
    for sql in ["DELETE FROM demand_raw", "DELETE FROM demand_history WHERE seq <= 2"] {
        store.write("delete rows by hand", sql, &[], NO_ROWS).await.unwrap();
    }
    let (_, rows) = seen(1, 3, 0, 9).await;
    let kept: Vec<_> =
        rows.iter().map(|row| (row.digest.is_some(), row.is_current_known)).collect();
    assert_eq!(kept, [(false, true), (false, false)]);
}

async fn a_record_is_found_wherever_the_store_has_it(store: &Database) {
    keep(store, &intake([&read(1, [record("a", "1"), bad("b")])])).await;
    let place = async |key: &str| store.whereabouts(&id(key)).await.unwrap();
    assert_eq!(place("a").await, Whereabouts::Stored(at(1)));
    assert_eq!(place("b").await, Whereabouts::Quarantined);
    assert_eq!(place("c").await, Whereabouts::Nowhere);
}

of_both! {
    a_period_has_its_own_reads_and_its_last_pass,
    a_period_names_the_demands_that_were_first_seen_in_it,
    a_record_is_found_wherever_the_store_has_it,
}
