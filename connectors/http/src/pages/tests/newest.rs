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
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 21);
    at = pages.restart(at, true);
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
                *at = pages.restart(at.clone(), true);
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
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["T10", "T11", "T9"]);
    for all in [&["b", "c", "a", "d"][..], &["1", "2", "3", "4"], &["9", "8", "12", "7"]] {
        let mut at = Position::default();
        let (seen, gap) = read(&mut at, all, 2);
        assert!(gap.is_some() && seen.len() >= 3, "{all:?} {seen:?} {gap:?}");
    }
}

/// Reads a list of records with these values, each page with those less than the value before it. `limit` is
/// the most that the source gives. Returns how many records came, and what was noticed.
fn read_values(
    pages: &Paging,
    at: &mut Position,
    values: &[u64],
    limit: usize,
) -> (usize, Option<String>) {
    let (mut seen, mut gap) = (BTreeSet::new(), None);
    for n_asked in 0.. {
        assert!(n_asked < 40, "{values:?} {limit}");
        let size = at.size.unwrap_or(3);
        let (params, _) = pages.params(at, size);
        let before = params.first().and_then(|(_, value)| value.as_u64()).unwrap_or(u64::MAX);
        let rows: Vec<Value> = values
            .iter()
            .enumerate()
            .filter(|(_, value)| **value < before)
            .take(size.min(limit))
            .map(|(id, value)| json!({ "id": id, "t": value }))
            .collect();
        let page = Page::of(json!({ "rows": rows }));
        seen.extend(page.hashes.clone());
        let step = pages.step(at, &page, size, Said::default());
        gap = gap.or(step.gap);
        if step.end.is_some() {
            break;
        }
    }
    (seen.len(), gap)
}

#[test]
fn equal_values_at_the_border_of_a_page_are_read_or_missed_with_a_word() {
    let size = json!({ "param": "s", "value": 3 });
    let pages = pager(json!({ "kind": "newest", "param": "p", "at": "$.t", "size": size }));
    for (values, limit) in [
        (&[9, 8, 7, 6, 5][..], 100),
        (&[9, 8, 8, 8, 7], 100),
        (&[9, 8, 7, 7, 7, 6], 100),
        (&[9, 9, 9, 9, 9, 9, 8], 100),
        (&[9, 9, 9, 9], 100),
        (&[9, 9, 8, 8, 7, 7], 3),
        (&[9, 8, 8, 8, 8, 7], 3),
    ] {
        let mut at = Position::default();
        let (n_seen, gap) = read_values(&pages, &mut at, values, limit);
        assert!(n_seen == values.len() || gap.is_some(), "{values:?}: {n_seen}");
        assert!(n_seen == values.len() || limit == 3, "{values:?}: {n_seen}");
        assert!(gap.is_none() || limit == 3, "{values:?}: {gap:?}");
        // The next pass reads only what is new.
        at = pages.restart(at, true);
        let more: Vec<u64> = [10, 10].iter().chain(values).copied().collect();
        let (n_seen, _) = read_values(&pages, &mut at, &more, limit);
        let has_equal = values.windows(2).any(|pair| pair[0] == pair[1]);
        let is_all = n_seen == more.len();
        assert!(n_seen >= 2 && (has_equal || !is_all), "{values:?}: {n_seen}");
    }
}
