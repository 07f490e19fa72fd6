//! Lists that begin with the newest record.

use super::*;

/// A board that lists its newest threads first; each request gets the threads before its number.
fn board(numbers: &[u64], question: &Value, size: usize) -> Page {
    let last = question.as_u64().filter(|last| *last > 0).unwrap_or(u64::MAX);
    let older: Vec<u64> = numbers.iter().rev().copied().filter(|n| *n < last).take(size).collect();
    let keys: Vec<String> = older.iter().map(ToString::to_string).collect();
    page(&keys.iter().map(String::as_str).collect::<Vec<_>>(), json!({}))
}

#[test]
fn a_pass_from_the_newest_ends_where_the_last_one_began() {
    let pages = newest_pages();
    let mut at = Position::default();
    let mut numbers: Vec<u64> = (90..=110).collect();
    let (_, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert_eq!(seen.len(), 21);
    at = pages.restart(at, true, false);
    assert_eq!(at.known_up_to.as_deref(), Some("110"));
    numbers.extend([111, 115, 120]);
    let (asked, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert!(asked.len() <= 2, "{asked:?}");
    assert_eq!(&seen[..3], ["120", "115", "111"]);
}

#[test]
fn the_known_number_grows_only_when_a_pass_is_complete() {
    let pages = newest_pages();
    let mut numbers: Vec<u64> = (1..=40).collect();
    let mut at = Position { known_up_to: Some("10".into()), ..Position::default() };
    for _ in 0..3 {
        let (params, _) = pages.params(&at, 4);
        let step = pages.step(&mut at, &board(&numbers, &params[0].1, 4), 4, Said::default());
        assert_eq!((step.end.is_some(), at.known_up_to.as_deref()), (false, Some("10")));
    }
    // The next pass reads a message that arrives during this one.
    numbers.push(41);
    let (_, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert!(seen.contains(&"11".to_owned()));
    assert_eq!(at.known_up_to.as_deref(), Some("40"));
}

#[test]
fn a_pinned_old_message_does_not_end_the_pass() {
    let pages = newest_pages();
    let mut at = Position { known_up_to: Some("100".into()), ..Position::default() };
    let answers = [
        page(&["7", "112", "111", "110"], json!({})),
        page(&["109", "108", "101", "100"], json!({})),
    ];
    let mut answers = answers.iter().cloned().chain([page(&["99", "98"], json!({}))]);
    let (_, seen) = read_all(&pages, &mut at, 4, |_| answers.next().unwrap());
    assert!(seen.contains(&"101".to_owned()));
    assert_eq!(at.known_up_to.as_deref(), Some("112"));
}

#[test]
fn values_that_are_no_numbers_are_followed_as_far_as_they_descend() {
    let pages = newest_pages();
    let read = |at: &mut Position, all: &[&str], size: usize| {
        let (mut seen, mut gap) = (BTreeSet::new(), None);
        for _ in 0..100 {
            let last = at.value().map(str::to_owned);
            let place = last.and_then(|last| all.iter().position(|key| *key == last));
            let from = place.map_or(0, |at| at + 1);
            let keys: Vec<&str> = all.iter().skip(from).take(size).copied().collect();
            let step = pages.step(at, &page(&keys, json!({})), size, Said::default());
            seen.extend(keys.iter().map(ToString::to_string));
            gap = gap.or(step.gap);
            if step.end.is_some() {
                *at = pages.restart(at.clone(), true, gap.is_some());
                return (seen, gap);
            }
        }
        panic!("the pages do not end");
    };
    let mut at = Position::default();
    let all = ["T10", "T9", "T8", "T7", "T6", "T5", "T4", "T3"];
    let (seen, gap) = read(&mut at, &all, 2);
    assert_eq!((seen.len(), gap), (8, None));
    let (seen, _) = read(&mut at, &[&["T11"][..], &all].concat(), 2);
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["T10", "T11", "T8", "T9"]);
    for all in [
        &["b", "c", "a", "d"][..],
        &["1", "2", "3", "4"],
        &["5", "5", "4", "3"],
        &["9", "8", "12", "7"],
    ] {
        let mut at = Position::default();
        let (seen, gap) = read(&mut at, all, 2);
        assert!(gap.is_some() && seen.len() >= 3, "{all:?} {seen:?} {gap:?}");
        assert!(at.is_at_start(), "the next pass reads everything again");
    }
}
