//! What is in flight, and what somebody writes off, tested with both databases.

use contract::{Checkpoints as _, Intake};

use super::{PostgresTestStore, SqliteTestStore};
use crate::store::{
    AuditEntry, BooksRow, Database, Flight, WrittenOff,
    suite::{
        keep,
        sample::{at, bad, confirm, hotline, intake, read, read_from, record},
    },
};

/// Moves the position past a read with these records, whose messages nobody keeps; returns them.
async fn lose(store: &Database, read_no: u64, n_records: u64) -> Intake {
    let from = store.load(&hotline(), 0).await.unwrap();
    let keys: Vec<_> = (0..n_records).map(|n| n.to_string()).collect();
    let lost = read_from(from, read_no, keys.iter().map(|key| record(key, "text")));
    let messages = intake([&lost]);
    store.advance(&confirm(lost).await).await.unwrap();
    messages
}

fn flight(messages: u64, events: u64, oldest: u64) -> Vec<Flight> {
    vec![Flight { channel: hotline(), messages, events, oldest_at: at(oldest) }]
}

async fn ids(store: &Database) -> Vec<String> {
    let messages = store.messages_in_flight(Some(&hotline())).await.unwrap();
    messages.iter().map(|message| message.id.to_string()).collect()
}

async fn book(store: &Database) -> BooksRow {
    store.books(None, None).await.unwrap().remove(0)
}

async fn what_is_in_flight_is_counted_with_the_time_of_the_oldest(store: &Database) {
    assert_eq!(store.in_flight().await.unwrap(), []);
    // Kept before the position moves, as it happens with a fast sink; and a message of no advanced read.
    let kept = read(1, [record("kept", "text"), bad("rejected")]);
    keep(store, &intake([&kept, &read(2, [record("orphan", "text")])])).await;
    store.advance(&confirm(kept).await).await.unwrap();
    assert_eq!(store.in_flight().await.unwrap(), []);

    // Three messages: 450 events in parts of 200.
    let first = lose(store, 3, 450).await;
    let second = lose(store, 5, 1).await;
    assert_eq!(store.in_flight().await.unwrap(), flight(4, 451, 3));
    assert_eq!(ids(store).await, ["hotline/3/0", "hotline/3/1", "hotline/3/2", "hotline/5/0"]);
    let board = "board".parse().unwrap();
    assert_eq!(store.messages_in_flight(Some(&board)).await.unwrap(), []);
    let all = store.messages_in_flight(None).await.unwrap();
    assert_eq!((all.len(), all[2].events, all[2].read_at), (4, 50, at(3)));

    keep(store, &first).await;
    assert_eq!(store.in_flight().await.unwrap(), flight(1, 1, 5));
    assert_eq!(book(store).await.in_flight, 1, "the books say the same");
    keep(store, &second).await;
    assert_eq!(store.in_flight().await.unwrap(), []);
}

async fn what_is_written_off_by_hand_is_older_than_a_time_and_audited(store: &Database) {
    let entry = || AuditEntry {
        at: at(9),
        who: "tester (uid 7)".into(),
        action: "write-off".into(),
        subject: "hotline".into(),
        detail: "the queue was deleted".into(),
    };
    let write_off =
        async |before| store.write_off_older(&hotline(), before, entry()).await.unwrap();
    let lost = lose(store, 1, 250).await;
    let _never_kept = lose(store, 2, 3).await;
    assert_eq!(write_off(at(1)).await, WrittenOff::default(), "none is older");
    let board = "board".parse().unwrap();
    let other = store.write_off_older(&board, at(100), entry()).await.unwrap();
    assert_eq!(other, WrittenOff::default(), "another channel");
    assert_eq!(store.audit_log(9).await.unwrap(), [], "nothing was done");

    assert_eq!(write_off(at(2)).await, WrittenOff { messages: 2, events: 250 });
    let audited = store.audit_log(9).await.unwrap();
    let detail = "250 events of 2 messages: the queue was deleted";
    assert_eq!(audited, [AuditEntry { detail: detail.into(), ..entry() }]);
    assert_eq!(store.in_flight().await.unwrap(), flight(1, 3, 2));
    assert_eq!(ids(store).await, ["hotline/2/0"]);
    assert_eq!((book(store).await.lost, book(store).await.balanced), (250, None));

    assert_eq!(write_off(at(3)).await, WrittenOff { messages: 1, events: 3 });
    assert_eq!(write_off(at(3)).await, WrittenOff::default(), "they were written off");
    assert_eq!(store.audit_log(9).await.unwrap().len(), 2);
    assert_eq!((book(store).await.lost, book(store).await.balanced), (253, Some(true)));
    // For ever, also in the totals of days; but what comes after all is not lost.
    keep(store, &lost).await;
    assert_eq!((book(store).await.lost, book(store).await.stored), (3, 250));
    assert_eq!(store.fold_books(at(100)).await.unwrap(), 2);
    assert_eq!((book(store).await.lost, book(store).await.balanced), (3, Some(true)));
}

of_both! {
    what_is_in_flight_is_counted_with_the_time_of_the_oldest,
    what_is_written_off_by_hand_is_older_than_a_time_and_audited,
}
