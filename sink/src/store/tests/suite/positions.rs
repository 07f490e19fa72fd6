//! Tests of progress: positions, leases, and numbers that never repeat.

use contract::{Digest, Position};

use super::{
    TestStore,
    books::book,
    sample::{confirm, hotline, read, read_from, record},
};

/// Two processes cannot both make the same move; the later one changes nothing.
pub(crate) async fn a_position_moves_from_where_it_was_only(store: impl TestStore) {
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

/// The holder of an earlier lease can no longer move the position, take numbers, or claim the position back.
pub(crate) async fn a_later_lease_shuts_the_earlier_one_out(store: impl TestStore) {
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

/// If nothing was read, only the cursor moves.
pub(crate) async fn empty_reads_move_the_cursor_and_leave_no_books(store: impl TestStore) {
    for read_no in 1..4 {
        let from = store.load(&hotline(), 0).await.expect("it loads");
        store.advance(&confirm(read_from(from, read_no, [])).await).await.expect("it advances");
    }
    let at = store.load(&hotline(), 0).await.expect("it loads");
    assert_eq!((at.step, at.cursor.as_ref().map(|cursor| cursor.as_str())), (3, Some("3")));
    assert_eq!(store.books().await, []);
}

/// Blocks of numbers never overlap, even after restarts and moves.
pub(crate) async fn read_numbers_never_repeat(store: impl TestStore) {
    let first = store.reserve(&hotline(), 0, 1_000).await.expect("it reserves");
    store.advance(&confirm(read(1, [record("a", "one")])).await).await.expect("it advances");
    let store = store.reopen().await;
    let second = store.reserve(&hotline(), 0, 10).await.expect("it reserves");
    let other =
        store.reserve(&"petition".parse().expect("a name"), 0, 5).await.expect("it reserves");
    assert_eq!((first, second, other), (1..1_001, 1_001..1_011, 1..6));
}

/// A fingerprint keeps its number until another one is used; a new one, and one that is used again, gets the next.
pub(crate) async fn mappings_keep_their_numbers(store: impl TestStore) {
    assert_eq!(number(&store, 7).await, 1);
    assert_eq!(number(&store, 8).await, 2);
    let store = store.reopen().await;
    assert_eq!(number(&store, 8).await, 2);
    assert_eq!(number(&store, 7).await, 3);
    assert_eq!(number(&store, 7).await, 3);
    assert_eq!(number(&store, 9).await, 4);
}

async fn number(store: &impl TestStore, fingerprint: u8) -> u32 {
    let fingerprint = Digest([fingerprint; 16]);
    store.mapping(&hotline(), fingerprint).await.expect("it is numbered").0
}
