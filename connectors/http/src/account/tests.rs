use contract::Complete;

use super::*;

fn hashes(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("{n:016x}")).collect()
}

fn total(total: u64) -> Said {
    Said { total: Some(total), is_last: None }
}

/// The position before the first page, or after some.
fn at(is_start: bool) -> Position {
    Position { n_pages: u64::from(!is_start), ..Position::default() }
}

/// The end of a walk of a list that was walked `n_looks` times before, and now has other keys.
fn looked(n_looks: u64) -> Position {
    Position { n_looks, keys_sum: n_looks + 1, ..Position::default() }
}

fn note_page(walk: &mut Walk, keys: std::ops::Range<u64>, said: Said) {
    let page = Counted { hashes: &hashes(keys), said, ..Counted::default() };
    walk.note_page(page, &mut Outdated::default());
}

fn end_walk(account: &mut PassAccount, sequence: usize, name: &str, n_looks: u64) -> Outcome {
    account.end_walk(sequence, name, EndedBy::Total, &looked(n_looks), &mut Outdated::default())
}

/// Counts a walk whose pages had these keys and totals.
fn walk(account: &mut PassAccount, n_looks: u64, pages: &[(std::ops::Range<u64>, u64)]) -> Outcome {
    let walk = account.walk(0, 1, &at(true));
    for (keys, listed) in pages {
        note_page(walk, keys.clone(), total(*listed));
    }
    end_walk(account, 0, "", n_looks)
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
    note_page(account.walk(0, 1, &at(false)), 0..3, total(3));
    end_walk(&mut account, 0, "", 0);
    assert_eq!(account.end().complete(), Complete::Unknown);
    // The pass began in another process.
    let mut account = PassAccount::new(false);
    walk(&mut account, 0, &[(0..3, 3)]);
    assert_eq!(account.end().complete(), Complete::Unknown);
    // There are too many keys.
    let mut account = PassAccount::new(true);
    note_page(account.walk(0, MAX_KEYS, &at(true)), 0..3, total(3));
    end_walk(&mut account, 0, "", 0);
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
    note_page(account.walk(1, 2, &at(true)), 0..9, total(6));
    end_walk(&mut account, 1, "5050", 0);
    assert_eq!(account.end().complete(), Complete::No);
}

#[test]
fn requests_that_bring_nothing_new_are_spaced_and_do_not_go_on_for_ever() {
    let mut account = PassAccount::new(true);
    let walk = account.walk(0, 1, &at(true));
    note_page(walk, 0..3, Said::default());
    assert_eq!(walk.pause(), Ok(Duration::ZERO));
    let pauses: Vec<u128> = (0..5)
        .map(|_| {
            note_page(walk, 0..3, Said::default());
            walk.pause().unwrap().as_millis()
        })
        .collect();
    assert_eq!(pauses, [100, 200, 400, 400, 400]);
    (5..MAX_IDLE).for_each(|_| note_page(walk, 0..0, Said::default()));
    assert_eq!(walk.pause(), Err(MAX_IDLE));
    assert_eq!(walk.pause(), Ok(Duration::ZERO));
}

#[test]
fn whatever_comes_more_is_given_than_is_different_or_left_out() {
    let mut seed = 1_u64;
    let mut draw = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..300 {
        let (mut account, mut outdated) = (PassAccount::new(true), Outdated::default());
        let mut n_returned = 0;
        for sequence in 0..2 {
            for page in 0..draw(5) {
                let first = draw(6);
                let keys = hashes(first..first + draw(6));
                let contents: Vec<Option<u64>> = keys.iter().map(|_| Some(1 + draw(2))).collect();
                let n_left_out = usize::try_from(draw(keys.len() as u64 + 1)).unwrap();
                n_returned += (keys.len() - n_left_out) as u64;
                let counted = Counted {
                    hashes: &keys,
                    contents: &contents,
                    n_left_out,
                    ..Counted::default()
                };
                account.walk(sequence, 2, &at(page == 0)).note_page(counted, &mut outdated);
            }
            account.end_walk(sequence, "", EndedBy::Empty, &looked(MAX_LOOKS), &mut outdated);
        }
        let end = account.end();
        assert!(end.distinct.is_none_or(|distinct| distinct <= end.given), "{end:?}");
        assert_eq!(end.given - end.dropped.values().sum::<u64>(), n_returned, "{end:?}");
    }
}

#[test]
fn more_keys_with_two_contents_than_are_remembered_make_a_gap() {
    let (mut account, mut outdated) = (PassAccount::new(true), Outdated::default());
    let keys = hashes(0..1_000);
    for content in [1, 2] {
        let contents = vec![Some(content); keys.len()];
        let page = Counted { hashes: &keys, contents: &contents, ..Counted::default() };
        account.walk(0, 1, &at(true)).note_page(page, &mut outdated);
    }
    account.end_walk(0, "", EndedBy::Empty, &looked(MAX_LOOKS), &mut outdated);
    assert!(account.end().gap.unwrap().contains("two contents"));
}

/// Counts a pass in which these keys come under two values of `each`, with these contents. Returns whether
/// none of them is known to stand for two records, and the account.
fn pass_of_two_values(
    known: &mut Outdated,
    keys: std::ops::Range<u64>,
    contents: [u64; 2],
) -> (bool, PassEnd) {
    let (mut account, keys) = (PassAccount::new(true), hashes(keys));
    let mut is_fine = true;
    for (value, content) in contents.into_iter().enumerate() {
        let contents = vec![Some(content); keys.len()];
        // Pages are read twice.
        for _ in 0..2 {
            is_fine &= account.note_owners(value, &keys, &contents, known);
        }
    }
    account.forget_moved(known);
    (is_fine, account.end())
}

#[test]
fn records_that_moved_do_not_use_up_the_room_for_keys_of_two_records() {
    let mut known = Outdated::default();
    for pass in 0..300 {
        let (is_fine, end) = pass_of_two_values(&mut known, pass * 100..(pass + 1) * 100, [1, 2]);
        assert!(is_fine && end.gap.is_none(), "{pass}: {end:?}");
    }
    // The same two contents again, in any order: they are two records, and stay so.
    for contents in [[1, 2], [2, 1], [1, 2]] {
        let (is_fine, _) = pass_of_two_values(&mut known, 299 * 100..300 * 100, contents);
        assert!(!is_fine, "{contents:?}");
    }
}

#[test]
fn more_keys_of_two_records_than_are_remembered_are_reported() {
    let mut known = Outdated::default();
    let (is_fine, end) = pass_of_two_values(&mut known, 0..1_000, [1, 2]);
    assert!(is_fine && end.gap.unwrap().contains("two values of `each`"));
    assert!(!pass_of_two_values(&mut known, 0..1_000, [1, 2]).0);
}

#[test]
fn a_walk_is_doubtful_if_no_answer_has_anything_where_the_next_page_should_be_named() {
    let cases: [(&[_], _, _); 5] = [
        (&[Some("$.token")], EndedBy::LastToken, true),
        (&[Some("$.token"), None], EndedBy::LastToken, false),
        (&[None, Some("$.token")], EndedBy::LastToken, false),
        (&[Some("$.token")], EndedBy::NoMore, false),
        (&[], EndedBy::LastToken, false),
    ];
    for (pages, ended_by, is_doubtful) in cases {
        let mut account = PassAccount::new(true);
        let walk = account.walk(0, 1, &at(true));
        pages.iter().for_each(|unnamed| walk.note_unnamed(unnamed.map(str::to_owned)));
        account.end_walk(0, "", ended_by, &looked(0), &mut Outdated::default());
        let doubt = account.end().doubt.unwrap_or_default();
        assert_eq!(doubt.contains("$.token"), is_doubtful, "{pages:?}: {doubt}");
    }
}

#[test]
fn a_key_with_two_contents_in_every_pass_makes_the_end_doubtful() {
    let mut outdated = Outdated::default();
    // In the first pass, the record may have changed between the two pages.
    for is_doubtful in [false, true, true] {
        let mut account = PassAccount::new(true);
        for content in [10, 11] {
            let contents = [Some(content)];
            let page = Counted { hashes: &hashes(1..2), contents: &contents, ..Counted::default() };
            account.walk(0, 1, &at(true)).note_page(page, &mut outdated);
        }
        account.end_walk(0, "", EndedBy::Empty, &looked(0), &mut outdated);
        let doubt = account.end().doubt;
        assert_eq!(doubt.is_some(), is_doubtful, "{doubt:?}");
        assert!(doubt.is_none_or(|doubt| doubt.contains("with different contents (1)")));
    }
}

#[test]
fn a_list_that_grows_is_walked_again_without_end_only_if_it_leaves_out_what_was_acknowledged() {
    for leaves_out in [false, true] {
        let (mut account, mut outdated) = (PassAccount::new(true), Outdated::default());
        let looks = (0..9).take_while(|n_looks| {
            let first = if leaves_out { *n_looks } else { 0 };
            let keys = hashes(first..*n_looks + 1);
            let page = Counted { hashes: &keys, may_shift: true, ..Counted::default() };
            account.walk(0, 1, &at(true)).note_page(page, &mut outdated);
            account.note_acknowledged();
            let (ended_by, at) = (EndedBy::Empty, looked(*n_looks));
            account.end_walk(0, "", ended_by, &at, &mut outdated) == Outcome::LookAgain
        });
        assert_eq!(looks.count() == 9, leaves_out);
    }
}

#[test]
fn an_interrupted_walk_that_lists_the_same_keys_as_the_one_before_it_is_the_last() {
    for (before, expected) in [(7, Outcome::Ended), (6, Outcome::LookAgain)] {
        let (mut account, mut outdated) = (PassAccount::new(false), Outdated::default());
        let page = Counted { hashes: &hashes(0..3), may_shift: true, ..Counted::default() };
        account.walk(0, 1, &at(false)).note_page(page, &mut outdated);
        let at = Position { keys_sum: 7, keys_sum_before: before, ..looked(1) };
        let outcome = account.end_walk(0, "", EndedBy::Empty, &at, &mut outdated);
        assert_eq!(outcome, expected);
    }
}
