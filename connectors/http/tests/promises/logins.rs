//! Signing in: every form of a login, where its token comes from and goes to, and when it is sent again.

use std::sync::{Arc, Mutex};

use super::*;
use crate::city::ReceivedRequest;

pub(super) const ROWS: &str = r#"{"code":0,"rows":[{"id":"a"}]}"#;

/// A channel that signs in at `/login` of the city.
pub(super) async fn city_with(login: Value) -> City {
    let city = one_page().await;
    let mut all = json!({ "url": format!("{}/login", city.url) });
    all.as_object_mut().unwrap().extend(login.as_object().unwrap().clone());
    city.with(json!({ "login": all }))
}

/// A login with a password, whose token goes into a header.
pub(super) fn login() -> Value {
    json!({
        "json": { "user": "city" }, "secrets": { "password": "hunter2" },
        "tokens": [{ "at": "$.data.token", "put": { "header": "token" } }],
    })
}

pub(super) fn token(text: &str) -> Reply {
    Reply::new(200, json!({ "code": 0, "data": { "token": text } }).to_string())
}

/// The requests that the city has received for this path.
pub(super) fn requests(city: &City, path: &str) -> Vec<ReceivedRequest> {
    let state = city.state();
    state.requests.iter().filter(|request| request.path == path).cloned().collect()
}

fn body(request: &ReceivedRequest) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

/// Everything of a request in one text.
fn whole(request: &ReceivedRequest) -> String {
    let ReceivedRequest { method, path, query, headers, .. } = request;
    format!("{method} {path} {query:?} {headers:?} {}", body(request))
}

#[tokio::test]
async fn a_login_of_any_form_gives_a_token_that_goes_anywhere() {
    let soap = "<E xmlns='urn:e'><Body><login><n>city</n><p>{{ password }}</p></login></Body></E>";
    let soap_answer = "<E><Body><r><ticket>t0ken&amp;1</ticket></r></Body></E>";
    for (login, list, reply, sent, carried) in [
        // WeChat and DingTalk: in the query, and back into the query.
        (
            json!({
                "query": { "grant_type": "client_credential", "appid": "A1" },
                "secrets": { "secret": "hunter2" },
                "tokens": [{ "at": "$.access_token", "put": { "param": "access_token" } }],
            }),
            json!({}),
            Reply::new(200, r#"{"access_token":"t0ken&1","expires_in":7200}"#),
            r#"GET /login {"appid": "A1", "grant_type": "client_credential", "secret": "hunter2"}"#,
            r#"/list {"access_token": "t0ken&1"}"#,
        ),
        (
            json!({
                "form": { "account": "city" }, "secrets": { "sign_key": "hunter2" },
                "tokens": [{ "at": "$.data", "put": { "header": "Authorization" }, "prefix": "Bearer " }],
            }),
            json!({}),
            Reply::new(200, r#"{"result":1,"data":"t0ken"}"#),
            "account=city&sign_key=hunter2",
            r#""authorization": "Bearer t0ken""#,
        ),
        // Two values, one of them a number.
        (
            json!({
                "json": { "head": { "app": "A1" } }, "secrets": { "head.pwd": "hunter2" },
                "tokens": [
                    { "at": "$.data.authToken", "put": { "header": "X-Auth-Token" } },
                    { "at": "$.data.userId", "put": { "cookie": "uid" } },
                ],
            }),
            json!({}),
            Reply::new(200, r#"{"data":{"authToken":"t0ken","userId":77}}"#),
            r#"{"head":{"app":"A1","pwd":"hunter2"}}"#,
            r#""cookie": "uid=77", "host""#,
        ),
        (
            json!({
                "body": soap, "secrets": { "password": "hunter2<&" }, "headers": { "SOAPAction": "login" },
                "tokens": [{ "at": "$.E[0].Body[0].r[0].ticket", "put": { "field": "head.ticket" } }],
            }),
            json!({ "json": { "head": { "v": 1 } } }),
            Reply::new(200, soap_answer).with("content-type", "text/xml"),
            "<p>hunter2&lt;&amp;</p>",
            r#"{"head":{"v":1,"ticket":"t0ken&1"}}"#,
        ),
        // A document in a text of the answer.
        (
            json!({
                "form": {}, "secrets": { "pwd": "hunter2" },
                "inner": [{ "at": "$.result", "as": "json" }],
                "tokens": [{ "at": "$.result.token", "put": { "field": "token" } }],
            }),
            json!({ "form": { "page": 1 } }),
            Reply::new(200, r#"{"result":"{\"token\":\"t0ken\"}"}"#),
            "pwd=hunter2",
            "page=1&token=t0ken",
        ),
        // The whole answer is the token.
        (
            json!({
                "method": "POST", "secrets": { "pwd": "hunter2" },
                "tokens": [{ "at": "$", "put": { "cookie": "t" } }],
            }),
            json!({}),
            Reply::new(200, "t0ken.1-2\n").with("content-type", "text/plain"),
            r#"POST /login {"pwd": "hunter2"}"#,
            r#""cookie": "t=t0ken.1-2""#,
        ),
    ] {
        let city = city_with(login).await.with(list);
        city.answer(move |request| {
            Some(if request.path == "/login" { reply.clone() } else { Reply::new(200, ROWS) })
        });
        let mut http = city.http();
        http.keep_traces();
        let batch = http.read(None, 100).await.unwrap();
        assert_eq!(batch.entries.len(), 1);
        let (logins, lists) = (requests(&city, "/login"), requests(&city, "/list"));
        assert!(logins.len() == 1 && whole(&logins[0]).contains(sent), "{sent}: {logins:?}");
        assert!(whole(&lists[0]).contains(carried), "{carried}: {}", whole(&lists[0]));
        // What is shown of the exchanges has neither the password nor the token.
        let shown = format!("{:?}", http.traces());
        assert!(!shown.contains("hunter2") && !shown.contains("t0ken"), "{shown}");
        let answer = http.text(&http.traces()[0]);
        assert!(answer.contains("not shown"), "{answer}");
    }
}

/// As airbytehq/airbyte#26341 and DeployHubProject/DeployHub-Pro#235 describe them: the login has credentials of its own,
/// and the token is in a header of the answer.
#[tokio::test]
async fn a_login_may_be_authenticated_itself_and_its_token_be_in_a_header() {
    let city = city_with(json!({
        "json": { "scope": "all" },
        "auth": { "basic": { "user": "city", "password": "hunter2" } },
        "tokens": [{ "header": "X-Subject-Token", "put": { "header": "X-Auth-Token" } }],
        "lifetime": "14d",
    }))
    .await;
    city.answer(|request| {
        let login = Reply::new(201, "{}").with("x-subject-token", "t0ken");
        Some(if request.path == "/login" { login } else { Reply::new(200, ROWS) })
    });
    assert_eq!(city.read(None).await.unwrap().entries.len(), 1);
    let login = &requests(&city, "/login")[0];
    assert_eq!(login.headers["authorization"], "Basic Y2l0eTpodW50ZXIy");
    let list = &requests(&city, "/list")[0];
    assert_eq!(list.headers["x-auth-token"], "t0ken");
    assert!(!list.headers.contains_key("authorization"), "{list:?}");
}

#[tokio::test]
async fn a_login_may_be_signed_and_what_follows_has_the_token_and_a_signature_over_it() {
    let sign = |parts: Value| {
        json!({ "sign": {
            "algorithm": "md5", "parts": parts, "put": { "field": "sign" },
            "timestamp": { "put": { "field": "timestamp" }, "format": "%Y%m%d%H%M%S" },
        } })
    };
    let city = city_with(json!({
        "form": { "account": "city" },
        "auth": sign(json!([{ "param": "account" }, "timestamp", { "secret": "hunter2" }])),
        "tokens": [{ "at": "$.data.token", "put": { "field": "token" } }],
    }))
    .await;
    let key = json!(["members", { "text": "&key=" }, { "secret": "hunter2" }]);
    let city = city.with(json!({ "json": { "area": "340200" }, "auth": sign(key) }));
    city.answer(|request| {
        Some(if request.path == "/login" { token("t0ken") } else { Reply::new(200, ROWS) })
    });
    let mut http = city.http();
    http.keep_traces();
    let _ = http.read(None, 100).await.unwrap();
    let login = body(&requests(&city, "/login")[0]);
    assert!(
        login.starts_with("account=city&timestamp=2026") && login.contains("&sign="),
        "{login}"
    );
    let list: Value = serde_json::from_str(&body(&requests(&city, "/list")[0])).unwrap();
    let time = list["timestamp"].as_str().unwrap();
    let steps = &http.traces()[1].signature.as_ref().unwrap().steps;
    let text = format!("area=340200&timestamp={time}&token=…&key=…");
    assert_eq!((&list["token"], &steps[0].1), (&json!("t0ken"), &text));
    assert_eq!(list["sign"], steps[1].1.as_str());
}

/// As node-webot/co-wechat-api#99 and NotFound403/wecom-sdk#22 describe it: the end of a token has several codes, with
/// status 200; and others answer with a status.
#[tokio::test]
async fn a_token_that_is_refused_in_mid_run_is_fetched_again_once() {
    let ended = |code: u32| Reply::new(200, format!(r#"{{"code":{code},"msg":"token ended"}}"#));
    for refusal in [ended(42_001), ended(40_014), Reply::new(401, "{}"), Reply::new(403, "{}")] {
        let mut city = city_with(login()).await.with(json!({
            "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 5 } },
            "fault": [{ "at": "$.code", "equals": [42_001, 40_014], "kind": "refresh" }],
        }));
        let keys: Vec<String> = (10..30).map(|n| n.to_string()).collect();
        city.add(&keys, HOUR).await;
        let (mut n_logins, mut n_uses) = (0, 0);
        city.answer(move |request| {
            if request.path == "/login" {
                (n_logins, n_uses) = (n_logins + 1, 0);
                return Some(token(&format!("t{n_logins}")));
            }
            // Each token is good for three pages.
            n_uses += 1;
            let is_good = request.headers["token"] == format!("t{n_logins}") && n_uses <= 3;
            (!is_good).then(|| refusal.clone())
        });
        let (entries, _) = city.entries(None, 100).await;
        assert_eq!(keys_of(&entries), keys.iter().cloned().collect::<BTreeSet<String>>());
        // Each token is used three times, and once more until it is refused.
        let (n_logins, n_pages) = (requests(&city, "/login").len(), requests(&city, "/list").len());
        assert_eq!(n_logins, n_pages.div_ceil(4), "{n_pages} pages");
    }
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_a_fault_with_a_remedy() {
    for refusal in [Reply::new(401, "{}"), Reply::new(200, r#"{"code":401}"#)] {
        let rule = json!([{ "at": "$.code", "equals": 401, "kind": "refresh" }]);
        let city = city_with(login()).await.with(json!({ "fault": rule }));
        let is_first = Arc::new(Mutex::new(true));
        let first = Arc::clone(&is_first);
        city.answer(move |request| {
            let list = match *first.lock().unwrap() {
                true => Reply::new(200, ROWS),
                false => refusal.clone(),
            };
            Some(if request.path == "/login" { token("t0ken") } else { list })
        });
        let mut http = city.http();
        let first = http.read(None, 100).await.unwrap();
        *is_first.lock().unwrap() = false;
        let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
        assert_eq!((fault.kind(), requests(&city, "/login").len()), (FaultKind::Stopped, 2));
        assert!(fault.to_string().contains("`login`"), "{fault}");
    }
}

#[tokio::test]
async fn a_rule_of_the_channel_for_such_a_status_comes_first() {
    let rule = json!([{ "status": 403, "kind": "throttled", "wait": "7s" }]);
    let city = city_with(login()).await.with(json!({ "fault": rule }));
    let mut is_first = true;
    city.answer(move |request| {
        if request.path == "/login" {
            return Some(token("t0ken"));
        }
        Some(Reply::new(if std::mem::take(&mut is_first) { 200 } else { 403 }, ROWS))
    });
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Throttled(Duration::from_secs(7)), "{fault}");
    assert_eq!(requests(&city, "/login").len(), 1, "the rule means no end of the token");
}

#[tokio::test]
async fn a_refused_login_says_why_with_its_code_and_shows_no_secret() {
    let busy =
        json!({ "fault": [{ "at": "$.errcode", "equals": [-1, 45_009], "kind": "transient" }] });
    let rule = json!({ "success": { "at": "$.result", "equals": 1 } });
    let (transient, stopped) = (FaultKind::Transient, FaultKind::Stopped);
    for (more, reply, kind, says) in [
        (
            json!({}),
            Reply::new(200, r#"{"errcode":40001,"errmsg":"invalid credential hunter2"}"#),
            stopped,
            &["no token at $.data.token (status 200)", "\"invalid credential …\" (errcode 40001)"]
                [..],
        ),
        (
            busy.clone(),
            Reply::new(200, r#"{"errcode":-1,"errmsg":"system busy"}"#),
            transient,
            &["-1", "\"system busy\" (errcode -1)"],
        ),
        (busy, Reply::new(200, r#"{"errcode":40001}"#), stopped, &["no token"]),
        (
            rule,
            Reply::new(200, r#"{"result":0,"data":{"token":"t0ken"},"message":"账号或密码错误"}"#),
            stopped,
            &["refuses the login (status 200)", "\"0\" is at $.result", "账号或密码错误"],
        ),
        (json!({}), Reply::new(401, r#"{"msg":"no"}"#), stopped, &["(status 401): \"no\""]),
        (json!({}), Reply::new(404, ""), stopped, &["(status 404)"]),
        (json!({}), Reply::new(503, ""), transient, &["status 503"]),
        (
            json!({}),
            Reply::new(429, "").with("retry-after", "9"),
            FaultKind::Throttled(Duration::from_secs(9)),
            &["429"],
        ),
        (json!({}), Reply::new(200, "<html>t0ken</html>"), stopped, &["no token"]),
        (json!({}), Reply::new(200, r#"{"data":{"token":""}}"#), stopped, &["no token"]),
    ] {
        let mut login = login();
        login.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let city = city_with(login).await;
        let said = String::from_utf8_lossy(&reply.body).into_owned();
        city.answer(move |_| Some(reply.clone()));
        let mut http = city.http();
        let fault = http.read(None, 100).await.unwrap_err();
        assert_eq!(fault.kind(), kind, "{said}: {fault}");
        let shown = format!("{fault} {fault:?}");
        for part in says.iter().copied().chain(["http.login"]) {
            assert!(shown.contains(part), "{part} is not in {shown}");
        }
        assert!(!shown.contains("hunter2") && !shown.contains("t0ken"), "{shown}");
        let exchange = format!("{:?}", http.failed_exchange());
        assert!(!exchange.contains("hunter2") && !exchange.contains("t0ken"), "{exchange}");
        assert!(exchange.contains("/login"), "{exchange}");
        assert!(requests(&city, "/list").is_empty(), "without a login nothing is asked for");
    }
}

#[tokio::test]
async fn a_login_lasts_as_long_as_the_settings_or_the_answer_say() {
    let at = |more: Value| {
        let mut lifetime = json!({ "at": "$.data.end" });
        lifetime.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lifetime
    };
    // The city is at 10:00 UTC, 18:00 in Beijing.
    for (lifetime, end, minutes) in [
        (json!("2h"), json!(null), Some(119)),
        (at(json!({})), json!(7_200), Some(119)),
        (at(json!({})), json!("7200"), Some(119)),
        (at(json!({ "unit": "ms" })), json!(7_200_000), Some(119)),
        (at(json!({ "unit": "m" })), json!(120), Some(119)),
        (at(json!({ "unit": "h" })), json!(2), Some(119)),
        (at(json!({ "format": "%Y-%m-%d %H:%M:%S" })), json!("2026-10-09 20:00:00"), Some(119)),
        (at(json!({ "format": "%Y-%m-%dT%H:%M:%SZ" })), json!("2026-10-09T12:00:00Z"), Some(119)),
        (at(json!({ "format": "%s%3f" })), json!(1_791_547_200_000_u64), Some(119)),
        // A short one is used for half of its time.
        (json!("1m"), json!(null), Some(0)),
        // What is not known ends when the source says so.
        (at(json!({})), json!("soon"), None),
        (at(json!({ "format": "%Y-%m-%d %H:%M:%S" })), json!("2026-10-09 08:00:00"), None),
        (json!(null), json!(7_200), None),
    ] {
        let mut settings = login();
        if !lifetime.is_null() {
            settings["lifetime"] = lifetime.clone();
        }
        let city = city_with(settings).await;
        city.answer(move |request| {
            let answer = json!({ "data": { "token": "t0ken", "end": end } }).to_string();
            Some(Reply::new(200, if request.path == "/login" { answer } else { ROWS.to_owned() }))
        });
        let mut http = city.http();
        let mut at = None;
        let start = city.state().now;
        let mut n_logins = Vec::new();
        let minutes_or_many: i64 = minutes.unwrap_or(100_000);
        for later in [0, minutes_or_many - 1, minutes_or_many + 1] {
            city.state().now = start + TimeDelta::minutes(later.max(0));
            // The answer to a read tells the connector the time.
            for _ in 0..2 {
                at = Some(http.read(at.as_ref(), 100).await.unwrap().upto);
            }
            n_logins.push(requests(&city, "/login").len());
        }
        let expected = if minutes.is_some() { [1, 1, 2] } else { [1, 1, 1] };
        assert_eq!(n_logins, expected, "{lifetime}");
    }
}

/// As mwinteringham/restful-booker-platform#212 describes it: the answer has no token, but sets a cookie.
#[tokio::test]
async fn a_login_may_only_set_cookies_and_is_repeated_when_the_source_shows_its_login_page() {
    let city = city_with(json!({
        "form": { "user": "city" }, "secrets": { "password": "hunter2" },
    }))
    .await;
    let mut n_logins = 0;
    let mut n_lists = 0;
    city.answer(move |request| {
        if request.path == "/login" {
            n_logins += 1;
            let cookie = format!("sid=s{n_logins}; Path=/");
            return Some(Reply::new(302, "").with("location", "/home").with("set-cookie", cookie));
        }
        n_lists += 1;
        let sid = if n_lists < 2 { "sid=s1" } else { "sid=s2" };
        let is_in = request.headers.get("cookie").is_some_and(|cookie| cookie == sid);
        Some(match is_in {
            true => Reply::new(200, ROWS),
            false => Reply::new(302, "").with("location", "/login.html"),
        })
    });
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    // The second read is refused once: its session has ended.
    let second = http.read(Some(&first.upto), 100).await;
    assert!(second.is_ok(), "{second:?}");
    assert_eq!(requests(&city, "/login").len(), 2);

    let city = city_with(json!({ "form": {}, "secrets": { "password": "hunter2" } })).await;
    for (reply, says) in [
        (Reply::new(200, "{}"), "no cookies"),
        (Reply::new(302, "").with("location", "/login?error").with("set-cookie", "a=1"), "refuses"),
    ] {
        city.answer(move |_| Some(reply.clone()));
        let fault = city.read(None).await.unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
}

#[tokio::test]
async fn cookies_of_the_settings_of_the_token_and_of_the_source_are_one_header() {
    let mut settings = login();
    settings["tokens"][0]["put"] = json!({ "cookie": "token" });
    let city = city_with(settings).await.with(json!({ "headers": { "Cookie": "l=zh" } }));
    city.answer(|request| {
        let login = token("t0ken").with("set-cookie", "sid=1");
        Some(if request.path == "/login" { login } else { Reply::new(200, ROWS) })
    });
    let _ = city.read(None).await.unwrap();
    assert_eq!(requests(&city, "/list")[0].headers["cookie"], "l=zh; token=t0ken; sid=1");
}

#[tokio::test]
async fn a_token_goes_to_no_other_host() {
    let other = one_page().await;
    other.answer(|_| Some(Reply::new(200, ROWS)));
    let city = city_with(login()).await.with(json!({ "redirects": [other.url.clone()] }));
    let there = format!("{}/x", other.url);
    city.answer(move |request| {
        let list = Reply::new(302, "").with("location", there.clone());
        Some(if request.path == "/login" { token("t0ken") } else { list })
    });
    let _ = city.read(None).await.unwrap();
    assert!(whole(&requests(&city, "/list")[0]).contains("t0ken"));
    let seen = format!("{:?}", other.state().requests);
    assert!(!seen.contains("t0ken") && !seen.contains("hunter2"), "{seen}");
}

#[tokio::test]
async fn settings_of_a_login_that_cannot_work_say_what_to_write() {
    let place = |token: Value| json!({ "tokens": [token] });
    let put = json!({ "header": "token" });
    let oauth2 = json!({ "token_url": "https://a.example/", "client_id": "c" });
    for (more, says) in [
        (place(json!({ "put": put })), "set `at` or `header`"),
        (place(json!({ "put": put, "at": "$.a", "header": "b" })), "set `at` or `header`"),
        (json!({ "auth": { "oauth2": oauth2 } }), "like `sign` or `basic`"),
        (
            json!({ "auth": { "sign": {
            "algorithm": "hmac_md5", "parts": ["body"], "put": put,
        } } }),
            "set `key`",
        ),
        (
            json!({ "lifetime": { "at": "$.t", "unit": "s", "format": "%s" } }),
            "set `unit` or `format`",
        ),
        (json!({ "lifetime": { "at": "$.t", "format": "yyyy" } }), "%Y-%m-%d"),
        (json!({ "url": "http://upstream.example/login" }), "insecure = true"),
        (json!({ "json": { "password": "hunter2" } }), "as secrets = { password"),
        (json!({ "url": "https://upstream.example/login?password=hunter2" }), "as secrets = {"),
    ] {
        let mut login = login();
        login.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let fault = city_with(login).await.build().err().map(|fault| fault.to_string());
        let fault = fault.unwrap_or_else(|| panic!("{more} was taken"));
        assert!(fault.contains(says) && !fault.contains("hunter2"), "{more}: {fault}");
    }
    for (unknown, says) in
        [(json!({ "tokn": [] }), "tokn"), (json!({ "tokens": [{ "at": "$.a" }] }), "put")]
    {
        let mut login = login();
        login["url"] = "https://a.example/".into();
        login.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
        let all =
            json!({ "url": "https://a.example/", "records": "$", "key": "$.id", "login": login });
        let error = serde_json::from_value::<connector_http::Config>(all).unwrap_err().to_string();
        assert!(error.contains(says), "{unknown}: {error}");
    }
}
