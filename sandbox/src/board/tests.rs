use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::faker::DISTRICTS;
use crate::tests::morning;
use crate::tests::send;
use crate::{Clock, Limits, MessageBoard, QuirkRates};

/// A board, its clock, and the cookie that a reader has.
struct Fixture {
    board: MessageBoard,
    clock: Clock,
    cookie: String,
}

/// The numbers of all forums.
fn fids() -> Vec<u64> {
    let districts = DISTRICTS.iter().map(|district| Forum::district(district).fid);
    let all: std::collections::BTreeSet<_> = districts.chain([Forum::city().fid]).collect();
    all.into_iter().collect()
}

async fn fixture(quirks: &str) -> Fixture {
    fixture_with(quirks, Limits::Loose).await
}

async fn fixture_with(quirks: &str, limits: Limits) -> Fixture {
    let clock = Clock::starting(morning());
    let quirks = QuirkRates::parse(quirks).unwrap();
    let behaviour = Behaviour { quirks, limits, ..Behaviour::new(7, clock.clone()) };
    let board = MessageBoard::open(behaviour).await.unwrap();
    let welcome = Request { method: "GET".into(), path: "/".into(), ..Request::default() };
    let answer = send(board.url(), &welcome).await.unwrap();
    let (_, cookie) = answer.head.split_once("set-cookie: ").unwrap();
    let cookie = cookie.split([';', '\n']).next().unwrap().to_owned();
    Fixture { board, clock, cookie }
}

impl Fixture {
    fn request(&self, path: &str, param: &Value) -> Request {
        let param = param.to_string();
        let signature = crate::sign::board_signature(path, &param, APP_CODE, "");
        let body = json!({
            "appCode": APP_CODE, "token": "", "signature": signature, "param": param,
        });
        Request {
            method: "POST".into(),
            path: path.into(),
            headers: vec![("cookie".into(), self.cookie.clone())],
            body: body.to_string().into(),
            ..Request::default()
        }
    }

    /// The answer to a request as JSON. The clock is advanced first, so that no limit is exceeded.
    fn post(&self, path: &str, param: &Value) -> Value {
        self.clock.advance(Duration::from_millis(1_500));
        let reply = self.board.lock().answer(&self.request(path, param));
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn list(&self, fid: u64, last: &Value) -> Vec<Value> {
        let param = json!({ "fid": fid, "lastItem": last, "rows": 20 });
        let answer = self.post("/v1/threads/list/df", &param);
        answer["resultData"]["list"].as_array().unwrap().clone()
    }

    /// All threads of all forums, read page by page.
    fn walk(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for fid in fids() {
            let mut last = json!("");
            loop {
                let page = self.list(fid, &last);
                let Some(thread) = page.last() else { break };
                assert_ne!(last, thread["tid"], "the same page came twice");
                last = thread["tid"].clone();
                all.extend(page);
            }
        }
        all
    }

    fn detail(&self, thread: &Value) -> Value {
        self.post("/v1/threads/content", &json!({ "tid": thread["tid"] }))
    }
}

fn tids(threads: &[Value]) -> Vec<String> {
    let mut tids: Vec<_> = threads.iter().map(|thread| thread["tid"].to_string()).collect();
    tids.sort_unstable();
    tids
}

#[tokio::test]
async fn paging_back_lists_every_thread_once_in_descending_order() {
    let fixture = fixture("other_forum@2").await;
    let filed = fixture.board.file(200);
    assert!(fids().iter().all(|fid| !fixture.list(*fid, &json!("")).is_empty()));
    let all = fixture.walk();
    assert_eq!(tids(&all), filed);
    for pair in all.windows(2).filter(|pair| pair[0]["fid"] == pair[1]["fid"]) {
        assert!(pair[0]["tid"].as_u64() > pair[1]["tid"].as_u64());
    }
}

#[tokio::test]
async fn the_truth_is_what_was_served() {
    let fixture = fixture("cut@1,leading_blank@2,synonym@3,entities@5,one_dateline@7").await;
    fixture.board.file(60);
    fixture.board.advance_random(80);
    let truth = fixture.board.truth();
    for thread in fixture.walk() {
        let served = truth.record(&thread["tid"].to_string()).unwrap().last();
        assert_eq!(served.payload, thread);
        let detail = fixture.detail(&thread);
        assert_eq!(served.parts["detail"], detail["resultData"]["contentList"]);
        assert_eq!(served.expected_fields().unwrap()["status_raw"], thread["stateInfo"]);
    }
}

#[tokio::test]
async fn over_http_it_answers_the_same_and_stops_when_dropped() {
    let fixture = fixture("").await;
    fixture.board.file(30);
    let request = fixture.request("/v1/threads/list/df", &json!({ "fid": 3402, "lastItem": "" }));
    let answer = send(fixture.board.url(), &request).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("application/json;charset=UTF-8"), "{}", answer.head);
    assert_eq!(answer.body, fixture.board.lock().answer(&request).body);
    let url = fixture.board.url().to_owned();
    drop(fixture);
    assert!(send(&url, &request).await.is_err());
}

#[tokio::test]
async fn requests_without_cookie_or_signature_are_refused() {
    let fixture = fixture("").await;
    let mut request = fixture.request("/v1/threads/list/df", &json!({ "fid": 3402 }));
    let cookie = request.headers.pop();
    assert_eq!(fixture.board.lock().answer(&request).status, 403);
    request.headers.extend(cookie);
    request.path = "/v1/threads/content".into();
    let reply = fixture.board.lock().answer(&request);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, r#"{"code":"SN0006","msg":"数据格式错误"}"#.as_bytes());
    let refused = fixture.board.request_counts().refused;
    assert_eq!((refused["cookie"], refused["signature"]), (1, 1));
}

#[tokio::test]
async fn a_reader_above_the_limit_waits_thirty_seconds_or_ten_minutes_if_it_goes_on() {
    let fixture = fixture_with("", Limits::Real).await;
    let request = fixture.request("/v1/threads/list/df", &json!({ "fid": 3402 }));
    let status = || fixture.board.lock().answer(&request).status;
    let after = |ms| fixture.clock.advance(Duration::from_millis(ms));
    assert_eq!([status(), status(), status(), status()], [200, 200, 200, 429]);
    after(30_000);
    assert_eq!(status(), 200, "the reader waited long enough");
    assert_eq!([status(), status(), status()], [200, 200, 429]);
    after(29_999);
    assert_eq!(status(), 429);
    after(1);
    assert_eq!(status(), 403, "the reader did not wait");
    after(599_999);
    assert_eq!(status(), 403);
    after(1);
    assert_eq!(status(), 200);
    let calls = fixture.board.request_counts();
    assert_eq!((calls.over_budget, calls.early), (2, 2));
    assert_eq!((calls.refused["limit"], calls.refused["ban"]), (3, 2));
}

#[tokio::test]
async fn a_throttled_reader_is_told_how_long_to_wait() {
    let fixture = fixture_with("", Limits::Real).await;
    let request = fixture.request("/v1/threads/list/df", &json!({ "fid": 3402 }));
    for _ in 0..3 {
        fixture.board.lock().answer(&request);
    }
    let answer = send(fixture.board.url(), &request).await.unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 30"), "{}", answer.head);
}

#[tokio::test]
async fn every_quirk_of_a_thread_does_what_it_says() {
    type Check = fn(&Value) -> bool;
    let table: &[(&str, Check)] = &[
        ("cut", |t| t["content"].as_str().unwrap().ends_with('…')),
        ("leading_blank", |t| t["from"] == " 安徽省 芜湖市"),
        ("entities", |t| t["content"].as_str().unwrap().contains("<p style")),
        ("one_dateline", |t| t.get("dateline").is_none() ^ t.get("createDateline").is_none()),
    ];
    for (name, holds) in table {
        let (plain, with_quirk) = (fixture("").await, fixture(&format!("{name}@1")).await);
        plain.board.file(40);
        with_quirk.board.file(40);
        assert!(!plain.walk().iter().any(holds), "{name}");
        // Short content is not cut, so not every thread has the quirk.
        assert!(with_quirk.walk().iter().filter(|thread| holds(thread)).count() > 30, "{name}");
    }
}

#[tokio::test]
async fn an_answered_thread_may_still_be_marked_as_waiting() {
    let fixture = fixture("answered_unmarked@1").await;
    let key = fixture.board.file(1).remove(0);
    assert!(
        fixture.board.advance(&key) && fixture.board.advance(&key) && !fixture.board.advance(&key)
    );
    let thread = fixture.walk().remove(0);
    assert!(thread["answerContent"].is_string());
    assert_eq!(thread["stateInfo"], "待回复");
    assert_eq!(fixture.board.truth().record(&key).unwrap().states.len(), 3);
}

#[tokio::test]
async fn states_have_synonyms_and_can_be_requested() {
    let fixture = fixture("synonym@2").await;
    fixture.board.file(60);
    fixture.board.advance_random(120);
    let words: std::collections::BTreeSet<String> =
        fixture.walk().iter().map(|t| t["stateInfo"].as_str().unwrap().to_owned()).collect();
    assert!(words.len() >= 6, "{words:?}");
    let param = json!({ "fid": 3402, "state": 3, "rows": 20 });
    let open = fixture.post("/v1/threads/list/df", &param);
    let open = open["resultData"]["list"].as_array().unwrap();
    let is_open = |t: &Value| {
        ["办理中", "处理中", "受理", "已受理"].contains(&t["stateInfo"].as_str().unwrap())
    };
    assert!(!open.is_empty() && open.iter().all(is_open));
}

#[tokio::test]
async fn a_pinned_thread_comes_first_and_again_in_its_place() {
    let fixture = fixture("pinned@1").await;
    fixture.board.file(60);
    fixture.clock.advance(Duration::from_secs(60));
    let page = fixture.list(3402, &json!(""));
    let again = page[1..].iter().filter(|t| t["tid"] == page[0]["tid"]).count();
    assert_eq!(again, 1, "the newest pinned thread is on the first page");
}

#[tokio::test]
async fn a_thread_is_deleted_when_its_detail_is_requested() {
    let fixture = fixture("removed@2").await;
    let keys = fixture.board.file(2);
    let all = fixture.walk();
    assert_eq!(all.len(), 2);
    let removed = all.iter().find(|t| t["tid"].as_u64() == keys[1].parse().ok()).unwrap();
    assert_eq!(fixture.detail(removed)["code"], "NF0004");
    assert_eq!(tids(&fixture.walk()), [keys[0].clone()]);
    assert!(fixture.board.truth().record(&keys[1]).unwrap().deleted_at.is_some());
}

#[tokio::test]
async fn a_deleted_thread_leaves_a_gap() {
    let fixture = fixture("gap@3").await;
    assert_eq!(fixture.board.file(9).len(), 6);
    assert_eq!(fixture.walk().len(), 6);
    assert_eq!(
        fixture.board.truth().records().iter().filter(|t| t.deleted_at.is_some()).count(),
        3
    );
}

#[tokio::test]
async fn every_quirk_of_requests_strikes_its_request() {
    let fixture = fixture("other_envelope@3,code_text@5,challenge@7").await;
    fixture.board.file(20);
    let param = json!({ "fid": 3402 });
    // The request for the cookie was the first one.
    let replies: Vec<_> = (2..=8)
        .map(|_| {
            fixture.clock.advance(Duration::from_millis(1_500));
            fixture.board.lock().answer(&fixture.request("/v1/threads/list/df", &param))
        })
        .collect();
    let json = |i: usize| serde_json::from_slice::<Value>(&replies[i - 2].body).unwrap();
    assert!(json(3)["data"]["data"].is_array() && json(3).get("resultData").is_none());
    assert!(json(4)["resultData"]["list"].is_array());
    assert_eq!((json(5)["code"].clone(), json(4)["code"].clone()), (json!("0"), json!(0)));
    assert_eq!(replies[5].status, 200);
    assert!(replies[5].body.starts_with(b"<!DOCTYPE html>"));
}

#[tokio::test]
async fn the_same_seed_serves_the_same_bytes() {
    let (one, two) = (fixture("cut@1,entities@3").await, fixture("cut@1,entities@3").await);
    one.board.file(50);
    for _ in 0..5 {
        two.board.file(10);
    }
    one.board.advance_random(20);
    two.board.advance_random(20);
    let (mut a, mut b) = (one.walk(), two.walk());
    for thread in a.iter_mut().chain(&mut b) {
        // Times differ, because only the first call spreads its threads over the hours before.
        for time in ["createDateline", "dateline", "threadsCheckTime", "answerDateline"] {
            thread[time] = Value::Null;
        }
    }
    assert_eq!(a, b);
}
