//! Tests of the books, and of the faults that are shown with them.

use chrono::TimeDelta;
use contract::Fault;

use super::{
    TestStore, keep,
    sample::{bad, confirm, hotline, intake, read, record, with_body},
};
use crate::store::BooksRow;

/// The balance is null while messages are in flight, and true when every part has an equal receipt.
pub(crate) async fn books_are_open_until_every_part_is_kept(store: impl TestStore) {
    // More than one message: 450 events in parts of 200.
    let keys: Vec<String> = (0..450).map(|n| n.to_string()).collect();
    let skipped = with_body("none", contract::Revision::NONE, serde_json::json!({ "skip": 1 }));
    let records = keys.iter().map(|key| record(key, "text"));
    let first = read(1, records.chain([bad("bad"), skipped]));
    assert_eq!(first.messages().len(), 3);
    let messages = first.messages().to_vec();
    store.advance(&confirm(first).await).await.expect("it advances");
    let open = book(&store).await;
    assert_eq!((open.read, open.accepted, open.skipped, open.rejected), (452, 450, 1, 1));
    assert_eq!((open.published, open.in_flight, open.balanced), (451, 451, None));

    for some in [vec![messages[1].clone()], vec![messages[0].clone(), messages[2].clone()]] {
        keep(&store, &contract::Intake::new((0..).zip(some))).await;
    }
    keep(&store, &contract::Intake::new([(0, messages[0].clone())])).await;
    let store = store.reopen().await;
    let closed = book(&store).await;
    assert_eq!((closed.stored, closed.quarantined, closed.in_flight), (450, 1, 0));
    assert_eq!((closed.redelivered, closed.orphans, closed.balanced), (200, 0, Some(true)));
}

/// Messages of a read that never advanced are counted separately, and do not affect the balance.
pub(crate) async fn a_stopped_read_leaves_orphans(store: impl TestStore) {
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    let second = read(2, [record("a", "one")]);
    keep(&store, &intake([&second])).await;
    store.advance(&confirm(second).await).await.expect("it advances");
    let book = book(&store).await;
    assert_eq!((book.orphans, book.read, book.unchanged), (1, 1, 1));
    assert_eq!((book.stored, book.stored_by_orphans, book.balanced), (0, 1, Some(true)));
}

/// A receipt with another hash for the same id is a difference; the message is not in flight.
pub(crate) async fn a_receipt_that_says_something_else_unbalances(store: impl TestStore) {
    keep(&store, &intake([&read(1, [record("a", "theirs")])])).await;
    let ours = read(1, [record("a", "ours")]);
    keep(&store, &intake([&ours])).await;
    store.advance(&confirm(ours).await).await.expect("it advances");
    assert_eq!(book(&store).await.balanced, Some(false));
}

pub(super) async fn book(store: &impl TestStore) -> BooksRow {
    let mut books = store.books().await;
    assert_eq!(books.len(), 1, "{books:?}");
    books.remove(0)
}

/// Faults of a channel that was never read, and of one that was; an old fault is not shown again.
pub(crate) async fn a_fault_is_seen_until_the_next_read(store: impl TestStore) {
    let channel = hotline();
    let first = confirm(read(1, [record("a", "one")])).await;
    let moment = first.read_at();
    let note = async |what: &str, at: TimeDelta| {
        let fault = Fault::transient(what).at("table CNS_CINFO");
        store.note(&channel, &fault, moment + at).await.expect("it is noted");
        store.fault(&channel).await
    };
    assert_eq!(store.fault(&channel).await, None);
    for what in ["it is locked", "the password is wrong"] {
        let seen = note(what, -TimeDelta::seconds(1)).await;
        assert_eq!(seen, Some(format!("table CNS_CINFO: {what}")));
    }
    store.advance(&first).await.expect("a note moves nothing");
    assert_eq!(store.fault(&channel).await, None);
    // Whatever the clock says: it may have been set back.
    for seconds in [1, -3_600] {
        assert!(note("it is locked again", TimeDelta::seconds(seconds)).await.is_some());
    }
}
