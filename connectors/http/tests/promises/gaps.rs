//! Gaps that stay, and records that a source lists twice.

use chrono::TimeDelta;
use connector_http::{Cursor as At, Http};
use contract::{Complete, PassEnd};

use super::*;

/// A channel that is read pass by pass, by one process.
struct Passes {
    city: City,
    http: Http,
    at: Option<At>,
}

impl Passes {
    fn of(city: City) -> Self {
        Self { http: city.http(), city, at: None }
    }

    /// Reads until caught up. Returns the entries and the account of the pass.
    async fn next(&mut self) -> (Vec<Entry>, PassEnd) {
        let mut entries = Vec::new();
        for _ in 0..100 {
            let batch = self.http.read(self.at.as_ref(), 100).await.unwrap();
            entries.extend(batch.entries);
            self.at = Some(batch.upto);
            if let Some(end) = batch.end {
                return (entries, end);
            }
        }
        panic!("the pass does not end");
    }

    /// The start that the last pass asked for.
    fn asked_from(&self) -> Option<String> {
        self.city.state().requests.last().unwrap().query.get("from").cloned()
    }

    fn wait(&self, minutes: i64) {
        self.city.state().now += TimeDelta::minutes(minutes);
    }
}

fn page(rows: &Value) -> Reply {
    Reply::new(200, json!({ "code": 0, "rows": rows }).to_string())
}

fn number(request: &city::ReceivedRequest, name: &str) -> usize {
    request.query[name].parse().unwrap()
}

/// A list of three pages, whose second one cannot be read if `is_bad`.
fn serve_three_pages(city: &City, is_bad: bool) {
    city.answer(move |request| {
        Some(match number(request, "page") {
            2 if is_bad && !request.query.contains_key("from") => Reply::new(200, "garbage"),
            n @ 1..=3 => page(&json!([{ "id": format!("r{n}"), "t": "2026-10-09 17:30:00" }])),
            _ => page(&json!([])),
        })
    });
}

#[tokio::test]
async fn a_page_that_stays_bad_is_always_reported_and_not_read_from_there_for_ever() {
    let mut passes = Passes::of(city().await.with(json!({ "on_bad_page": "quarantine" })));
    serve_three_pages(&passes.city, true);
    let mut from = Vec::new();
    for _ in 0..6 {
        let (_, end) = passes.next().await;
        assert_eq!(end.complete(), Complete::No, "{end:?}");
        from.push(passes.asked_from());
        passes.wait(25);
    }
    // The second pass asks for the page again, and then one an hour later.
    let moved = from[2].clone();
    assert!(moved.is_some(), "{from:?}");
    assert_eq!(
        from.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, true, true, true, false]
    );
    // A process that starts anew goes on in the same way.
    passes.http = passes.city.http();
    let (_, end) = passes.next().await;
    assert!(end.gap.unwrap().contains("asked for again after"), "{from:?}");
    assert!(passes.asked_from().is_some());
    serve_three_pages(&passes.city, false);
    passes.wait(180);
    passes.next().await;
    let (entries, end) = passes.next().await;
    assert!(keys_of(&entries).contains("r2") && passes.asked_from().is_none());
    assert_ne!(end.complete(), Complete::No, "{end:?}");
    passes.next().await;
    assert!(passes.asked_from().is_some());
}

#[tokio::test]
async fn a_bad_page_of_one_day_does_not_hold_the_days_after_it() {
    let settings = json!({
        "day": { "param": "day", "start": "2026-10-07", "closes": "0s" },
        "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 5 } },
        "on_bad_page": "quarantine",
    });
    let mut passes = Passes::of(City::new(settings).await);
    passes.city.answer(|request| {
        let day = request.query["day"].clone();
        Some(match (day.as_str(), number(request, "page")) {
            ("2026-10-07", 1) => Reply::new(200, "garbage"),
            (_, 1) => page(&json!([{ "id": day, "t": "2026-10-09 17:30:00" }])),
            _ => page(&json!([])),
        })
    });
    let mut n_days = Vec::new();
    for _ in 0..4 {
        passes.city.state().requests.clear();
        let (entries, end) = passes.next().await;
        assert_eq!(end.complete(), Complete::No);
        let requests = passes.city.state().requests.clone();
        n_days.push(
            requests.iter().map(|one| one.query["day"].clone()).collect::<BTreeSet<_>>().len(),
        );
        assert!(keys_of(&entries).contains("2026-10-09"));
    }
    assert_eq!(n_days, [3, 3, 1, 1]);
}

#[tokio::test]
async fn a_key_with_two_contents_on_two_pages_does_not_become_a_new_state_in_every_pass() {
    for is_reordered in [false, true] {
        let mut passes = Passes::of(City::new(json!({
            "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 2 } },
        })).await);
        let mut n_first = 0;
        passes.city.answer(move |request| {
            let n = number(request, "page");
            n_first += usize::from(n == 1);
            let (a, b) = if is_reordered && n_first % 4 > 1 { (2, 1) } else { (1, 2) };
            Some(match n {
                1 => page(&json!([{ "id": "a", "v": a }, { "id": "b", "v": 1 }])),
                2 => page(&json!([{ "id": "c", "v": 1 }, { "id": "a", "v": b }])),
                _ => page(&json!([])),
            })
        });
        let mut states = Vec::new();
        for _ in 0..5 {
            let (entries, end) = passes.next().await;
            let a = entries.iter().filter(|entry| key(entry) == "a");
            states.extend(a.map(|entry| tree(entry)["v"].clone()));
            assert_eq!((end.distinct, end.complete()), (Some(3), Complete::Unknown));
            assert!(end.given >= 3, "{end:?}");
        }
        states.dedup();
        assert_eq!(states, [json!(1), json!(2)], "{is_reordered}");
    }
}

#[tokio::test]
async fn a_record_that_changes_back_is_read() {
    let settings = json!({ "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 1 } } });
    let mut passes = Passes::of(City::new(settings).await);
    let serve = |city: &City, pages: &'static [i64]| {
        city.answer(move |request| {
            let rows: Vec<Value> = pages
                .get(number(request, "page") - 1)
                .map(|v| json!({ "id": "a", "v": v }))
                .into_iter()
                .collect();
            Some(page(&rows.into()))
        });
    };
    let mut state = json!(null);
    for (pages, expected) in [
        (&[1, 2][..], 2),
        (&[2], 2),
        (&[1, 2], 2),
        (&[1], 1),
        (&[1, 3], 3),
        (&[1, 3], 3),
        (&[1], 1),
    ] {
        serve(&passes.city, pages);
        let (entries, end) = passes.next().await;
        if let Some(last) = entries.last() {
            state = tree(last)["v"].clone();
        }
        assert_eq!(state, json!(expected), "{pages:?}");
        assert_eq!(end.gap, None);
    }
}

#[tokio::test]
async fn the_books_of_a_page_that_is_read_in_parts_by_two_processes_agree() {
    let settings = json!({ "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 5 } } });
    let mut passes = Passes::of(City::new(settings).await);
    passes.city.answer(|request| {
        let rows: Vec<Value> = if number(request, "page") == 1 {
            (0..4).map(|n| json!({ "id": n })).collect()
        } else {
            Vec::new()
        };
        Some(page(&rows.into()))
    });
    let first = passes.http.read(None, 3).await.unwrap();
    passes.at = Some(first.upto);
    passes.http = passes.city.http();
    let (entries, end) = passes.next().await;
    assert_eq!(entries.len(), 1);
    assert!(end.given >= end.distinct.unwrap_or(0) && end.given >= 4, "{end:?}");
}
