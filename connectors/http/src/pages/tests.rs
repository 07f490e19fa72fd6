mod keyset;
mod newest;

use std::collections::BTreeSet;

use contract::EndedBy;
use serde_json::json;

use super::*;
use crate::answer::Page;

fn page(keys: &[&str], more: Value) -> Page {
    let rows: Vec<Value> = keys.iter().map(|key| json!({ "id": key })).collect();
    let mut tree = json!({ "rows": rows });
    if let (Value::Object(tree), Value::Object(more)) = (&mut tree, more) {
        tree.extend(more);
    }
    Page::of(tree)
}

fn newest_pages() -> Paging {
    pager(json!({ "kind": "newest", "param": "lastItem", "at": "$.id", "first": "0" }))
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
    read_with(pager, position, size, &mut answer)
}

fn read_with(
    pager: &Paging,
    position: &mut Position,
    size: usize,
    answer: &mut dyn FnMut(&Value) -> Page,
) -> (Vec<String>, Vec<String>) {
    let (mut asked, mut seen) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let (params, _) = pager.params(position, size);
        let question = params.first().map_or(Value::Null, |(_, value)| value.clone());
        asked.push(question.to_string());
        let page = answer(&question);
        let total = pager.stop().and_then(StopRule::total).and_then(|total| total.find(&page));
        let step = pager.step(position, &page, size, Said { total, is_last: None });
        if !step.was_read_before {
            let ids = page.records.iter().filter_map(|record| record["id"].as_str());
            seen.extend(ids.map(str::to_owned));
        }
        if step.end.is_some() {
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
fn a_source_that_knows_no_second_page_ends_the_walk_and_is_suspected() {
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
        let steps: Vec<Step> =
            (0..3).map(|_| pages.step(&mut at, &same, 2, Said::default())).collect();
        assert_eq!(steps[0].end, None, "{kind}");
        let end = steps.iter().find(|step| step.end.is_some()).unwrap();
        assert!(end.gap.is_some(), "{kind}: {end:?}");
    }
}

#[test]
fn a_source_that_returns_its_last_page_for_every_later_one_is_read_to_its_end() {
    for first_again in [false, true] {
        let pages = pager(json!({ "kind": "number", "param": "p" }));
        let rows = rows(6);
        let mut at = Position::default();
        let (asked, seen) = read_all(&pages, &mut at, 2, |question| {
            let page = number(question) - 1;
            let beyond = if first_again { 0 } else { 2 };
            slice(&rows, 2 * if page > 2 { beyond } else { page }, 2)
        });
        assert!(rows.iter().all(|row| seen.contains(row)), "{seen:?}");
        assert!(asked.len() < 12, "{asked:?}");
    }
}

#[test]
fn two_different_pages_that_are_equal_by_accident_do_not_end_the_walk() {
    for kind in [
        json!({ "kind": "number", "param": "p" }),
        json!({ "kind": "token", "param": "p", "at": "$.token" }),
    ] {
        let pages = pager(kind.clone());
        let listed = ["a", "a", "a", "a", "b", "c"];
        let (_, seen) = read_all(&pages, &mut Position::default(), 2, |question| {
            let at = question.as_str().map_or(question.as_u64(), |text| text.parse().ok());
            let at = usize::try_from(at.unwrap_or(1)).unwrap();
            let keys: Vec<&str> = listed.iter().skip(2 * (at - 1)).take(2).copied().collect();
            page(&keys, if at < 3 { json!({ "token": at + 1 }) } else { json!({}) })
        });
        assert!(seen.contains(&"c".to_owned()), "{kind} {seen:?}");
    }
}

#[test]
fn a_walk_over_tokens_that_lead_round_ends() {
    for (kind, turns) in [("token", 1), ("token", 2), ("token", 7), ("next", 3)] {
        let mut settings = json!({ "kind": kind, "at": "$.token" });
        if kind == "token" {
            settings["param"] = "p".into();
        }
        let pages = pager(settings);
        for first in [0_usize, 5] {
            let (mut at, mut seen, mut n_asked) = (Position::default(), Vec::new(), 0);
            let mut page_no = 0;
            loop {
                let keys = [format!("r{page_no}")];
                let is_back = page_no + 1 == first + turns;
                page_no = if is_back { first } else { page_no + 1 };
                let answer = page(&[keys[0].as_str()], json!({ "token": format!("t{page_no}") }));
                seen.extend(keys);
                n_asked += 1;
                if pages.step(&mut at, &answer, 1, Said::default()).end.is_some() {
                    break;
                }
                assert!(n_asked < 60, "{kind} {turns} {first}");
            }
            assert!((0..first + turns).all(|n| seen.contains(&format!("r{n}"))), "{seen:?}");
        }
    }
}

#[test]
fn empty_pages_with_new_tokens_are_followed_and_then_the_next_pass_goes_on() {
    let pages = pager(json!({ "kind": "token", "param": "p", "at": "$.token" }));
    let mut at = Position::default();
    let mut step = |n: usize, keys: &[&str]| {
        pages.step(&mut at, &page(keys, json!({ "token": n })), 1, Said::default())
    };
    assert_eq!(step(0, &["a"]), Step::default());
    let n_followed = (1..).find(|n| step(*n, &[]).pauses).unwrap();
    assert_eq!(n_followed, 50);
    let n_followed = (51..).find(|n| step(*n, &[]).pauses).unwrap();
    assert_eq!(n_followed, 60);
    assert_eq!(step(61, &["b"]), Step::default());
    assert_eq!(at.value(), Some("61"));
}

#[test]
fn the_answer_says_which_page_is_the_last() {
    let said = |is_last| Said { is_last: Some(is_last), total: None };
    for kind in [
        json!({ "kind": "number", "param": "p", "size": { "param": "s", "value": 2 }, "stop": "short" }),
        json!({ "kind": "token", "param": "p", "at": "$.token" }),
        json!({ "kind": "newest", "param": "p", "at": "$.id" }),
    ] {
        let pages = pager(kind.clone());
        let (first, short) =
            (page(&["9", "8"], json!({ "token": 1 })), page(&["7"], json!({ "token": 2 })));
        let mut at = Position::default();
        assert_eq!(pages.step(&mut at, &first, 2, said(false)).end, None);
        at.rereading = None;
        assert_eq!(pages.peek(&at, &short, 2, said(true)).gap, None);
        let ends =
            |at: &mut Position, is_last| pages.step(at, &short, 2, said(is_last)).end.or(at.ends);
        assert_eq!(ends(&mut at.clone(), true), Some(EndedBy::NoMore), "{kind}");
        assert_eq!(ends(&mut at, false), None, "{kind}: a short page is not the last");
    }
    let token = pager(json!({ "kind": "token", "param": "p", "at": "$.token" }));
    let step = token.step(&mut Position::default(), &page(&["a"], json!({})), 1, said(false));
    assert!(step.gap.is_some(), "{step:?}");
}

#[test]
fn a_source_that_limits_the_size_of_pages_is_read_to_its_end() {
    for kind in ["number", "offset"] {
        for stop in [
            json!("short"),
            json!("empty"),
            json!({ "total": "$.total" }),
            json!({ "pages": "$.pages" }),
        ] {
            let size = json!({ "param": "s", "value": 100 });
            let pages = pager(json!({ "kind": kind, "param": "p", "stop": stop, "size": size }));
            for n in [0, 1, 3, 8, 9] {
                let rows = rows(n);
                let mut at = Position::default();
                let mut ask = |question: &Value| {
                    let at = number(question);
                    slice(&rows, if kind == "number" { (at - 1) * 3 } else { at }, 3)
                };
                let (_, seen) = read_with(&pages, &mut at, 100, &mut ask);
                assert!(rows.iter().all(|row| seen.contains(row)), "{kind} {stop} {n}: {seen:?}");
            }
        }
    }
}

#[test]
fn a_total_that_is_wrong_loses_nothing() {
    for kind in ["number", "offset"] {
        for total in [0, 3, 5, 6, 1_000] {
            let size = json!({ "param": "s", "value": 3 });
            let stop = json!({ "total": "$.total" });
            let pages = pager(json!({ "kind": kind, "param": "p", "stop": stop, "size": size }));
            let rows = rows(8);
            let mut ask = |question: &Value| {
                let at = number(question);
                let mut page = slice(&rows, if kind == "number" { (at - 1) * 3 } else { at }, 3);
                page.tree["total"] = total.into();
                page
            };
            let (asked, seen) = read_with(&pages, &mut Position::default(), 3, &mut ask);
            assert!(rows.iter().all(|row| seen.contains(row)), "{kind} {total}: {seen:?}");
            assert!(asked.len() < 15, "{asked:?}");
        }
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
fn an_address_is_stored_without_the_secret_and_recognised_when_it_comes_again() {
    for kind in [json!({ "kind": "next", "at": "$.next" }), json!({ "kind": "link" })] {
        let (pages, mut at) = (pager(kind), Position::default());
        let mut answer = page(&["a"], json!({ "next": "?appkey=s3cret&p=2&token=t" }));
        answer
            .headers
            .insert("link".to_owned(), "<?token=t&p=2&appkey=s3cret>; rel=next".to_owned());
        answer.url = "https://a.example/list?appkey=s3cret".parse().ok();
        answer.secret_params = vec!["appkey".to_owned(), "token".to_owned()];
        assert_eq!(pages.step(&mut at, &answer, 1, Said::default()).end, None);
        assert_eq!(at.next, Some(NextPage::AtUrl("https://a.example/list?p=2".to_owned())));
        let end = pages.step(&mut at, &answer, 1, Said::default()).end;
        assert_eq!(end, Some(EndedBy::Repeated));
    }
}

#[test]
fn a_page_without_even_a_null_where_the_next_page_should_be_named_is_noticed() {
    let kinds = [
        (json!({ "kind": "token", "param": "p", "at": "$.token" }), Some("$.token")),
        (json!({ "kind": "next", "at": "$.token" }), Some("$.token")),
        (json!({ "kind": "token", "param": "p", "header": "X-Next" }), Some("X-Next")),
        (json!({ "kind": "link" }), None),
        (json!({ "kind": "number", "param": "p" }), None),
    ];
    for (kind, at) in kinds {
        let pages = pager(kind);
        assert_eq!(pages.unnamed_at(&page(&["a"], json!({}))).as_deref(), at);
        for token in [json!(null), json!(""), json!("x")] {
            let mut named = page(&["a"], json!({ "token": token }));
            named.headers.insert("x-next".to_owned(), String::new());
            assert_eq!(pages.unnamed_at(&named), None, "{at:?} {token}");
        }
    }
}

#[test]
fn a_token_that_stays_the_same_ends_the_walk_when_nothing_new_comes() {
    let pages = pager(json!({ "kind": "token", "param": "p", "at": "$.token" }));
    // Some sources give each page the same token.
    for (keys, end) in [(&["b"][..], None), (&[], Some(EndedBy::Repeated))] {
        let mut at = Position::default();
        let token = json!({ "token": "x" });
        assert_eq!(pages.step(&mut at, &page(&["a"], token.clone()), 1, Said::default()).end, None);
        let step = pages.step(&mut at, &page(keys, token.clone()), 1, Said::default());
        assert_eq!((step.end, step.gap), (end, None));
        let step = pages.step(&mut at, &page(keys, token), 1, Said::default());
        assert_eq!(step.end, Some(EndedBy::Repeated));
    }
    for token in [json!(null), json!(""), json!(false), json!([])] {
        let answer = page(&["a"], json!({ "token": token }));
        let end = pages.step(&mut Position::default(), &answer, 1, Said::default()).end;
        assert_eq!(end, Some(EndedBy::LastToken), "{token}");
    }
}

#[test]
fn an_unreadable_page_is_skipped_if_the_next_one_can_be_requested() {
    let mut at = Position::default();
    let pages = pager(json!({ "kind": "number", "param": "p" }));
    assert_eq!(pages.skip(&mut at, 10), Some(Step::default()));
    assert_eq!(pages.params(&at, 10).0[0].1, json!(2));
    assert_eq!(newest_pages().skip(&mut Position::default(), 10), None);
}

#[test]
fn a_position_stays_small() {
    let pages = pager(json!({ "kind": "offset", "param": "p" }));
    let mut at = Position::default();
    let rows = rows(1_000);
    for _ in 0..3 {
        let (params, _) = pages.params(&at, 100);
        let page = slice(&rows, number(&params[0].1), 100);
        pages.step(&mut at, &page, 100, Said { total: Some(1_000), is_last: None });
    }
    at.partly_read = Some((99, "0123456789abcdef".into()));
    let text = serde_json::to_string(&at).unwrap();
    assert!(text.len() < 310, "{text}");
}
