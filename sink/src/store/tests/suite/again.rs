//! Tests of records that are mapped again: they are their own states, and no newer ones.

use contract::{MappingNo, Outbox, Revision};
use serde_json::json;

use super::{
    TestStore, keep,
    sample::{again, again_by, at, bad, id, intake, read, record, revised, with_body},
};

/// A state that is mapped again replaces itself. A newer state that comes meanwhile stays, in whatever order they are
/// stored, and whether the source has revisions or not.
pub(crate) async fn a_state_that_is_mapped_again_replaces_only_itself(store: impl TestStore) {
    let orders: [&[usize]; 8] =
        [&[0, 1], &[1, 0], &[0, 1, 2], &[0, 2, 1], &[1, 0, 2], &[1, 2, 0], &[2, 0, 1], &[2, 1, 0]];
    for (case, (order, has_revisions)) in
        orders.iter().flat_map(|order| [(order, false), (order, true)]).enumerate()
    {
        let key = format!("k{case}");
        let state = |revision, text: &str| {
            if has_revisions { revised(&key, revision, text) } else { record(&key, text) }
        };
        let n = u64::try_from(case).unwrap() * 10;
        let reads: [Outbox; 3] = [
            read(n + 1, [state(1, "one")]),
            again(n + 9, [(n + 1, state(1, "one, mapped again"))]),
            read(n + 5, [state(2, "two")]),
        ];
        // The second time, all of them are old.
        for index in order.iter().chain(*order) {
            keep(&store, &intake([&reads[*index]])).await;
        }
        let demand = store.demand(&id(&key)).await.expect("it is kept");
        let is_live = order.contains(&2);
        let (text, read_no, mapping) =
            if is_live { ("two", n + 5, 1) } else { ("one, mapped again", n + 1, 2) };
        assert_eq!(demand.body.content.as_deref(), Some(text), "{order:?}");
        assert_eq!(demand.version.read_no.0, read_no, "{order:?}");
        assert_eq!(demand.version.mapping, MappingNo(mapping), "{order:?}");
        assert_eq!(demand.origin.read_at, at(read_no), "{order:?}");
        assert_eq!(store.history(&id(&key)).await.len(), order.len(), "{order:?}");
    }
}

/// A row in quarantine is resolved by the same state, mapped again, also by the same mapping (what the store refused may be
/// accepted now), and not by an earlier state, nor by another record of its read.
pub(crate) async fn a_reject_is_resolved_by_its_own_state_mapped_again(store: impl TestStore) {
    let is_open = async |key: &str| {
        store.quarantined(&id(key)).await.expect("it is in quarantine").resolved_at.is_none()
    };
    let bad_revision = |key, n| with_body(key, Revision::number(n), json!({ "reject": true }));
    let records = [bad("a"), bad("b"), bad("late"), bad_revision("r", 3), bad_revision("s", 3)];
    keep(&store, &intake([&read(5, records)])).await;
    // `b` and `s` came once more meanwhile, and are still bad.
    keep(&store, &intake([&read(6, [bad("b"), bad_revision("s", 4)])])).await;
    let good = ["a", "b"].map(|key| (5, record(key, "good")));
    let revised = ["r", "s"].map(|key| (5, revised(key, 3, "good")));
    keep(&store, &intake([&again(7, good.into_iter().chain(revised))])).await;
    for (key, stays_open) in [("a", false), ("b", true), ("r", false), ("s", true)] {
        let demand = store.demand(&id(key)).await.expect("it is kept");
        assert_eq!(demand.version.read_no.0, 5, "{key}");
        assert_eq!(is_open(key).await, stays_open, "{key}");
    }
    keep(&store, &intake([&again(8, [(4, record("late", "old"))])])).await;
    assert!(is_open("late").await, "an earlier read says nothing of it");
    // The reject may also come after its own state.
    keep(&store, &intake([&again(10, [(9, record("after", "good"))])])).await;
    keep(&store, &intake([&read(9, [bad("after")])])).await;
    assert!(!is_open("after").await);
    keep(&store, &intake([&read(11, [record("twice", "good"), bad("twice")])])).await;
    assert!(is_open("twice").await, "the correction is bad, and nobody has corrected it");
    keep(&store, &intake([&read(12, [bad("same")])])).await;
    let same = again_by(MappingNo(1), 13, [(12, record("same", "good"))]);
    keep(&store, &intake([&same])).await;
    assert!(!is_open("same").await);
    // Also if its state is stored already.
    keep(&store, &intake([&read(14, [record("stored", "good"), bad("stored")])])).await;
    let stored = again_by(MappingNo(1), 15, [(14, record("stored", "good"))]);
    keep(&store, &intake([&stored])).await;
    assert!(!is_open("stored").await);
}
