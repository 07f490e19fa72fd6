use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::sign;
use crate::source::http::HttpServer;
use crate::tests::morning;
use crate::tests::send;
use crate::time::http_date;
use crate::{Clock, Mobile, QuirkRates};

struct Fixture {
    platform: Mobile,
    clock: Clock,
}

async fn fixture(quirks: &str) -> Fixture {
    let clock = Clock::starting(morning());
    let quirks = QuirkRates::parse(quirks).unwrap();
    let behaviour = Behaviour { quirks, ..Behaviour::new(7, clock.clone()) };
    Fixture { platform: Mobile::open(behaviour).await.unwrap(), clock }
}

fn signed(at: NaiveDateTime, query: &str) -> Request {
    let (path, date) = ("/restapi/appeal/page", http_date(at));
    let signature = sign::x_bg_signature(SECRET_KEY, "GET", path, query, ACCESS_KEY, &date);
    let headers = [
        ("x-bg-hmac-access-key", ACCESS_KEY),
        ("x-bg-hmac-algorithm", "hmac-sha256"),
        ("x-bg-date-time", &date),
        ("x-bg-hmac-signature", &signature),
    ];
    Request {
        method: "GET".into(),
        path: path.into(),
        query: query.into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Request::default()
    }
}

impl Fixture {
    fn page(&self, query: &str) -> Value {
        let reply = self.platform.lock().answer(&signed(self.clock.now(), query));
        assert_eq!(reply.status, 200);
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn rows(&self, query: &str) -> Vec<Value> {
        self.page(query)["data"]["rows"].as_array().unwrap().clone()
    }
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["appealId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn reports_are_paged_by_time_of_update() {
    let fixture = fixture("").await;
    let keys = fixture.platform.file(25);
    let pages = [1, 2, 3, 4].map(|page| fixture.rows(&format!("page={page}&size=10")));
    assert_eq!(pages.each_ref().map(Vec::len), [10, 10, 5, 0]);
    assert_eq!(ids(&pages.concat()), keys);
    fixture.clock.advance(Duration::from_secs(60));
    assert!(fixture.platform.advance(&keys[3]));
    let since = fixture.rows("page=1&size=10&updatedTime=2026-10-09%2010%3A30%3A30");
    assert_eq!(ids(&since), [&keys[3]]);
    assert_eq!(since[0]["status"], "ACCEPTED");
    let answer =
        send(fixture.platform.url(), &signed(fixture.clock.now(), "page=1")).await.unwrap();
    assert_eq!((answer.status, answer.body.is_empty()), (200, false));
}

#[tokio::test]
async fn a_wrong_signature_or_a_wrong_clock_is_401() {
    let fixture = fixture("").await;
    let status = |request: &Request| fixture.platform.lock().answer(request).status;
    let now = fixture.clock.now();
    for (seconds, expected) in [(-90, 200), (90, 200), (-91, 401), (91, 401)] {
        assert_eq!(status(&signed(now + TimeDelta::seconds(seconds), "page=1")), expected);
    }
    let mut request = signed(now, "page=1");
    request.query = "page=2".into();
    assert_eq!(status(&request), 401);
    let refused = fixture.platform.request_counts().refused;
    assert_eq!((refused["clock"], refused["signature"]), (2, 1));
}

#[tokio::test]
async fn every_quirk_of_a_report_does_what_it_says() {
    type Check = fn(&Value) -> bool;
    let table: &[(&str, Check)] = &[
        ("zero_position", |row| row["lon"] == "0" && row["lat"] == "0"),
        ("swapped", |row| row["lon"].as_str().unwrap().starts_with("31.")),
        ("no_position", |row| row["lon"].is_null()),
    ];
    for (name, holds) in table {
        let fixture = fixture(&format!("{name}@2")).await;
        fixture.platform.file(2);
        let rows = fixture.rows("page=1");
        assert!(rows[0]["lon"].as_str().unwrap().starts_with("118."), "{name}");
        assert!(holds(&rows[1]), "{name}: {}", rows[1]);
        assert_eq!(fixture.platform.truth().records()[1].last().quirks, [*name]);
    }
}

#[tokio::test]
async fn a_swapped_position_is_recognised() {
    let (plain, swapped) = (fixture("").await, fixture("swapped@1").await);
    let place = |fixture: &Fixture| {
        fixture.platform.file(1);
        fixture.platform.truth().records()[0].last().expected_fields().unwrap()["location"].clone()
    };
    assert_eq!(place(&plain), place(&swapped));
    assert!((118.0..119.0).contains(&place(&plain)["lon"].as_f64().unwrap()));
}

#[tokio::test]
async fn the_platform_is_sometimes_unavailable() {
    let fixture = fixture("unavailable@2").await;
    let request = signed(fixture.clock.now(), "page=1");
    assert_eq!(fixture.platform.lock().answer(&request).status, 200);
    let answer = send(fixture.platform.url(), &request).await.unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 2"));
    assert_eq!(fixture.platform.request_counts().early, 0);
    assert_eq!(fixture.platform.lock().answer(&request).status, 200);
    assert_eq!(fixture.platform.request_counts().early, 1, "the reader did not wait");
    fixture.platform.lock().answer(&request);
    fixture.clock.advance(Duration::from_secs(2));
    fixture.platform.lock().answer(&request);
    assert_eq!(fixture.platform.request_counts().early, 1, "the reader waited");
}

/// A receiver that refuses every second request, and how often it accepted each report.
async fn receiver(clock: &Clock) -> (HttpServer, Arc<Mutex<BTreeMap<String, u64>>>) {
    let accepted: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let (noted, clock) = (Arc::clone(&accepted), clock.clone());
    let n = std::sync::atomic::AtomicU64::new(0);
    let server = HttpServer::open(move |request| {
        let header = |name: &str| request.header(name).unwrap_or_default();
        let date = header("x-bg-date-time");
        let right =
            sign::x_bg_signature(SECRET_KEY, "POST", "/intake/mobile", "a=1", ACCESS_KEY, date);
        let is_late = (clock.now() - parse_http_date(date).unwrap()).num_seconds() > 90;
        if header("x-bg-hmac-signature") != right || is_late {
            return Reply::html(401, "no");
        }
        if n.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 == 1 {
            return Reply::html(503, "later");
        }
        let row: Value = serde_json::from_slice(&request.body).unwrap();
        let id = row["appealId"].as_str().unwrap().to_owned();
        *noted.lock().unwrap().entry(id).or_default() += 1;
        Reply::json("{}")
    });
    (server.await.unwrap(), accepted)
}

#[tokio::test(start_paused = true)]
async fn a_report_is_pushed_until_it_is_accepted_and_some_more_often() {
    let fixture = fixture("duplicate@3,skewed@4,bad_signature@5").await;
    let keys = fixture.platform.file(6);
    let (server, accepted) = receiver(&fixture.clock).await;
    let url = format!("{}/intake/mobile?a=1", server.url());
    let pushed = fixture.platform.push(&url).await.unwrap();
    let counts = accepted.lock().unwrap().clone();
    assert_eq!(counts.keys().cloned().collect::<Vec<_>>(), keys);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [1, 1, 4, 1, 1, 4]);
    assert_eq!((pushed.accepted, pushed.repeated), (6, 6));
    assert_eq!(pushed.attempts, pushed.accepted + pushed.repeated + pushed.refused);
    assert!(pushed.refused >= 11, "{pushed:?}");
    assert_eq!(
        fixture.platform.push(&url).await.unwrap(),
        PushCounts::default(),
        "there is nothing left to push"
    );
}

#[tokio::test(start_paused = true)]
async fn pushing_gives_up_on_a_receiver_that_never_accepts() {
    let fixture = fixture("").await;
    fixture.platform.file(1);
    let server = HttpServer::open(|_| Reply::html(503, "never")).await.unwrap();
    assert!(fixture.platform.push(&format!("{}/x", server.url())).await.is_err());
}

#[tokio::test]
async fn the_truth_is_what_was_served_and_the_same_seed_serves_the_same() {
    let (one, two) = (fixture("all").await, fixture("all").await);
    for fixture in [&one, &two] {
        fixture.platform.file(50);
        fixture.platform.advance_random(50);
    }
    let rows = one.rows("page=1&size=100");
    assert_eq!(rows, two.rows("page=1&size=100"));
    let truth = one.platform.truth();
    for row in rows {
        let served = truth.record(row["appealId"].as_str().unwrap()).unwrap().last();
        assert_eq!(served.payload, row);
        assert_eq!(served.expected_fields().unwrap()["status_raw"], row["status"]);
    }
}
