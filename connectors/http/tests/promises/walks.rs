//! A walk over the pages of a list ends at every source, and is called complete only if nothing is missing.

use contract::{Complete, EndedBy, PassEnd};

use super::*;

/// Reads a pass. Returns the keys and the account, or the fault.
pub(super) async fn pass(city: &City) -> Result<(BTreeSet<String>, PassEnd), contract::Fault> {
    let (mut http, mut at, mut keys) = (city.http(), None, BTreeSet::new());
    for _ in 0..3_000 {
        let batch = http.read(at.as_ref(), 1_000).await?;
        keys.extend(batch.entries.iter().map(key));
        if let Some(end) = batch.end {
            return Ok((keys, end));
        }
        at = Some(batch.upto);
    }
    panic!("the pass does not end");
}

/// A channel with this kind of page, of two records.
pub(super) async fn list(page: Value, more: Value) -> City {
    let mut page = page;
    page["size"] = json!({ "param": "size", "value": 2 });
    City::new(json!({ "page": page })).await.with(more)
}

pub(super) fn records(range: std::ops::Range<usize>) -> Value {
    range.map(|n| json!({ "id": format!("r{n}"), "t": "2026-10-09 10:00:00" })).collect()
}

pub(super) fn answer(rows: &Value, more: Value) -> Reply {
    let mut answer = json!({ "code": 0, "rows": rows });
    answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Reply::new(200, answer.to_string())
}

/// The number in a parameter.
pub(super) fn number(request: &city::ReceivedRequest, name: &str) -> Option<usize> {
    request.query.get(name)?.parse().ok()
}

#[tokio::test]
async fn a_page_beyond_the_last_one_may_not_exist() {
    for (status, body) in [(404, "<html>"), (410, ""), (204, "")] {
        let city = list(json!({ "kind": "number", "param": "page" }), json!({})).await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            Some(match page {
                1..=2 => answer(&records(2 * page - 2..2 * page), json!({})),
                _ => Reply::new(status, body),
            })
        });
        let (keys, end) = pass(&city).await.unwrap();
        assert_eq!((keys.len(), end.end), (4, EndedBy::Empty), "{status}");
        city.answer(|_| Some(Reply::new(404, "")));
        assert!(pass(&city).await.is_err(), "the first page must exist");
    }
}

#[tokio::test]
async fn a_list_that_is_not_there_is_a_fault_and_the_position_stays() {
    for (page_no, body) in [
        (1, r#"{"code":0,"rows":null}"#),
        (2, r#"{"code":0,"rows":null}"#),
        (2, r#"{"code":0,"items":[]}"#),
        (2, r#"{"code":0,"rows":"none"}"#),
        (2, "null"),
    ] {
        let since = json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" });
        let page = json!({ "kind": "number", "param": "page" });
        let city = list(page, json!({ "since": since, "success": { "status": 200 } })).await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            let is_bad = page == page_no;
            Some(if is_bad { Reply::new(200, body) } else { answer(&records(0..2), json!({})) })
        });
        let fault = pass(&city).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{body}");
        assert!(fault.to_string().contains(&format!("page {page_no}")), "{fault}");
    }
    let city = one_page().await;
    city.answer(|_| Some(Reply::new(200, r#"{"code":0,"rows":null,"total":0}"#)));
    assert_eq!(pass(&city).await.unwrap().0.len(), 0);
}

#[tokio::test]
async fn several_link_headers_are_one_list() {
    for next_first in [true, false] {
        let city = list(json!({ "kind": "link" }), json!({})).await;
        city.answer(move |request| {
            let page = number(request, "p").unwrap_or(1);
            let this = format!("</list?p={page}>; rel=\"self\"");
            let mut links = vec![this, format!("</list?p={}>; rel=\"next\"", page + 1)];
            if next_first {
                links.reverse();
            }
            let mut reply = answer(&records(2 * page - 2..2 * page), json!({}));
            links.truncate(if page == 3 { 0 } else { 2 });
            for link in links {
                reply = reply.with("link", link);
            }
            Some(reply)
        });
        let (keys, end) = pass(&city).await.unwrap();
        assert_eq!((keys.len(), end.end), (6, EndedBy::LastToken));
    }
}

#[tokio::test]
async fn the_settings_say_which_page_is_the_last_and_where_the_total_is() {
    let page = json!({ "kind": "token", "param": "token", "at": "$.token" });
    let more = json!({
        "last": { "at": "$.more", "equals": false }, "total": { "header": "X-Total" },
    });
    let city = list(page, more).await;
    city.answer(|request| {
        let page = number(request, "token").unwrap_or(1);
        let more = json!({ "token": page + 1, "more": page < 3 });
        Some(answer(&records(2 * page - 2..2 * page), more).with("x-total", "6"))
    });
    let (_, end) = pass(&city).await.unwrap();
    assert_eq!((end.end, end.listed, end.distinct), (EndedBy::NoMore, Some(6), Some(6)));
    assert_eq!(end.complete(), Complete::Yes);
}

#[tokio::test]
async fn what_a_total_promises_is_looked_for_again_and_then_reported() {
    for (n_lost, complete) in [(0, Complete::Yes), (1, Complete::Yes), (9, Complete::No)] {
        let stop = json!({ "total": "$.total" });
        let city =
            list(json!({ "kind": "number", "param": "page", "stop": stop }), json!({})).await;
        let mut n_lost = n_lost;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            // The second page gets lost.
            let is_lost = page == 2 && n_lost > 0;
            n_lost -= i32::from(is_lost);
            let end = if is_lost { 2 * page - 2 } else { (2 * page).min(5) };
            Some(answer(&records((2 * page - 2).min(end)..end), json!({ "total": 5 })))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!(end.complete(), complete, "{end:?}");
    }
}

#[tokio::test]
async fn a_value_of_each_that_fails_makes_the_pass_incomplete() {
    let city = one_page().await.with(json!({ "each": { "param": "fid", "values": [1, 2] } }));
    city.answer(|request| {
        let fails = request.query["fid"] == "2";
        Some(if fails { Reply::new(500, "") } else { answer(&records(0..2), json!({})) })
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!((keys.len(), end.complete()), (2, Complete::No));
    assert!(end.gap.unwrap().starts_with('2'));
}

#[tokio::test]
async fn times_that_cannot_be_read_are_noticed() {
    let city = city().await;
    city.answer(|request| {
        let n = if number(request, "page") == Some(1) { 2 } else { 0 };
        let rows: Vec<Value> =
            (0..n).map(|n| json!({ "id": n, "t": "2026-10-09T10:30:00+08:00" })).collect();
        Some(answer(&rows.into(), json!({})))
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(end.gap.unwrap().contains("$.t"));
}

#[tokio::test]
async fn corrected_settings_free_a_channel_from_its_position() {
    let page = json!({ "kind": "token", "param": "token", "at": "$.token" });
    let city = list(page, json!({})).await;
    city.answer(|request| {
        let page = number(request, "token").or(number(request, "page")).unwrap_or(1);
        let rows = if page < 4 { records(2 * page - 2..2 * page) } else { json!([]) };
        Some(answer(&rows, json!({ "token": page + 1 })))
    });
    let first = city.read(None).await.unwrap();
    let city = city.with(json!({ "page": { "kind": "number", "param": "page" } }));
    let (entries, _) = city.entries(Some(Cursor::encode(&first.upto).unwrap()), 100).await;
    assert_eq!(keys_of(&entries).len(), 6);
}

#[tokio::test]
async fn repeats_within_an_answer_do_not_make_up_for_missing_records() {
    for (duplicates, complete) in
        [("stop", Complete::No), ("last", Complete::Unknown), ("quarantine", Complete::Unknown)]
    {
        let city = one_page().await.with(json!({ "total": "$.total", "duplicates": duplicates }));
        city.answer(|_| {
            let rows = json!([{ "id": 1 }, { "id": 2 }, { "id": 1 }]);
            Some(answer(&rows, json!({ "total": 3 })))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!(end.complete(), complete, "{duplicates}: {end:?}");
    }
}

#[tokio::test]
async fn a_key_under_two_values_of_each_is_one_key_and_two_records_are_a_fault() {
    let each = json!({ "param": "fid", "values": [1, 2] });
    let city = one_page().await.with(json!({ "each": each, "total": "$.total" }));
    let serve = |city: &City, same: bool| {
        city.answer(move |request| {
            let text = if same { "x" } else { &request.query["fid"] };
            let rows = json!([{ "id": 1, "t": text }, { "id": 2, "t": text }]);
            Some(answer(&rows, json!({ "total": 2 })))
        });
    };
    serve(&city, true);
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!((keys.len(), end.listed, end.distinct), (2, Some(4), Some(2)));
    assert_eq!(end.complete(), Complete::No);
    serve(&city, false);
    let (mut http, mut at) = (city.http(), None);
    for _ in 0..10 {
        let batch = http.read(at.as_ref(), 100).await.unwrap();
        if let Some((value, fault)) = batch.trouble.first() {
            assert!(fault.to_string().contains("add a path to `key`"), "{fault}");
            assert_eq!((value.0.as_str(), batch.entries.len()), ("2", 0));
            return;
        }
        at = Some(batch.upto);
    }
    panic!("both contents are stored in every pass");
}

#[tokio::test]
async fn a_part_that_reports_a_failure_does_not_replace_what_is_there() {
    let mut city = one_page().await;
    city.settings.as_object_mut().unwrap().remove("success");
    let part = json!({ "name": "detail", "url": format!("{}/part", city.url), "params": { "id": "$.id" } });
    let city = city.with(json!({ "part": [part] }));
    city.answer(|request| {
        let failure = Reply::new(200, r#"{"code":500,"message":"database down"}"#);
        Some(if request.path == "/part" { failure } else { answer(&records(0..1), json!({})) })
    });
    let fault = city.read(None).await.unwrap_err().to_string();
    assert!(fault.contains("the part `detail`") && fault.contains("database down"), "{fault}");
}

#[tokio::test]
async fn pages_by_value_that_are_not_in_order_are_noticed() {
    for (ids, is_wrong) in [
        (&[1, 5, 3, 4][..], true),
        (&[1, 2, 10, 11], false),
        // What is above the last value is not what follows.
        (&[11, 10, 2, 1], true),
        // As texts they are in order.
        (&[1, 10, 11, 2], false),
    ] {
        let page = json!({ "kind": "keyset", "param": "after", "at": "$.id" });
        let city = City::new(json!({ "page": page })).await;
        let rows: Value = ids.iter().map(|id| json!({ "id": id })).collect();
        city.answer(move |request| {
            let is_first = !request.query.contains_key("after");
            let none = json!([]);
            Some(answer(if is_first { &rows } else { &none }, json!({})))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!(end.gap.is_some(), is_wrong, "{ids:?}: {end:?}");
    }
}

#[tokio::test]
async fn one_404_in_the_middle_of_a_list_is_not_its_end() {
    let city = list(json!({ "kind": "number", "param": "page" }), json!({})).await;
    let mut was_refused = false;
    city.answer(move |request| {
        let page = number(request, "page").unwrap();
        if page == 2 && !std::mem::replace(&mut was_refused, true) {
            return Some(Reply::new(404, ""));
        }
        let rows = if page <= 3 { records(2 * page - 2..2 * page) } else { json!([]) };
        Some(answer(&rows, json!({})))
    });
    assert_eq!(pass(&city).await.unwrap().0.len(), 6);
}

#[tokio::test]
async fn a_token_that_is_no_text_is_noticed() {
    for (token, is_wrong) in [(json!({ "p": 2 }), true), (json!([1]), true), (json!([]), false)] {
        let page = json!({ "kind": "token", "param": "token", "at": "$.token" });
        let city = City::new(json!({ "page": page })).await;
        city.answer(move |_| Some(answer(&records(0..2), json!({ "token": token }))));
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!(end.complete() == Complete::No, is_wrong, "{end:?}");
    }
}

#[tokio::test]
async fn a_feed_whose_empty_pages_go_on_and_on_ends_its_pass_and_is_not_called_complete() {
    let page = json!({ "kind": "token", "param": "token", "at": "$.token" });
    let city = City::new(json!({ "page": page })).await;
    city.answer(|request| {
        let n = number(request, "token").unwrap_or(0);
        Some(answer(&json!([]), json!({ "token": n + 1 })))
    });
    let (_, end) = pass(&city).await.unwrap();
    assert_eq!(end.complete(), Complete::Unknown, "{end:?}");
}

/// A source whose behaviour is drawn by lot, and what it has.
struct Whim {
    seed: u64,
    kind: &'static str,
    n: usize,
    /// The most records on a page.
    limit: usize,
    /// What it answers beyond the end.
    beyond: u64,
    /// The page that gets lost, or has no list.
    lost: Option<usize>,
    missing: Option<usize>,
    shuffles: bool,
    empty_pages: bool,
    /// How many records it says there are.
    total: Option<u64>,
}

impl Whim {
    /// A number below `below`; the next one each time.
    fn draw(&mut self, below: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn new(seed: u64) -> Self {
        let (kind, n, limit) = ("number", 0, 2);
        let (beyond, lost, missing, total) = (0, None, None, None);
        let mut whim = Self {
            seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            kind,
            n,
            limit,
            beyond,
            lost,
            missing,
            shuffles: false,
            empty_pages: false,
            total,
        };
        let mut draw = |below: usize| usize::try_from(whim.draw(below as u64)).unwrap();
        let kinds = ["number", "offset", "token", "next", "link", "keyset", "newest"];
        let (kind, n, limit) = (kinds[draw(kinds.len())], draw(12), [2, 2, 3, 4][draw(4)]);
        let beyond = draw(5) as u64;
        let bad_page = 1 + draw(4);
        let quirk = draw(6);
        let total = match draw(8) {
            0..=3 => Some(n),
            4 => Some(limit.min(n)),
            5 => Some(0),
            6 => Some(n + 3),
            _ => None,
        };
        // A source that loses records and counts wrongly as well cannot be seen through.
        let total = if quirk < 3 { Some(n) } else { total };
        Self {
            kind,
            n,
            limit,
            beyond,
            lost: (quirk == 0).then_some(bad_page),
            missing: (quirk == 1).then_some(bad_page),
            shuffles: quirk == 2,
            empty_pages: quirk == 3,
            total: total.map(|total| total as u64),
            ..whim
        }
    }

    fn settings(&mut self) -> Value {
        let stop = [json!("empty"), json!("short"), json!({ "total": "$.total" })];
        let stop = stop[usize::try_from(self.draw(3)).unwrap()].clone();
        let size = json!({ "param": "size", "value": 3 });
        let (token, id) = ("$.token", "$.id");
        let page = match self.kind {
            "number" => json!({ "kind": "number", "param": "page", "size": size, "stop": stop }),
            "offset" => json!({ "kind": "offset", "param": "offset", "size": size, "stop": stop }),
            "token" => json!({ "kind": "token", "param": "token", "at": token, "size": size }),
            "next" => json!({ "kind": "next", "at": "$.next", "size": size }),
            "link" => json!({ "kind": "link", "size": size }),
            "keyset" => {
                json!({ "kind": "keyset", "param": "after", "at": id, "size": size, "stop": stop })
            }
            _ => json!({ "kind": "newest", "param": "last", "at": id, "size": size }),
        };
        json!({ "page": page, "total": "$.total" })
    }

    fn reply(&mut self, request: &city::ReceivedRequest) -> Reply {
        let size = number(request, "size").unwrap_or(3).min(self.limit).max(1);
        let mut keys: Vec<usize> = (10..10 + self.n).collect();
        if self.shuffles {
            for at in (1..keys.len()).rev() {
                let other = usize::try_from(self.draw(at as u64 + 1)).unwrap();
                keys.swap(at, other);
            }
        }
        let empty_before = usize::from(self.empty_pages);
        let token = number(request, "token").unwrap_or(0);
        let mut from = match self.kind {
            "number" => (number(request, "page").unwrap_or(1) - 1) * size,
            "offset" => number(request, "offset").unwrap_or(0),
            // With empty pages, only every second token has records.
            "token" | "next" | "link" => token / (1 + empty_before) * size,
            "keyset" => {
                let after = number(request, "after").unwrap_or(0);
                keys.iter().filter(|key| **key <= after).count()
            }
            _ => {
                keys.reverse();
                let last = number(request, "last").unwrap_or(usize::MAX);
                keys.iter().filter(|key| **key >= last).count()
            }
        };
        let page_no = from / size + 1;
        let is_counted = matches!(self.kind, "number" | "offset");
        if from >= self.n && is_counted {
            match self.beyond {
                0 => return Reply::new(404, ""),
                1 => return Reply::new(204, ""),
                2 if self.n > 0 => from = (self.n - 1) / size * size,
                3 => from = 0,
                _ => {}
            }
        }
        let is_gap = self.empty_pages && token % 2 == 1 || self.lost == Some(page_no);
        let n_taken = if is_gap { 0 } else { size };
        let rows: Vec<Value> =
            keys.iter().skip(from).take(n_taken).map(|key| json!({ "id": key })).collect();
        let mut body = json!({ "code": 0, "rows": rows });
        if self.missing == Some(page_no) {
            body["rows"] = Value::Null;
        }
        if let Some(total) = self.total {
            body["total"] = total.into();
        }
        let mut next = Some(token + 1);
        if from + size >= self.n && !is_gap {
            // At the end: no token, the first one again, the same one, or an earlier one.
            next = match self.beyond {
                2 => Some(token),
                3 => Some(token.saturating_sub(1)),
                4 => Some(token / 2),
                _ => None,
            };
        }
        let mut reply = Reply::new(200, Vec::new());
        if let Some(next) = next {
            let url = format!("/list?token={next}&size={size}");
            body["token"] = next.into();
            body["next"] = url.clone().into();
            reply = reply.with("link", format!("<{url}>; rel=\"next\""));
        }
        Reply { body: body.to_string().into_bytes(), ..reply }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_source_of_random_behaviour_is_called_complete_while_a_record_is_missing() {
    let mut passes = tokio::task::JoinSet::new();
    for seed in 0..200 {
        passes.spawn(async move {
            let mut whim = Whim::new(seed);
            let (kind, n, settings) = (whim.kind, whim.n, whim.settings());
            let city = City::new(settings.clone()).await;
            city.answer(move |request| Some(whim.reply(request)));
            let Ok((keys, end)) = pass(&city).await else { return (0, 1) };
            let is_whole = keys.len() == n;
            assert!(end.distinct <= Some(end.given), "{seed} {kind} {settings}: {end:?}");
            let complete = end.complete();
            assert!(
                is_whole || complete != Complete::Yes,
                "{seed} {kind} {settings}: {} of {n} came, {end:?}",
                keys.len()
            );
            (usize::from(is_whole && complete == Complete::Yes), 0)
        });
    }
    let (mut n_complete, mut n_faults) = (0, 0);
    while let Some(counts) = passes.join_next().await {
        let (complete, faults) = counts.unwrap_or_else(|error| panic!("{error}"));
        (n_complete, n_faults) = (n_complete + complete, n_faults + faults);
    }
    assert!(n_complete > 30 && n_faults < 60, "{n_complete} complete, {n_faults} faults");
}
