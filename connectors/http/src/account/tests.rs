use contract::Complete;

use super::*;

fn hashes(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("{n:016x}")).collect()
}

fn total(total: u64) -> Said {
    Said { total: Some(total), is_last: None }
}

/// Counts a walk whose pages had these keys and totals.
fn walk(account: &mut PassAccount, n_looks: u64, pages: &[(std::ops::Range<u64>, u64)]) -> Outcome {
    let walk = account.walk(0, 1, true);
    for (keys, listed) in pages {
        let keys = hashes(keys.clone());
        walk.note_entries(keys.len());
        walk.note_page(&keys, total(*listed), false);
    }
    account.end_walk(0, "", EndedBy::Total, n_looks)
}

#[test]
fn a_pass_is_complete_if_as_many_different_records_came_as_are_listed() {
    let cases: [(&[_], _); 6] = [
        (&[(0..3, 5), (2..5, 5), (0..0, 0)], Complete::Yes),
        (&[(0..3, 5), (2..5, 6), (5..6, 6)], Complete::Yes),
        // A total that is less than what came, or that went down, proves nothing.
        (&[(0..3, 0), (3..5, 0)], Complete::Unknown),
        (&[(0..3, 6), (3..5, 5)], Complete::Unknown),
        (&[(0..3, 6), (3..5, 6)], Complete::No),
        (&[(0..3, 9), (3..5, 6)], Complete::No),
    ];
    for (pages, complete) in cases {
        let mut account = PassAccount::new(true);
        walk(&mut account, MAX_LOOKS, pages);
        let end = account.end();
        assert_eq!(end.complete(), complete, "{pages:?}: {end:?}");
    }
}

#[test]
fn what_is_short_is_looked_at_again_before_it_is_reported() {
    let mut account = PassAccount::new(true);
    assert_eq!(walk(&mut account, 0, &[(0..3, 6)]), Outcome::LookAgain);
    assert_eq!(walk(&mut account, 1, &[(2..5, 6)]), Outcome::LookAgain);
    assert_eq!(walk(&mut account, 2, &[(1..4, 6)]), Outcome::Gap);
    let end = account.end();
    assert_eq!((end.listed, end.distinct, end.given), (Some(6), Some(5), 9));
    let mut account = PassAccount::new(true);
    assert_eq!(walk(&mut account, 0, &[(0..3, 6)]), Outcome::LookAgain);
    assert_eq!(walk(&mut account, 1, &[(3..6, 6)]), Outcome::Ended);
    assert_eq!(account.end().complete(), Complete::Yes);
}

#[test]
fn what_was_not_counted_is_not_called_complete() {
    // The walk began in another process.
    let mut account = PassAccount::new(true);
    account.walk(0, 1, false).note_page(&hashes(0..3), total(3), false);
    account.end_walk(0, "", EndedBy::Total, 0);
    assert_eq!(account.end().complete(), Complete::Unknown);
    // The pass began in another process.
    let mut account = PassAccount::new(false);
    walk(&mut account, 0, &[(0..3, 3)]);
    assert_eq!(account.end().complete(), Complete::Unknown);
    // There are too many keys.
    let mut account = PassAccount::new(true);
    account.walk(0, MAX_KEYS, true).note_page(&hashes(0..3), total(3), false);
    account.end_walk(0, "", EndedBy::Total, 0);
    assert_eq!(account.end().complete(), Complete::Unknown);
    // A part could not be read.
    let mut account = PassAccount::new(true);
    walk(&mut account, 0, &[(0..3, 3)]);
    account.note_gap("7 could not be read".to_owned());
    assert_eq!(account.end().complete(), Complete::No);
}

#[test]
fn a_walk_that_lacks_records_is_not_hidden_by_another_that_has_too_many() {
    let mut account = PassAccount::new(true);
    walk(&mut account, MAX_LOOKS, &[(0..3, 6)]);
    account.walk(1, 2, true).note_page(&hashes(0..9), total(6), false);
    account.end_walk(1, "5050", EndedBy::Total, 0);
    assert_eq!(account.end().complete(), Complete::No);
}

#[test]
fn requests_that_bring_nothing_new_are_spaced_and_do_not_go_on_for_ever() {
    let mut account = PassAccount::new(true);
    let walk = account.walk(0, 1, true);
    walk.note_page(&hashes(0..3), Said::default(), false);
    assert_eq!(walk.pause(), Ok(Duration::ZERO));
    let pauses: Vec<u128> = (0..5)
        .map(|_| {
            walk.note_page(&hashes(0..3), Said::default(), false);
            walk.pause().unwrap().as_millis()
        })
        .collect();
    assert_eq!(pauses, [100, 200, 400, 400, 400]);
    (5..MAX_IDLE).for_each(|_| walk.note_page(&[], Said::default(), false));
    assert_eq!(walk.pause(), Err(MAX_IDLE));
    assert_eq!(walk.pause(), Ok(Duration::ZERO));
}
