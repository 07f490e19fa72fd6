//! Tests of order: the newer state wins, regardless of order and repetition.

use std::collections::HashSet;

use contract::Outcomes;

use super::{
    TestStore, keep,
    sample::{at, id, intake, read, record, revised},
    stored,
};
use crate::store::Outcome;

/// The same content with a newer version does not rewrite the row and adds no history.
pub(crate) async fn an_unchanged_state_moves_the_version_only(store: impl TestStore) {
    keep(&store, &intake([&read(1, [record("a", "one")])])).await;
    let outcomes = keep(&store, &intake([&read(5, [record("a", "one")])])).await;
    assert_eq!(outcomes, Outcomes { unchanged: 1, ..Outcomes::default() });
    let demand = store.demand(&id("a")).await.expect("a is kept");
    assert_eq!(demand.version.read_no.0, 5);
    assert_eq!(demand.origin.read_at, at(1), "the content came with the first read");
    assert_eq!(store.history(&id("a")).await.len(), 1);
    // A state between the two reads is older than the current one.
    let outcomes = keep(&store, &intake([&read(3, [record("a", "other")])])).await;
    assert_eq!(outcomes, Outcomes { stale: 1, ..Outcomes::default() });
}

/// An older state is added to history, and only once.
pub(crate) async fn stale_states_enter_history_once(store: impl TestStore) {
    keep(&store, &intake([&read(9, [record("a", "new")])])).await;
    for read_no in [3, 4] {
        let outcomes = keep(&store, &intake([&read(read_no, [record("a", "old")])])).await;
        assert_eq!(outcomes, Outcomes { stale: 1, ..Outcomes::default() });
    }
    let demand = store.demand(&id("a")).await.expect("a is kept");
    assert_eq!(demand.body.content.as_deref(), Some("new"));
    let history = store.history(&id("a")).await;
    let outcomes: Vec<_> = history.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Stored, Outcome::Stale]);
}

/// Several states of a demand in one intake: the newest becomes current, and all are in history.
pub(crate) async fn one_intake_may_hold_several_states(store: impl TestStore) {
    let reads = [
        read(1, [record("a", "one"), record("b", "only")]),
        read(3, [record("a", "three")]),
        read(2, [record("a", "two")]),
        read(4, [record("a", "three")]),
    ];
    let outcomes = keep(&store, &intake(&reads)).await;
    assert_eq!(outcomes, Outcomes { unchanged: 1, stale: 1, ..stored(3) });
    let demand = store.demand(&id("a")).await.expect("a is kept");
    assert_eq!(demand.body.content.as_deref(), Some("three"));
    assert_eq!(demand.version.read_no.0, 4);
    let history = store.history(&id("a")).await;
    let outcomes: Vec<_> = history.iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes, [Outcome::Superseded, Outcome::Stored, Outcome::Stale]);
    assert_eq!(history[1].changed, ["other"]);
    assert!(store.demand(&id("b")).await.is_some());
}

/// In whatever order and however often states arrive, in intakes of `size`: the newest is current, and every
/// content is in history. `order` has revisions from 0.
pub(crate) async fn any_order_ends_in_the_same_state(
    store: impl TestStore,
    order: &[u8],
    size: usize,
) {
    // Revisions 2 and 3 have the same content, so they are one state.
    let text = |revision: u8| format!("text {}", if revision == 3 { 2 } else { revision });
    let reads: Vec<_> = (1..)
        .zip(order)
        .map(|(read_no, &revision)| {
            read(read_no, [revised("a", i64::from(revision), &text(revision))])
        })
        .collect();
    for some in reads.chunks(size.max(1)) {
        keep(&store, &intake(some)).await;
    }
    keep(&store, &intake(&reads)).await;
    let newest = *order.iter().max().expect("something arrives");
    let demand = store.demand(&id("a")).await.expect("a is kept");
    assert_eq!(demand.version.revision, contract::Revision::number(newest.into()));
    assert_eq!(demand.body.content, Some(text(newest)));
    let history = store.history(&id("a")).await;
    let contents: HashSet<_> = order.iter().map(|&revision| text(revision)).collect();
    let digests: HashSet<_> = history.iter().map(|row| row.digest).collect();
    assert_eq!(digests.len(), contents.len(), "a content is missing in history");
}
