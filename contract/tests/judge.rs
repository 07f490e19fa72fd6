//! Tests of `judge`: the newest state wins, regardless of the order in which states arrive, and how often.

use std::cmp::Ordering;

use contract::{
    DemandState, Digest, Judgement, MappingNo, ReadNo, Revision, TrackedFields, Version, judge,
};
use proptest::prelude::*;

/// Versions of few values, so that equal ones are frequent.
fn versions() -> impl Strategy<Value = Version> {
    (prop::option::of(-2..3_i64), 0..4_u64, 0..3_u32).prop_map(|(revision, read_no, mapping)| {
        Version {
            revision: revision.map_or(Revision::NONE, Revision::number),
            read_no: ReadNo(read_no),
            mapping: MappingNo(mapping),
        }
    })
}

/// One state for each of a set of versions, with one of five contents.
fn states() -> impl Strategy<Value = Vec<DemandState>> {
    prop::collection::btree_map(versions(), 0..5_u8, 1..12).prop_map(|states| {
        states.into_iter().map(|(version, content)| state(version, content)).collect()
    })
}

fn state(version: Version, content: u8) -> DemandState {
    let tracked =
        TrackedFields { status: Some(format!("status {content}")), ..TrackedFields::default() };
    DemandState { version, digest: Digest([content; 16]), tracked }
}

/// The current state after a store has judged `incoming`.
fn arrive(current: Option<DemandState>, incoming: &DemandState) -> Option<DemandState> {
    match judge(current.as_ref(), incoming) {
        Judgement::Stored { .. } => Some(incoming.clone()),
        Judgement::Unchanged => {
            current.map(|current| DemandState { version: incoming.version, ..current })
        }
        Judgement::Stale => current,
    }
}

/// The parts of a version, in the order in which they are compared.
fn parts(version: Version) -> (i64, u64, u32) {
    (version.revision.to_column(), version.read_no.0, version.mapping.0)
}

proptest! {
    #[test]
    fn any_order_and_repetition_ends_in_the_newest(
        (states, arrivals) in states().prop_flat_map(|states| {
            let arrivals = prop::collection::vec(0..states.len(), 0..20);
            let once_each = Just((0..states.len()).collect::<Vec<_>>()).prop_shuffle();
            let order = (arrivals, once_each).prop_map(|(some, all)| [some, all].concat());
            (Just(states), order.prop_shuffle())
        })
    ) {
        let kept = arrivals.iter().fold(None, |kept, &index| arrive(kept, &states[index]));
        prop_assert_eq!(kept.as_ref(), states.last());
    }

    #[test]
    fn a_repeated_state_is_unchanged(version in versions(), content: u8) {
        let state = state(version, content);
        prop_assert_eq!(judge(Some(&state), &state), Judgement::Unchanged);
    }

    #[test]
    fn an_older_state_changes_nothing(a in versions(), b in versions(), content: u8) {
        prop_assume!(a < b);
        let newer = state(b, 0);
        prop_assert_eq!(judge(Some(&newer), &state(a, content)), Judgement::Stale);
    }

    #[test]
    fn the_first_of_two_contents_under_one_version_stays(version in versions()) {
        let (first, second) = (state(version, 1), state(version, 2));
        prop_assert_eq!(judge(Some(&first), &second), Judgement::Stale);
    }

    #[test]
    fn versions_are_totally_ordered(a in versions(), b in versions(), c in versions()) {
        prop_assert_eq!(a.cmp(&b), parts(a).cmp(&parts(b)));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }
}

#[test]
fn the_first_state_is_stored_without_changes() {
    let first = state(version(1), 1);
    assert_eq!(judge(None, &first), Judgement::Stored { changed: Vec::new() });
}

#[test]
fn a_newer_state_names_what_changed() {
    let old = state(version(1), 1);
    let mut new = state(version(2), 2);
    assert_eq!(judge(Some(&old), &new), Judgement::Stored { changed: vec!["status"] });
    new.tracked = TrackedFields { urged: Some(1), due_at: Some(7), ..old.tracked.clone() };
    assert_eq!(judge(Some(&old), &new), Judgement::Stored { changed: vec!["due_at", "urged"] });
    new.tracked = old.tracked.clone();
    assert_eq!(judge(Some(&old), &new), Judgement::Stored { changed: vec!["other"] });
}

fn version(read_no: u64) -> Version {
    Version { revision: Revision::NONE, read_no: ReadNo(read_no), mapping: MappingNo(1) }
}
