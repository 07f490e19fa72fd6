use std::ops::Range;

use contract::RecordKey;

use super::*;

/// The index of the title in `DemandShape::FIELDS`.
const TITLE: usize = 1;

fn channel() -> ChannelId {
    "hotline".parse().unwrap()
}

/// Demands with these numbers; all have a title, or none has one.
fn batch(numbers: Range<u32>, has_title: bool) -> Vec<(DemandId, DemandShape)> {
    let id = |n: u32| DemandId::of(&channel(), &RecordKey::new(n.to_string()));
    let shape = DemandShape::new(array::from_fn(|field| field == TITLE && has_title));
    numbers.rev().map(|n| (id(n), shape)).collect()
}

fn passes(brake: &Brake, batch: &[(DemandId, DemandShape)]) -> bool {
    brake.check(&channel(), batch).is_ok()
}

#[test]
fn a_usual_field_that_is_missing_stops_the_channel() {
    let brake = Brake::new(batch(0..1_000, true));
    assert!(passes(&brake, &batch(1_000..1_500, true)));
    assert!(!passes(&brake, &batch(1_500..1_510, false)));
    assert!(!passes(&brake, &batch(1_500..1_510, false)), "it stays stopped");
    assert!(passes(&brake, &batch(1_500..1_501, true)), "until the source says it again");
}

#[test]
fn small_batches_are_counted_together() {
    for known in [30, 100, 1_000] {
        let brake = Brake::new(batch(0..known, true));
        let n =
            (known..known + 100).take_while(|n| passes(&brake, &batch(*n..n + 1, false))).count();
        assert_eq!(n, 9, "of {known}");
    }
}

#[test]
fn a_restart_continues_the_count_from_the_store() {
    let mut stored = batch(1_000..1_009, false);
    stored.extend(batch(0..1_000, true));
    for _ in 0..2 {
        assert!(!passes(&Brake::new(stored.clone()), &batch(1_009..1_010, false)));
    }
    assert!(passes(&Brake::new(stored.clone()), &batch(1_009..1_010, true)));
    assert!(passes(&Brake::new(stored), &batch(1_000..1_009, false)), "nothing new");
}

#[test]
fn an_idle_source_that_repeats_one_demand_does_not_stop() {
    let brake = Brake::new(batch(0..1_000, true));
    assert!((0..100).all(|_| passes(&brake, &batch(1_000..1_001, false))));
    let n = (1_001..1_100).take_while(|n| passes(&brake, &batch(*n..n + 1, false))).count();
    assert_eq!(n, 8, "what is usual was not forgotten, and the one was counted once");
}

#[test]
fn repeated_demands_do_not_hide_new_ones() {
    let brake = Brake::new(batch(0..1_000, true));
    let beside = |n| [batch(990..1_000, true), batch(n..n + 1, false)].concat();
    assert_eq!((1_000..1_100).take_while(|n| passes(&brake, &beside(*n))).count(), 9);
}

#[test]
fn stored_demands_that_lose_a_usual_field_stop_the_channel() {
    let brake = Brake::new(batch(0..1_000, true));
    assert!(!passes(&brake, &batch(985..1_000, false)));
}

#[test]
fn unusual_fields_and_new_channels_do_not_stop() {
    let seldom = [batch(940..1_000, true), batch(800..940, false), batch(0..800, true)];
    assert!(passes(&Brake::new(seldom.concat()), &batch(1_000..1_050, false)));
    let few = Brake::new(batch(0..29, true));
    assert!(passes(&few, &batch(29..79, false)), "too few to know");
    assert!(passes(&Brake::default(), &batch(0..500, false)));
    assert!(passes(&Brake::new(batch(0..1_000, true)), &[]));
}

#[test]
fn only_the_last_thousand_count() {
    let brake = Brake::new(batch(0..1_000, false));
    assert!(passes(&brake, &batch(1_000..1_900, true)));
    assert!(passes(&brake, &batch(1_900..1_950, false)), "900 of 1,000 had it");
    let brake = Brake::new(batch(0..1_000, false));
    assert!(passes(&brake, &batch(1_000..2_000, true)));
    assert!(!passes(&brake, &batch(2_000..2_050, false)), "all of 1,000 had it");
}
