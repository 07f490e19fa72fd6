use std::time::Duration;

use chrono::NaiveDateTime;
use serde_json::Value;

use super::*;
use crate::sign;
use crate::tests::morning;
use crate::tests::send;
use crate::time::epoch_ms;
use crate::{Clock, Limits, QuirkRates, StateInspection};

const RID: &str = "11111111-2222-3333-4444-555555555555@340200";
/// The first secret.
const FIRST: &str = "0123456789abcdef0123456789abcdef";

struct Fixture {
    platform: StateInspection,
    clock: Clock,
}

async fn fixture(quirks: &str) -> Fixture {
    fixture_with(quirks, Limits::Loose).await
}

async fn fixture_with(quirks: &str, limits: Limits) -> Fixture {
    let clock = Clock::starting(morning());
    let quirks = QuirkRates::parse(quirks).unwrap();
    let behaviour = Behaviour { quirks, limits, ..Behaviour::new(7, clock.clone()) };
    Fixture { platform: StateInspection::open(behaviour).await.unwrap(), clock }
}

impl Fixture {
    fn signed(&self, method: &str, path: &str, query: &str, secret: &str) -> Request {
        signed_request(self.clock.now(), method, path, query, secret)
    }

    fn text(&self, request: &Request) -> String {
        let reply = self.platform.lock().answer(request);
        assert_eq!(reply.status, 200);
        String::from_utf8(reply.body).unwrap()
    }

    /// Requests the secret, and returns it encrypted.
    fn secret(&self) -> String {
        let text = self.text(&self.signed("POST", "/sysapi/getsecret", "", APP_KEY));
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"]["secret"].as_str().unwrap().to_owned()
    }

    fn day(&self, day: &str) -> String {
        self.day_with(day, FIRST)
    }

    fn day_with(&self, day: &str, secret: &str) -> String {
        self.text(&self.signed("GET", "/sysapi/dcxs", &query(day), secret))
    }

    fn rows(&self, day: &str) -> Vec<Value> {
        serde_json::from_str(&self.day(day)).unwrap()
    }
}

fn query(day: &str) -> String {
    format!("table_id=dcxs_340200&submitted_date={day}&cd_source=340200")
}

fn signed_request(
    at: NaiveDateTime,
    method: &str,
    path: &str,
    query: &str,
    secret: &str,
) -> Request {
    let rtime = epoch_ms(at).to_string();
    let headers = [
        ("gjzwfwpt_rid", RID.to_owned()),
        ("gjzwfwpt_sid", SID.to_owned()),
        ("gjzwfwpt_sign", sign::platform_signature(secret, SID, RID, &rtime)),
        ("gjzwfwpt_rtime", rtime),
    ];
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Request::default()
    }
}

#[tokio::test]
async fn the_secret_comes_encrypted_and_signs_requests() {
    let fixture = fixture("").await;
    let keys = fixture.platform.file(3);
    assert!(fixture.day("2026-10-09").contains("errCode"), "no secret was handed out yet");
    assert_eq!(
        fixture.secret(),
        "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi"
    );
    let rows = fixture.rows("2026-10-09");
    let served: Vec<_> = rows.iter().map(|row| row["dcxsbh"].as_str().unwrap()).collect();
    assert_eq!(served, keys);
    let request = fixture.signed("GET", "/sysapi/dcxs", &query("2026-10-09"), FIRST);
    let answer = send(fixture.platform.url(), &request).await.unwrap();
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&answer.body).unwrap(), rows);
}

#[tokio::test]
async fn the_province_signs_in_headers_of_its_own() {
    let clock = Clock::starting(morning());
    let platform = crate::ProvinceInspection::open(Behaviour::new(7, clock.clone())).await.unwrap();
    let mut request = signed_request(clock.now(), "POST", "/sysapi/getsecret", "", APP_KEY);
    let answered =
        |request: &Request| String::from_utf8(platform.lock().answer(request).body).unwrap();
    assert!(answered(&request).contains("errCode"));
    for (name, _) in &mut request.headers {
        *name = name.replace("gjzwfwpt", "gjgxjhpt");
    }
    assert!(answered(&request).contains("secret"));
    assert_eq!(platform.truth().channel, "inspection_province");
}

#[tokio::test]
async fn keys_are_in_lower_case_and_dates_in_three_styles() {
    let fixture = fixture("masked@1").await;
    fixture.platform.file(1);
    fixture.secret();
    let row = fixture.rows("2026-10-09").remove(0);
    assert!(row.as_object().unwrap().keys().all(|key| *key == key.to_lowercase()));
    assert_eq!(row["tjsj"], "20261009103000");
    assert_eq!((&row["zbsj"], &row["bjsj"]), (&"2026-10-10".into(), &Value::Null));
    assert!(row["xxr"].as_str().unwrap().contains('*'));
    assert!(row["lxdh"].as_str().unwrap().contains("****"));
}

#[tokio::test]
async fn an_empty_day_and_an_invalid_day_get_the_same_answer() {
    let fixture = fixture("").await;
    fixture.platform.file(1);
    fixture.secret();
    for day in ["2026-10-08", "2026-1-9", "20261009", "明天"] {
        assert_eq!(fixture.day(day), "没有数据或者时间格式错误", "{day}");
    }
}

#[tokio::test]
async fn the_order_of_the_signed_parts_counts() {
    let fixture = fixture("").await;
    fixture.platform.file(1);
    fixture.secret();
    let mut request = fixture.signed("GET", "/sysapi/dcxs", &query("2026-10-09"), FIRST);
    let rtime = epoch_ms(fixture.clock.now()).to_string();
    request.headers[2].1 = sign::platform_signature(FIRST, RID, SID, &rtime);
    assert!(fixture.text(&request).contains("errCode"));
    assert_eq!(fixture.platform.request_counts().refused["signature"], 1);
}

#[tokio::test]
async fn a_clock_more_than_five_minutes_off_is_refused() {
    let fixture = fixture("").await;
    fixture.platform.file(1);
    fixture.secret();
    for (seconds, is_refused) in [(-300, false), (300, false), (-301, true), (301, true)] {
        let at = fixture.clock.now() + TimeDelta::seconds(seconds);
        let request = signed_request(at, "GET", "/sysapi/dcxs", &query("2026-10-09"), FIRST);
        assert_eq!(fixture.text(&request).contains("errCode"), is_refused, "{seconds}");
    }
    assert_eq!(fixture.platform.request_counts().refused["clock"], 2);
}

#[tokio::test]
async fn a_secret_is_valid_for_a_day() {
    let fixture = fixture("").await;
    fixture.platform.file(1);
    let first = fixture.secret();
    fixture.clock.advance(Duration::from_secs(86_399));
    assert!(!fixture.day("2026-10-09").contains("errCode"));
    assert_eq!(fixture.secret(), first, "a valid secret is returned again");
    fixture.clock.advance(Duration::from_secs(1));
    assert!(fixture.day("2026-10-09").contains("errCode"));
    assert_ne!(fixture.secret(), first);
}

#[tokio::test]
async fn a_secret_may_be_rotated_in_the_middle() {
    let fixture = fixture("rotated@3").await;
    fixture.platform.file(1);
    let first = fixture.secret();
    assert!(!fixture.day("2026-10-09").contains("errCode"));
    assert!(fixture.day("2026-10-09").contains("errCode"), "the third request");
    assert_ne!(fixture.secret(), first);
}

#[tokio::test]
async fn a_changed_clue_is_listed_on_both_days() {
    let fixture = fixture("reissued@2").await;
    let keys = fixture.platform.file(2);
    fixture.clock.advance(Duration::from_secs(86_400 * 2));
    fixture.secret();
    assert!(keys.iter().all(|key| fixture.platform.advance(key)));
    let states = |day: &str| -> Vec<(String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        fixture.rows(day).iter().map(|row| (text(row, "dcxsbh"), text(row, "blzt"))).collect()
    };
    let expected = [(0, "2"), (1, "1"), (1, "2")].map(|(i, s)| (keys[i].clone(), s.to_owned()));
    assert_eq!(states("2026-10-09"), expected);
    assert_eq!(states("2026-10-11"), expected);
}

#[tokio::test]
async fn yesterdays_list_grows_until_noon() {
    let fixture = fixture("late_row@1").await;
    fixture.platform.file(1);
    fixture.secret();
    assert_eq!(fixture.rows("2026-10-08").len(), 1);
    fixture.clock.advance(Duration::from_secs(2 * 3_600));
    fixture.platform.file(1);
    assert_eq!((fixture.rows("2026-10-08").len(), fixture.rows("2026-10-09").len()), (1, 1));
    assert_eq!(fixture.platform.truth().records()[0].last().quirks, ["late_row"]);
}

#[tokio::test]
async fn the_truth_is_what_was_served() {
    let fixture = fixture("masked@2").await;
    fixture.platform.file(40);
    fixture.platform.advance_random(60);
    fixture.secret();
    let truth = fixture.platform.truth();
    let rows = fixture.rows("2026-10-09");
    assert_eq!(rows.len(), 40);
    for row in rows {
        let served = truth.record(row["dcxsbh"].as_str().unwrap()).unwrap().last();
        assert_eq!(served.payload, row);
        let fields = served.expected_fields().unwrap();
        assert_eq!(fields["status_raw"], row["blzt"]);
        assert_eq!(fields.contains_key("quality"), row["lxdh"].as_str().unwrap().contains('*'));
    }
}

#[tokio::test]
async fn every_quirk_of_requests_strikes_its_request() {
    let fixture = fixture("bom@2,wrapped@3,bad_gateway@5,sealed@7").await;
    fixture.platform.file(1);
    fixture.secret();
    let replies: Vec<_> = (2..=7)
        .map(|_| {
            let request = fixture.signed("GET", "/sysapi/dcxs", &query("2026-10-09"), FIRST);
            fixture.platform.lock().answer(&request)
        })
        .collect();
    assert!(replies[0].body.starts_with(b"\xef\xbb\xbf[{"));
    let wrapped: Value = serde_json::from_slice(&replies[1].body).unwrap();
    let rows: Vec<Value> = serde_json::from_str(wrapped["data"].as_str().unwrap()).unwrap();
    assert_eq!((rows.len(), &wrapped["code"]), (1, &200.into()));
    assert_eq!(replies[3].status, 502);
    assert!(replies[3].body.starts_with(b"<!DOCTYPE html>"));
    let sealed: Vec<Value> = serde_json::from_slice(&replies[5].body).unwrap();
    let plain: Vec<Value> = serde_json::from_slice(&replies[0].body[3..]).unwrap();
    let plain = plain[0].to_string();
    assert_eq!(sealed[0]["encdata"], sign::sm4_hex(ROW_KEY, &plain));
    assert_eq!(sealed[0]["signdata"], sign::sm3_hex(&plain));
}

#[tokio::test]
async fn sixty_calls_a_minute_and_two_thousand_a_day() {
    let fixture = fixture_with("", Limits::Real).await;
    fixture.platform.file(1);
    fixture.secret();
    let ok = || !fixture.day("2026-10-09").contains("42901");
    assert!((0..59).all(|_| ok()) && !ok());
    assert_eq!(fixture.platform.request_counts().over_budget, 1);
    let mut allowed = 60;
    for _ in 0..40 {
        fixture.clock.advance(Duration::from_secs(61));
        allowed += (0..60).filter(|_| ok()).count();
    }
    assert_eq!(allowed, 2_000);
    fixture.clock.advance(Duration::from_secs(86_400));
    fixture.secret();
    assert!(ok());
}

#[tokio::test]
async fn the_same_seed_serves_the_same_bytes() {
    let (one, two) = (fixture("masked@2").await, fixture("masked@2").await);
    for fixture in [&one, &two] {
        fixture.platform.file(30);
        fixture.platform.advance_random(9);
        fixture.secret();
    }
    assert_eq!(one.day("2026-10-09"), two.day("2026-10-09"));
}
