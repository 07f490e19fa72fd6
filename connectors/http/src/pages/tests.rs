use document::Path;
use serde_json::json;

use super::*;
use crate::answer::Page;

fn page(keys: &[&str], more: Value) -> Page {
    let rows: Vec<Value> = keys.iter().map(|key| json!({ "id": key })).collect();
    let mut tree = json!({ "rows": rows });
    if let (Value::Object(tree), Value::Object(more)) = (&mut tree, more) {
        tree.extend(more);
    }
    let path = |text: &str| Path::parse(text).unwrap();
    Page::new(tree, Default::default(), Default::default(), &path("$.rows[*]"), &path("$.id"))
        .unwrap()
}

fn pager(kind: Value) -> Paging {
    serde_json::from_value(kind).unwrap()
}

/// Reads all pages of a source that answers requests with `answer`. Returns the requests and the records.
fn read_all(
    pager: &Paging,
    position: &mut Position,
    size: usize,
    mut answer: impl FnMut(&Value) -> Page,
) -> (Vec<String>, Vec<String>) {
    let (mut asked, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let (params, _) = pager.params(position, size);
        let question = params.first().map_or(Value::Null, |(_, value)| value.clone());
        asked.push(question.to_string());
        let page = answer(&question);
        let step = pager.step(position, &page, size).unwrap();
        if !step.was_read_before {
            let ids = page.records.iter().filter_map(|record| record["id"].as_str());
            seen.extend(ids.map(str::to_owned));
        }
        if step.is_last {
            return (asked, seen);
        }
    }
    panic!("the pages do not end");
}

/// The page with `size` of the `rows`, from the index `from` on.
fn slice(rows: &[String], from: usize, size: usize) -> Page {
    let keys: Vec<&str> = rows.iter().skip(from).take(size).map(String::as_str).collect();
    page(&keys, json!({ "total": rows.len() }))
}

fn rows(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("r{n:03}")).collect()
}

fn number(question: &Value) -> usize {
    usize::try_from(question.as_u64().unwrap()).unwrap()
}

#[test]
fn every_page_by_number_except_the_last_is_read_twice() {
    let number_pages = pager(json!({ "kind": "number", "param": "p", "stop": "short" }));
    let rows = rows(7);
    let (asked, seen) = read_all(&number_pages, &mut Position::default(), 3, |question| {
        slice(&rows, (number(question) - 1) * 3, 3)
    });
    assert_eq!(asked, ["1", "2", "1", "3", "2"]);
    assert_eq!(seen, rows);
}

#[test]
fn a_short_page_that_is_not_the_last_loses_nothing() {
    for kind in ["number", "offset"] {
        let pages = pager(json!({ "kind": kind, "param": "p" }));
        let rows = rows(20);
        let (_, seen) = read_all(&pages, &mut Position::default(), 4, |question| {
            let at = number(question);
            let from = if kind == "number" { (at - 1) * 4 } else { at };
            // The source hides some records after it has cut the page.
            let mut page = slice(&rows, from, 4);
            if from == 4 {
                page.records.truncate(2);
                page.hashes.truncate(2);
            }
            page
        });
        let missing: Vec<&String> = rows
            .iter()
            .filter(|row| !seen.contains(row) && *row != "r006" && *row != "r007")
            .collect();
        assert!(missing.is_empty(), "{kind}: {missing:?}");
    }
}

#[test]
fn a_page_that_shifts_after_a_delete_loses_nothing() {
    for kind in ["number", "offset"] {
        for deleted in 0..9 {
            for when in 1..8 {
                let pages = pager(json!({ "kind": kind, "param": "p" }));
                let (mut rows, all) = (rows(9), rows(9));
                let mut n_asked = 0;
                let (_, seen) = read_all(&pages, &mut Position::default(), 3, |question| {
                    n_asked += 1;
                    if n_asked == when {
                        rows.remove(deleted);
                    }
                    let at = number(question);
                    slice(&rows, if kind == "number" { (at - 1) * 3 } else { at }, 3)
                });
                let lost: Vec<&String> =
                    all.iter().filter(|row| **row != all[deleted] && !seen.contains(row)).collect();
                assert!(
                    lost.is_empty(),
                    "{kind}: {deleted} deleted before question {when}: {lost:?}"
                );
            }
        }
    }
}

#[test]
fn a_row_that_is_updated_while_it_is_read_loses_no_other() {
    for kind in ["number", "offset"] {
        for (updated, when) in [(0, 2), (1, 3), (4, 3), (2, 4)] {
            let pages = pager(json!({ "kind": kind, "param": "p" }));
            let (mut rows, all) = (rows(10), rows(10));
            let mut n_asked = 0;
            let (_, seen) = read_all(&pages, &mut Position::default(), 3, |question| {
                n_asked += 1;
                if n_asked == when {
                    // Rows are sorted by their last change, so this row moves to the end.
                    let row = rows.remove(updated);
                    rows.push(row);
                }
                let at = number(question);
                slice(&rows, if kind == "number" { (at - 1) * 3 } else { at }, 3)
            });
            assert!(all.iter().all(|row| seen.contains(row)), "{kind} {updated} {when}: {seen:?}");
        }
    }
}

#[test]
fn a_source_that_returns_short_pages_is_read_to_its_end() {
    let pages = pager(json!({ "kind": "offset", "param": "p" }));
    let rows = rows(23);
    let (_, seen) = read_all(&pages, &mut Position::default(), 100, |question| {
        slice(&rows, number(question), 5)
    });
    assert!(rows.iter().all(|row| seen.contains(row)));
}

#[test]
fn a_pass_ends_at_the_total_and_continues_if_it_grows() {
    let pages = pager(
        json!({ "kind": "number", "param": "p", "first": 0, "stop": { "total": "$.total" } }),
    );
    let mut rows = rows(5);
    let mut n_asked = 0;
    let (asked, seen) = read_all(&pages, &mut Position::default(), 3, |question| {
        n_asked += 1;
        if n_asked == 2 {
            rows.extend(["new1".to_owned(), "new2".to_owned()]);
        }
        slice(&rows, number(question) * 3, 3)
    });
    assert_eq!(asked, ["0", "1", "0", "2", "1"]);
    assert!(rows.iter().all(|row| seen.contains(row)));
}

#[test]
fn a_repeated_page_is_detected_at_the_second_page() {
    for kind in [
        json!({ "kind": "number", "param": "p" }),
        json!({ "kind": "offset", "param": "p" }),
        json!({ "kind": "token", "param": "p", "at": "$.token" }),
        json!({ "kind": "next", "at": "$.token" }),
        json!({ "kind": "keyset", "param": "p", "at": "$.id" }),
        json!({ "kind": "newest", "param": "p", "at": "$.n" }),
    ] {
        let pages = pager(kind.clone());
        let mut at = Position::default();
        let mut same = page(&["a", "b"], json!({ "token": "t1" }));
        for (record, n) in same.records.iter_mut().zip([2, 1]) {
            record["n"] = n.into();
        }
        assert!(!pages.step(&mut at, &same, 2).unwrap().is_last, "{kind}");
        let before = at.clone();
        assert!(pages.step(&mut at, &same, 2).is_err(), "{kind}");
        assert_eq!(at, before, "{kind}: it has moved");
    }
}

#[test]
fn tokens_are_followed_until_there_is_none() {
    let pages = pager(json!({ "kind": "token", "param": "p", "at": "$.token" }));
    let answers = [
        ("null", page(&["a"], json!({ "token": "x" }))),
        ("\"x\"", page(&[], json!({ "token": 7 }))),
        ("\"7\"", page(&["b"], json!({ "token": "" }))),
    ];
    let mut answered = answers.iter();
    let (asked, seen) = read_all(&pages, &mut Position::default(), 1, |question| {
        let (expected, page) = answered.next().unwrap();
        assert_eq!(question.to_string(), *expected);
        page.clone()
    });
    assert_eq!((asked.len(), seen), (3, vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn a_token_that_names_its_own_page_is_detected() {
    let pages = pager(json!({ "kind": "token", "param": "p", "at": "$.token" }));
    let mut at = Position::default();
    pages.step(&mut at, &page(&["a"], json!({ "token": "x" })), 1).unwrap();
    assert!(pages.step(&mut at, &page(&["b"], json!({ "token": "x" })), 1).is_err());
}

#[test]
fn a_pass_by_keys_begins_after_the_last_key() {
    let pages = pager(json!({ "kind": "keyset", "param": "after", "at": "$.id", "first": "" }));
    let mut all = rows(7);
    let mut at = Position::default();
    let ask = |rows: &[String], question: &Value| {
        let after = question.as_str().unwrap().to_owned();
        let from = rows.iter().filter(|row| **row <= after).count();
        slice(rows, from, 3)
    };
    let (asked, seen) = read_all(&pages, &mut at, 3, |question| ask(&all, question));
    assert_eq!(asked, ["\"\"", "\"r002\"", "\"r005\"", "\"r006\""]);
    assert_eq!(seen, all);
    at = pages.restart(at, true);
    all.push("r900".to_owned());
    let (_, seen) = read_all(&pages, &mut at, 3, |question| ask(&all, question));
    assert_eq!(seen, ["r900"]);
}

/// A board that lists its newest threads first; each request gets the threads before its number.
fn board(numbers: &[u64], question: &Value, size: usize) -> Page {
    let last = question.as_u64().filter(|last| *last > 0).unwrap_or(u64::MAX);
    let older: Vec<u64> = numbers.iter().rev().copied().filter(|n| *n < last).take(size).collect();
    let keys: Vec<String> = older.iter().map(ToString::to_string).collect();
    page(&keys.iter().map(String::as_str).collect::<Vec<_>>(), json!({}))
}

fn newest() -> Paging {
    pager(json!({ "kind": "newest", "param": "lastItem", "at": "$.id", "first": "0" }))
}

#[test]
fn a_pass_from_the_newest_ends_where_the_last_one_began() {
    let pages = newest();
    let mut at = Position::default();
    let mut numbers: Vec<u64> = (90..=110).collect();
    let (_, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert_eq!(seen.len(), 21);
    at = pages.restart(at, true);
    assert_eq!(at.known_up_to.as_deref(), Some("110"));
    numbers.extend([111, 115, 120]);
    let (asked, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert!(asked.len() <= 2, "{asked:?}");
    assert_eq!(&seen[..3], ["120", "115", "111"]);
}

#[test]
fn the_known_number_grows_only_when_a_pass_is_complete() {
    let pages = newest();
    let mut numbers: Vec<u64> = (1..=40).collect();
    let mut at = Position { known_up_to: Some("10".into()), ..Position::default() };
    for _ in 0..3 {
        let (params, _) = pages.params(&at, 4);
        let step = pages.step(&mut at, &board(&numbers, &params[0].1, 4), 4).unwrap();
        assert_eq!((step.is_last, at.known_up_to.as_deref()), (false, Some("10")));
    }
    // The next pass reads a message that arrives during this one.
    numbers.push(41);
    let (_, seen) = read_all(&pages, &mut at, 4, |question| board(&numbers, question, 4));
    assert!(seen.contains(&"11".to_owned()));
    assert_eq!(at.known_up_to.as_deref(), Some("40"));
}

#[test]
fn a_pinned_old_message_does_not_end_the_pass() {
    let pages = newest();
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
fn an_unreadable_page_is_skipped_if_the_next_one_can_be_requested() {
    let mut at = Position::default();
    let pages = pager(json!({ "kind": "number", "param": "p" }));
    assert_eq!(pages.skip(&mut at, 10), Some(false));
    assert_eq!(pages.params(&at, 10).0[0].1, json!(2));
    assert_eq!(newest().skip(&mut Position::default(), 10), None);
}

#[test]
fn a_position_stays_small() {
    let pages = pager(json!({ "kind": "offset", "param": "p" }));
    let mut at = Position::default();
    let rows = rows(1_000);
    for _ in 0..3 {
        let (params, _) = pages.params(&at, 100);
        pages.step(&mut at, &slice(&rows, number(&params[0].1), 100), 100).unwrap();
    }
    at.partly_read = Some((99, "0123456789abcdef".into()));
    assert!(serde_json::to_string(&at).unwrap().len() < 220);
}
