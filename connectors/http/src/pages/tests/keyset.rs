//! Pages that begin after a value of the last record.

use super::*;

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
    // A page begins with the last record of the one before it, which may share its key with others.
    assert_eq!(asked, ["\"\"", "\"r001\"", "\"r003\"", "\"r005\"", "\"r006\""]);
    assert!(all.iter().all(|row| seen.contains(row)), "{seen:?}");
    at = pages.restart(at, true);
    all.push("r900".to_owned());
    let (_, seen) = read_all(&pages, &mut at, 3, |question| ask(&all, question));
    // More records with the last key may have come, and more with the new one.
    assert_eq!(seen, ["r006", "r900", "r900"]);
}

#[test]
fn a_pass_by_keys_finds_records_that_came_later_with_the_last_value() {
    let pages = pager(json!({ "kind": "keyset", "param": "after", "at": "$.t" }));
    let mut times = vec![1, 2];
    let (mut at, mut seen) = (Position::default(), BTreeSet::new());
    for more in [&[2, 2][..], &[2], &[3], &[3, 3, 3], &[]] {
        for _ in 0..20 {
            let after = at.value().map_or(0, |after| after.parse().unwrap());
            let rows: Vec<Value> = times
                .iter()
                .enumerate()
                .filter(|(_, time)| **time > after)
                .take(10)
                .map(|(n, time)| json!({ "id": n, "t": time }))
                .collect();
            let page = Page::of(json!({ "rows": rows }));
            seen.extend(page.hashes.clone());
            if pages.step(&mut at, &page, 10, Said::default()).end.is_some() {
                break;
            }
        }
        assert_eq!(seen.len(), times.len(), "{times:?}");
        at = pages.restart(at, true);
        times.extend(more);
    }
}

#[test]
fn records_with_equal_values_at_the_border_of_a_page_are_read_or_missed_with_a_word() {
    let size = json!({ "param": "s", "value": 2 });
    let pages = pager(json!({ "kind": "keyset", "param": "after", "at": "$.t", "size": size }));
    for (times, limit, is_inclusive) in [
        (&[1, 2, 2, 3, 4][..], 100, false),
        (&[1, 1, 2, 3], 100, false),
        (&[1, 2, 2, 2, 2, 2, 3], 100, false),
        (&[5, 5, 5], 100, false),
        (&[1, 2, 2, 3, 4], 100, true),
        (&[1, 2, 2, 2, 3], 2, false),
        (&[1, 2, 2, 2, 2, 3], 2, true),
    ] {
        let (mut at, mut seen, mut gap) = (Position::default(), BTreeSet::new(), None);
        for n_asked in 0.. {
            assert!(n_asked < 40, "{times:?} {limit}");
            let after =
                pages.params(&at, 2).0.first().map(|(_, after)| after.as_str().unwrap().to_owned());
            let after: i64 = after.map_or(0, |after| after.parse().unwrap());
            let size = at.size.unwrap_or(2);
            let rows: Vec<Value> = times
                .iter()
                .enumerate()
                .filter(|(_, time)| **time > after || is_inclusive && **time == after)
                .take(size.min(limit))
                .map(|(n, time)| json!({ "id": n, "t": time }))
                .collect();
            let page = Page::of(json!({ "rows": rows }));
            seen.extend(page.hashes.clone());
            let step = pages.step(&mut at, &page, size, Said::default());
            gap = gap.or(step.gap);
            if step.end.is_some() {
                break;
            }
        }
        let is_whole = seen.len() == times.len();
        assert!(is_whole || gap.is_some(), "{times:?} {limit}: {} read", seen.len());
        assert!(is_whole || limit == 2, "{times:?}: {} read", seen.len());
    }
}

#[test]
fn values_may_be_in_any_order_in_which_sources_put_them() {
    let pages = pager(json!({ "kind": "keyset", "param": "after", "at": "$.id" }));
    for (keys, is_in_order) in [
        (&["a", "B", "c", "D"][..], true),
        (&["B", "D", "a", "c"], true),
        (&["-3", "-2", "-1", "0", "1", "10"], true),
        (&["-1", "-2", "-3", "0", "1"], true),
        (&["1", "10", "2", "3"], true),
        (&["9", "10", "11"], true),
        (&["0.5", "2", "10.5", "11"], true),
        (&["c", "a", "d"], false),
        (&["2", "1", "3"], false),
    ] {
        let step = pages.step(&mut Position::default(), &page(keys, json!({})), 9, Said::default());
        assert_eq!(step.gap.is_none(), is_in_order, "{keys:?}: {:?}", step.gap);
    }
}

#[test]
fn a_list_may_descend_only_if_its_parameter_asks_for_what_is_below_a_value() {
    for size in 2..14 {
        for is_text in [false, true] {
            for asks_below in [true, false] {
                let pages = pager(json!({ "kind": "keyset", "param": "at", "at": "$.n" }));
                let (mut at, mut seen, mut gap) = (Position::default(), BTreeSet::new(), None);
                for n_asked in 0.. {
                    assert!(n_asked < 40, "{size}");
                    let asked = at.value().map(|asked| asked.parse::<i64>().unwrap());
                    let is_asked = |n: &i64| {
                        asked.is_none_or(|asked| if asks_below { *n < asked } else { *n > asked })
                    };
                    let value = |n: i64| if is_text { json!(n.to_string()) } else { json!(n) };
                    let rows = (90..102).rev().filter(is_asked).take(size);
                    let rows: Vec<Value> =
                        rows.map(|n| json!({ "id": n, "n": value(n) })).collect();
                    let page = Page::of(json!({ "rows": rows }));
                    seen.extend(page.hashes.clone());
                    let step = pages.step(&mut at, &page, size, Said::default());
                    if n_asked == 0 {
                        let gap = pages.unsorted(&at).unwrap();
                        assert!(gap.contains("not in order on page 1"), "{gap}");
                    }
                    gap = gap.or(step.gap);
                    if step.end.is_some() {
                        break;
                    }
                }
                let is_whole = seen.len() == 12;
                assert!(is_whole || gap.is_some(), "{size} {is_text}: {} read", seen.len());
                assert!(!asks_below || is_whole && gap.is_none(), "{size} {is_text}: {gap:?}");
            }
        }
    }
}

#[test]
fn values_of_a_page_that_ascend_in_any_order_do_not_descend() {
    let pages = pager(json!({ "kind": "keyset", "param": "after", "at": "$.id" }));
    for (keys, descends) in [
        (&["a", "B", "c"][..], false),
        (&["B", "a"], false),
        (&["-2", "-1"], false),
        (&["1", "10", "2"], false),
        (&["9", "10"], false),
        (&["7"], false),
        (&["7", "7"], false),
        (&[], false),
        (&["c", "b", "a"], true),
        (&["2026-10-09", "2026-10-08"], true),
        (&["12", "11"], true),
    ] {
        let mut at = Position::default();
        pages.step(&mut at, &page(keys, json!({})), 9, Said::default());
        assert_eq!(pages.unsorted(&at).is_some(), descends, "{keys:?}");
    }
}
