//! Secrets are for the origin in `url` alone, whatever an answer, a part or an acknowledgement names.

use super::{logins::token, *};

const SECRET: &str = "s3cret/Key+1";
const ROWS: &str = r#"{"code":0,"rows":[{"id":"b"}]}"#;

fn api_key() -> Value {
    json!({ "auth": { "api_key": { "param": "apikey", "key": SECRET } } })
}

/// A host in `redirects`.
async fn other_host() -> City {
    let other = one_page().await;
    other.answer(|_| Some(Reply::new(200, ROWS)));
    other
}

/// A channel with a parameter of its own that may be redirected to `other`.
async fn city_beside(other: &City, settings: Value) -> City {
    let redirects = json!({ "redirects": [other.url.clone()], "query": { "own": "1" } });
    one_page().await.with(redirects).with(settings)
}

#[tokio::test]
async fn a_redirect_that_repeats_the_query_carries_no_secret_to_another_host() {
    let sign = json!({ "auth": { "sign": {
        "algorithm": "md5", "parts": ["timestamp", { "secret": SECRET }], "put": { "param": "sig" },
        "timestamp": { "put": { "param": "ts" }, "unit": "s" },
        "send": [{ "secret": SECRET, "put": { "param": "app" } }],
    } } });
    let login = json!({ "login": {
        "json": {}, "secrets": { "password": "hunter2" },
        "tokens": [{ "at": "$.data.token", "put": { "param": "tok" } }],
    } });
    for (mut settings, names) in
        [(api_key(), &["apikey"][..]), (sign, &["sig", "ts", "app"]), (login, &["tok"])]
    {
        for changes_case in [false, true] {
            let other = other_host().await;
            let city = city_beside(&other, json!({})).await;
            if let Some(login) = settings.get_mut("login") {
                login["url"] = format!("{}/login", city.url).into();
            }
            let city = city.with(settings.clone());
            let there = other.url.clone();
            city.answer(move |request| {
                if request.path == "/login" {
                    return Some(token(SECRET));
                }
                let target = match changes_case {
                    true => request.target.replace("apikey", "ApiKey").replace("tok", "TOK"),
                    false => request.target.clone(),
                };
                Some(Reply::new(301, "").with("location", format!("{there}{target}")))
            });
            let mut http = city.http();
            http.keep_traces();
            let batch = http.read(None, 100).await.unwrap();
            assert_eq!(keys_of(&batch.entries), set(&["b"]), "{settings}");
            let sent = city.state().requests.last().unwrap().query.clone();
            assert!(names.iter().all(|name| sent.contains_key(*name)), "{settings}: {sent:?}");
            assert_eq!(other.state().requests[0].target, "/list?own=1", "{settings}");
            let head = http.traces().last().unwrap().head();
            let followed = format!("↪ 301 {}/list → {}/list?own=1", city.url, other.url);
            assert!(head.contains(&followed) && !head.contains("s3cret"), "{head}");
        }
    }
}

#[tokio::test]
async fn an_address_on_another_host_that_repeats_a_secret_is_not_asked_for() {
    let next = json!({ "page": { "kind": "next", "at": "$.next" } });
    let link = json!({ "page": { "kind": "link" } });
    for (settings, by) in [(json!({}), "redirect"), (next, "next"), (link, "link")] {
        for repeated in [
            "/list/s3cret%2FKey%2B1",
            "/list?z=s3cret/Key%2b1",
            "/list?z=%73%33cret/Key%2B1&own=1",
            "/list?z=http%3A%2F%2Fa%2F%3Fapikey%3Ds3cret%252FKey%252B1",
            "/list?z=czNjcmV0L0tleSsx",
        ] {
            let other = other_host().await;
            let city = city_beside(&other, api_key()).await.with(settings.clone());
            let there = format!("{}{repeated}", other.url);
            city.answer(move |_| {
                let body = json!({ "code": 0, "rows": [{ "id": "a" }], "next": there });
                Some(match by {
                    "redirect" => Reply::new(302, "").with("location", there.clone()),
                    "next" => Reply::new(200, body.to_string()),
                    _ => Reply::new(200, r#"{"code":0,"rows":[{"id":"a"}]}"#)
                        .with("link", format!("<{there}>; rel=\"next\"")),
                })
            });
            let mut http = city.http();
            let first = http.read(None, 1).await;
            let fault = match first {
                Ok(first) => http.read(Some(&first.upto), 100).await.unwrap_err(),
                Err(fault) => fault,
            };
            let text = fault.to_string();
            assert_eq!(fault.kind(), FaultKind::Stopped, "{by} {repeated}: {text}");
            assert!(text.contains("127.0.0.1 repeats a secret of this channel"), "{text}");
            assert!(!text.contains("s3cret") && !text.contains("czNj"), "{text}");
            assert!(other.state().requests.is_empty(), "{by} {repeated}");
        }
    }
}

#[tokio::test]
async fn a_next_page_on_another_host_repeats_no_parameter_with_a_secret_in_any_case() {
    let other = other_host().await;
    let city = city_beside(&other, api_key()).await;
    let city = city.with(json!({ "page": { "kind": "next", "at": "$.next" } }));
    let there = format!("{}/more?APIKEY=s3cret/Key%2B1&page=2", other.url);
    city.answer(move |_| {
        let body = json!({ "code": 0, "rows": [{ "id": "a" }], "next": there });
        Some(Reply::new(200, body.to_string()))
    });
    let (entries, at) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a", "b"]));
    assert_eq!(other.state().requests[0].target, "/more?page=2");
    assert!(!at.as_str().contains("s3cret"));
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_its_query() {
    let city = one_page().await.with(api_key());
    city.answer(|request| {
        let moved = request.target.replace("/list", "/moved");
        Some(match request.path.as_str() {
            "/list" => Reply::new(301, "").with("location", moved),
            _ => Reply::new(200, ROWS),
        })
    });
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["b"]));
    assert_eq!(city.state().requests[1].query["apikey"], SECRET);
}

#[tokio::test]
async fn a_part_or_an_acknowledgement_on_another_host_gets_no_credential() {
    let other = other_host().await;
    let part = json!({ "part": [{
        "name": "d", "url": format!("{}/part", other.url), "params": { "id": "$.id" },
    }] });
    let ack = json!({ "ack": { "url": format!("{}/ack", other.url), "param": "ids", "json": {} } });
    let bearer = json!({ "auth": { "bearer": SECRET } });
    for (settings, setting) in [(part, "part"), (ack, "ack")] {
        other.state().requests.clear();
        let city = one_page().await.with(settings.clone());
        city.answer(|_| Some(Reply::new(200, r#"{"code":0,"rows":[{"id":"a"}]}"#)));
        // Without credentials, there is nothing to keep from it.
        assert!(city.build().is_ok());
        let city = city.with(bearer.clone());
        let fault = city.build().unwrap_err().to_string();
        let says = format!("add \"{}\" to `redirects`", other.url);
        assert!(fault.contains(setting) && fault.contains(&says), "{fault}");
        let city = city.with(json!({ "redirects": [other.url.clone()] }));
        let _ = city.entries(None, 100).await;
        let sent = other.state().requests.clone();
        assert!(!sent.is_empty() && !format!("{sent:?}").contains("s3cret"), "{sent:?}");
        assert!(format!("{:?}", city.state().requests).contains("s3cret"));
    }
}
