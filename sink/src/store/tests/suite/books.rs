//! Promises about progress and its proof.

use chrono::TimeDelta;
use contract::{Digest, Fault, Position};

use super::{
    Twin, keep,
    sample::{bad, confirm, hotline, intake, read, read_from, record, with_body},
};
use crate::store::BooksRow;

/// Null while something is in flight, true when every part has an equal receipt.
pub(crate) async fn books_are_open_until_every_part_is_kept(store: impl Twin) {
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

/// What was kept of a read that never advanced is shown apart and disturbs nothing.
pub(crate) async fn a_stopped_read_leaves_orphans(store: impl Twin) {
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    let second = read(2, [record("a", "one")]);
    keep(&store, &intake([&second])).await;
    store.advance(&confirm(second).await).await.expect("it advances");
    let book = book(&store).await;
    assert_eq!((book.orphans, book.read, book.unchanged), (1, 1, 1));
    assert_eq!((book.stored, book.balanced), (0, Some(true)));
}

/// A receipt for another content under the same id is a difference, not something in flight.
pub(crate) async fn a_receipt_that_says_something_else_unbalances(store: impl Twin) {
    keep(&store, &intake([&read(1, [record("a", "theirs")])])).await;
    let ours = read(1, [record("a", "ours")]);
    keep(&store, &intake([&ours])).await;
    store.advance(&confirm(ours).await).await.expect("it advances");
    assert_eq!(book(&store).await.balanced, Some(false));
}

async fn book(store: &impl Twin) -> BooksRow {
    let mut books = store.books().await;
    assert_eq!(books.len(), 1, "{books:?}");
    books.remove(0)
}

/// Two processes cannot both make the same move, and who comes late changes nothing.
pub(crate) async fn a_position_moves_from_where_it_was_only(store: impl Twin) {
    let channel = hotline();
    let start = store.load(&channel, 0).await.expect("it loads");
    assert_eq!(start, Position::default());
    let ours = confirm(read_from(start.clone(), 1, [record("a", "one")])).await;
    let theirs = confirm(read_from(start, 2, [record("a", "two")])).await;
    store.advance(&ours).await.expect("the first advances");
    for _ in 0..2 {
        let fault = store.advance(&theirs).await.expect_err("the second does not");
        assert!(fault.is_transient(), "{fault}");
        assert!(fault.to_string().contains("another process moved the position"), "{fault}");
    }
    let fence = Position { fence: 9, ..ours.from().moved(ours.upto().clone()) };
    let fenced = confirm(read_from(fence, 3, [record("a", "two")])).await;
    assert!(store.advance(&fenced).await.is_err(), "another lease moved it");
    let store = store.reopen().await;
    let at = store.load(&channel, 0).await.expect("it loads");
    assert_eq!((at.step, at.cursor.as_ref().map(|cursor| cursor.as_str())), (1, Some("1")));
    assert_eq!(book(&store).await.read, 1, "a refused move writes no books");
}

/// Who claimed a position under an earlier lease can neither move it nor draw numbers any more, and
/// cannot claim it back.
pub(crate) async fn a_later_lease_shuts_the_earlier_one_out(store: impl Twin) {
    let channel = hotline();
    let earlier = store.load(&channel, 3).await.expect("it is free");
    store.reserve(&channel, 3, 10).await.expect("it is ours");
    let ours = confirm(read_from(earlier, 1, [record("a", "one")])).await;
    let later = store.load(&channel, 5).await.expect("a later lease may");
    for refused in [
        store.advance(&ours).await.err(),
        store.reserve(&channel, 3, 10).await.err(),
        store.load(&channel, 3).await.err(),
    ] {
        let fault = refused.expect("the earlier lease is over");
        assert!(fault.is_transient() && fault.to_string().contains("another process"), "{fault}");
    }
    assert_eq!(store.reserve(&channel, 5, 5).await.expect("it is theirs"), 11..16);
    let theirs = confirm(read_from(later, 11, [record("a", "one")])).await;
    store.advance(&theirs).await.expect("theirs moves");
    assert_eq!(store.load(&channel, 5).await.expect("again").step, 1);
}

/// Of a channel never read, and of one read before; an old fault does not come up again.
pub(crate) async fn a_fault_is_seen_until_the_next_read(store: impl Twin) {
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
    assert_eq!(note("a late note", -TimeDelta::seconds(1)).await, None);
    assert!(note("it is locked again", TimeDelta::seconds(1)).await.is_some());
}

/// The cursor alone moves where there was nothing to read.
pub(crate) async fn empty_reads_move_the_cursor_and_leave_no_books(store: impl Twin) {
    for read_no in 1..4 {
        let from = store.load(&hotline(), 0).await.expect("it loads");
        store.advance(&confirm(read_from(from, read_no, [])).await).await.expect("it advances");
    }
    let at = store.load(&hotline(), 0).await.expect("it loads");
    assert_eq!((at.step, at.cursor.as_ref().map(|cursor| cursor.as_str())), (3, Some("3")));
    assert_eq!(store.books().await, []);
}

/// Blocks never overlap, restarts and moves in between.
pub(crate) async fn read_numbers_never_repeat(store: impl Twin) {
    let first = store.reserve(&hotline(), 0, 1_000).await.expect("it reserves");
    store.advance(&confirm(read(1, [record("a", "one")])).await).await.expect("it advances");
    let store = store.reopen().await;
    let second = store.reserve(&hotline(), 0, 10).await.expect("it reserves");
    let other =
        store.reserve(&"petition".parse().expect("a name"), 0, 5).await.expect("it reserves");
    assert_eq!((first, second, other), (1..1_001, 1_001..1_011, 1..6));
}

/// A fingerprint has one number for ever; a new one has the next.
pub(crate) async fn mappings_keep_their_numbers(store: impl Twin) {
    assert_eq!(number(&store, 7).await, 1);
    assert_eq!(number(&store, 8).await, 2);
    let store = store.reopen().await;
    assert_eq!(number(&store, 7).await, 1);
    assert_eq!(number(&store, 9).await, 3);
}

async fn number(store: &impl Twin, fingerprint: u8) -> u32 {
    let fingerprint = Digest([fingerprint; 16]);
    store.mapping(&hotline(), fingerprint).await.expect("it is numbered").0
}
