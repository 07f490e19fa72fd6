//! What the store keeps for mapping it again, and the books of that, tested with both databases.

use contract::{Checkpoints as _, MappingNo, Outcomes, ReadNo};

use crate::store::{
    Database, ReadOutcomes, RejectReason,
    database::sql::NO_ROWS,
    postgres::tests::PostgresTestStore,
    suite::{
        keep,
        sample::{again, at, bad, confirm, hotline, id, intake, read, record},
    },
    tests::SqliteTestStore,
};

async fn what_is_mapped_again_is_in_the_books_and_moves_no_position(store: &Database) {
    store.load(&hotline(), 0).await.unwrap();
    let first = read(1, [record("a", "1"), record("b", "1")]);
    keep(store, &intake([&first])).await;
    store.advance(&confirm(first).await).await.unwrap();
    let before = store.progress(&hotline()).await.unwrap();

    let mapped = again(2, [(1, record("a", "one")), (1, record("b", "1"))]);
    store.book_again(&confirm(mapped.clone()).await).await.unwrap();
    let outcomes = async || store.read_outcomes(&hotline(), &[ReadNo(2)]).await.unwrap();
    assert_eq!(outcomes().await, ReadOutcomes { in_flight: 1, ..ReadOutcomes::default() });
    keep(store, &intake([&mapped])).await;
    keep(store, &intake([&mapped])).await;
    let became = Outcomes { stored: 1, unchanged: 1, ..Outcomes::default() };
    assert_eq!(outcomes().await, ReadOutcomes { in_flight: 0, outcomes: became });
    let none = store.read_outcomes(&hotline(), &[]).await.unwrap();
    assert_eq!(none, ReadOutcomes::default());
    assert_eq!(store.progress(&hotline()).await.unwrap(), before);
    let books = store.books(None, None).await.unwrap().remove(0);
    let counts = (books.read, books.accepted, books.stored, books.unchanged, books.redelivered);
    assert_eq!((counts, books.balanced), ((4, 4, 3, 1, 2), Some(true)));
    assert_eq!(store.missing_states(&[books], false).await.unwrap(), 0);

    store.load(&hotline(), 7).await.unwrap();
    let late = confirm(again(3, [(1, record("b", "one"))])).await;
    let fault = store.book_again(&late).await.unwrap_err();
    assert!(fault.is_transient(), "another process holds the lease: {fault}");
}

async fn demands_of_earlier_mappings_come_in_pages_until_they_are_mapped_again(store: &Database) {
    let large = "x".repeat(700_000);
    let records = ["a", "b", "c", "d"].map(|key| record(key, &format!("{key}{large}")));
    keep(store, &intake([&read(1, records)])).await;
    keep(store, &intake([&read(2, [record("e", "small"), record("f", "small")])])).await;
    let found = async |mapping, since, after| {
        let page = store.outdated(&hotline(), MappingNo(mapping), since, after).await.unwrap();
        let keys: Vec<_> = page.iter().map(|row| row.source_key.to_string()).collect();
        (keys.concat(), page.last().map_or(0, |row| row.seq))
    };
    let (first, after) = found(2, None, 0).await;
    assert_eq!(first, "ab", "a page has a limit");
    assert_eq!(found(2, None, after).await.0, "cd");
    assert_eq!(found(2, Some(at(2)), 0).await.0, "ef");
    assert_eq!(found(1, None, 0).await.0, "", "none is of an earlier mapping");

    let mapped = ["a", "b", "c"].map(|key| (1, record(key, "again")));
    keep(store, &intake([&again(3, mapped)])).await;
    keep(store, &intake([&again(4, [(2, record("e", "small"))])])).await;
    assert_eq!(found(2, None, 0).await.0, "df", "also what is unchanged has a new number");

    let delete = "DELETE FROM demand_raw WHERE history IN (
        SELECT h.seq FROM demand_history h JOIN demand d ON d.seq = h.demand WHERE d.source_key = 'f')";
    store.write("delete rows by hand", delete, &[], NO_ROWS).await.unwrap();
    let rows = store.outdated(&hotline(), MappingNo(2), None, 0).await.unwrap();
    let [d, f] = &rows[..] else { panic!("{} rows", rows.len()) };
    assert_eq!((d.id, d.version.read_no, d.origin.read_at), (id("d"), ReadNo(1), at(1)));
    assert!(d.raw.as_ref().is_some_and(|raw| raw.0.len() > 700_000));
    assert_eq!((f.id, &f.raw), (id("f"), &None));
    assert!(!d.is_older && !f.is_older);
    keep(store, &intake([&read(5, [record("f", "small")])])).await;
    let rows = store.outdated(&hotline(), MappingNo(2), None, 0).await.unwrap();
    let older: Vec<_> = rows.iter().map(|row| row.is_older).collect();
    assert_eq!(older, [false, true], "it was read again, and only its version was kept");
}

async fn rejects_are_found_until_they_are_resolved_and_counted_by_reason(store: &Database) {
    keep(store, &intake([&read(1, [bad("a"), bad("b"), record("c", "a\0b")])])).await;
    keep(store, &intake([&read(2, [bad("b"), bad("d")])])).await;
    let unresolved = async |after| {
        let rows = store.unresolved(&hotline(), after).await.unwrap();
        let mut keys: Vec<_> = rows.iter().filter_map(|(_, row)| row.source_key.clone()).collect();
        keys.sort();
        (keys.concat(), rows.first().map_or(0, |(seq, _)| *seq))
    };
    let (all, first) = unresolved(0).await;
    assert_eq!((all.as_str(), unresolved(first).await.0.len()), ("abcd", 3));
    let reason = |reason: &str, records, last, sample: &str| RejectReason {
        channel: hotline(),
        reason: reason.to_owned(),
        records,
        first_seen_at: Some(at(1)),
        last_seen_at: Some(at(last)),
        sample: id(sample),
    };
    let expected = [reason("bad", 3, 2, "d"), reason("nul_in_text", 1, 1, "c")];
    assert_eq!(store.quarantine_reasons(None).await.unwrap(), expected);
    assert_eq!(store.quarantine_reasons(Some(&hotline())).await.unwrap(), expected);
    let board = "board".parse().unwrap();
    assert_eq!(store.quarantine_reasons(Some(&board)).await.unwrap(), []);
    let good = [(1, "a"), (1, "c"), (2, "b"), (2, "d")].map(|(n, key)| (n, record(key, "good")));
    keep(store, &intake([&again(3, good)])).await;
    assert_eq!(unresolved(0).await.0, "");
    assert_eq!(store.quarantine_reasons(None).await.unwrap(), []);
}

async fn a_mapping_is_known_once_it_has_a_number(store: &Database) {
    let print = |n| contract::Digest([n; 16]);
    assert_eq!(store.latest_mapping(&hotline(), print(1)).await.unwrap(), None);
    let number = store.mapping(&hotline(), print(1)).await.unwrap();
    assert_eq!(store.latest_mapping(&hotline(), print(1)).await.unwrap(), Some(number));
    assert_eq!(store.latest_mapping(&hotline(), print(2)).await.unwrap(), None);
}

of_both! {
    what_is_mapped_again_is_in_the_books_and_moves_no_position,
    demands_of_earlier_mappings_come_in_pages_until_they_are_mapped_again,
    rejects_are_found_until_they_are_resolved_and_counted_by_reason,
    a_mapping_is_known_once_it_has_a_number,
}
