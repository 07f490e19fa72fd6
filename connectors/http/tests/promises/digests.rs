//! HTTP Digest: a challenge is answered once, its nonce is kept, and a refused password is not sent again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use sha2::{Digest as _, Sha256};

use super::{
    logins::{ROWS, requests},
    *,
};
use crate::city::ReceivedRequest;

const PASSWORD: &str = "s3cretWord";

fn settings() -> Value {
    json!({ "auth": { "digest": { "user": "ting", "password": PASSWORD } } })
}

async fn guarded() -> City {
    one_page().await.with(settings())
}

fn challenge(nonce: &str) -> String {
    format!("Digest realm=\"parks\", nonce=\"{nonce}\", algorithm=SHA-256, qop=\"auth\"")
}

fn refusal(challenge: impl Into<String>) -> Reply {
    Reply::new(401, r#"{"msg":"not signed in"}"#).with("www-authenticate", challenge)
}

/// The parameters of the header `Authorization`; `None` without one.
fn answer_of(request: &ReceivedRequest) -> Option<BTreeMap<String, String>> {
    let header = request.headers.get("authorization")?.strip_prefix("Digest ")?;
    let pairs = header.split(", ").filter_map(|pair| pair.split_once('='));
    Some(pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect())
}

/// Whether a request answers the challenge with this nonce, for what was sent.
fn is_right(request: &ReceivedRequest, nonce: &str) -> bool {
    let Some(answer) = answer_of(request) else { return false };
    let part = |name: &str| answer.get(name).cloned().unwrap_or_default();
    let hash = |text: String| hex::encode(Sha256::digest(text));
    let a1 = hash(format!("ting:parks:{PASSWORD}"));
    let a2 = hash(format!("{}:{}", request.method, request.target));
    let (nc, cnonce) = (part("nc"), part("cnonce"));
    part("nonce") == nonce
        && part("uri") == request.target
        && part("response") == hash(format!("{a1}:{nonce}:{nc}:{cnonce}:auth:{a2}"))
}

/// The counts of the requests; empty for those without an answer to a challenge.
fn counts(city: &City) -> Vec<String> {
    let state = city.state();
    let count = |request| answer_of(request).and_then(|mut answer| answer.remove("nc"));
    state.requests.iter().map(|request| count(request).unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_its_nonce_is_kept() {
    let city = guarded().await.with(json!({ "query": { "area": "芜湖 a" } }));
    city.answer(|request| {
        let is_right = is_right(request, "n1");
        // Among other schemes, and in several headers.
        let refusal = refusal("Basic realm=\"Digest\"").with("www-authenticate", challenge("n1"));
        Some(if is_right { Reply::new(200, ROWS) } else { refusal })
    });
    let mut http = city.http();
    http.keep_traces();
    for _ in 0..3 {
        assert_eq!(http.read(None, 100).await.unwrap().entries.len(), 1);
    }
    assert_eq!(counts(&city), ["", "00000001", "00000002", "00000003"]);
    let sent = format!("{:?}", city.state().requests);
    assert!(!sent.contains(PASSWORD), "{sent}");
    let shown = format!("{:?} {http:?}", http.traces());
    assert!(shown.contains("ting:parks:‹password›") && !shown.contains(PASSWORD), "{shown}");
    let head = http.traces()[1].head();
    assert!(head.contains("signed: digest") && head.contains("algorithm: SHA-256"), "{head}");
    let response = answer_of(&city.state().requests[1]).unwrap()["response"].clone();
    assert!(!shown.contains(&response), "{shown}");
}

#[tokio::test]
async fn a_body_is_sent_again_with_the_answer() {
    let city = guarded().await.with(json!({ "json": { "area": "a" } }));
    city.answer(|request| {
        let is_right = is_right(request, "n1");
        Some(if is_right { Reply::new(200, ROWS) } else { refusal(challenge("n1")) })
    });
    assert_eq!(city.read(None).await.unwrap().entries.len(), 1);
    let bodies: Vec<_> = city.state().requests.iter().map(|request| request.body.clone()).collect();
    assert_eq!(bodies, vec![br#"{"area":"a"}"#.to_vec(); 2]);
}

#[tokio::test]
async fn a_refused_password_is_sent_once_for_all_values() {
    let each = json!({ "param": "area", "values": ["a", "b", "c"] });
    for has_new_nonce in [true, false] {
        let city = guarded().await.with(json!({ "each": each }));
        let mut n = 0;
        city.answer(move |_| {
            n += usize::from(has_new_nonce);
            Some(refusal(challenge(&format!("n{n}"))))
        });
        let fault = city.read(None).await.unwrap_err();
        let text = fault.to_string();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        for says in ["http.auth", "401", "not signed in", "check the secrets"] {
            assert!(text.contains(says), "{says}: {text}");
        }
        assert_eq!(counts(&city), ["", "00000001"]);
    }
}

#[tokio::test]
async fn a_nonce_that_has_ended_is_no_refusal() {
    for stale in [", stale=true", ""] {
        let city = guarded().await;
        let nonce = Arc::new(Mutex::new("n1"));
        let current = Arc::clone(&nonce);
        city.answer(move |request| {
            let nonce = *current.lock().unwrap();
            let is_right = is_right(request, nonce);
            let refusal = refusal(format!("{}{stale}", challenge(nonce)));
            Some(if is_right { Reply::new(200, ROWS) } else { refusal })
        });
        let mut http = city.http();
        let _ = http.read(None, 100).await.unwrap();
        *nonce.lock().unwrap() = "n2";
        let _ = http.read(None, 100).await.unwrap();
        assert_eq!(counts(&city), ["", "00000001", "00000002", "00000001"], "{stale}");
    }
}

#[tokio::test]
async fn a_source_whose_nonces_are_all_stale_is_asked_again_later() {
    let city = guarded().await;
    let mut n = 0;
    city.answer(move |_| {
        n += 1;
        Some(refusal(format!("{}, stale=true", challenge(&format!("n{n}")))))
    });
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
    assert_eq!(counts(&city), ["", "00000001", "00000001"]);
}

#[tokio::test]
async fn the_next_nonce_is_used_if_the_source_names_one() {
    let city = guarded().await;
    let mut n = 0;
    city.answer(move |request| {
        if !is_right(request, &format!("n{n}")) {
            return Some(refusal(challenge(&format!("n{n}"))));
        }
        n += 1;
        Some(Reply::new(200, ROWS).with("authentication-info", format!("nextnonce=\"n{n}\"")))
    });
    let mut http = city.http();
    for _ in 0..3 {
        let _ = http.read(None, 100).await.unwrap();
    }
    assert_eq!(counts(&city), ["", "00000001", "00000001", "00000001"]);
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_at_once_with_a_remedy() {
    for (header, says) in [
        ("Basic realm=\"parks\"", "write `basic` in the place of `digest`"),
        ("Negotiate", "the source offers \"Negotiate\""),
        ("Digest realm=\"a\", nonce=\"n\", algorithm=SHA-512-256", "algorithm is"),
        ("", "sends no challenge"),
    ] {
        let city = guarded().await;
        city.answer(move |_| Some(refusal(header)));
        let fault = city.read(None).await.unwrap_err();
        assert!(fault.is_stopped() && fault.to_string().contains(says), "{header}: {fault}");
        assert_eq!(counts(&city), [""], "{header}");
        assert!(!city.state().requests[0].headers.contains_key("authorization"), "{header}");
    }
    let login = json!({ "url": "https://a.example/login", "auth": settings()["auth"] });
    let fault = one_page().await.with(json!({ "login": login })).build().err().unwrap();
    assert!(fault.to_string().contains("answer a challenge"), "{fault}");
}

#[tokio::test]
async fn a_user_and_a_realm_that_are_not_ascii_are_sent_in_utf_8() {
    for (charset, name) in
        [("", "username=\"停车\""), (", charset=UTF-8", "username*=UTF-8''%E5%81%9C%E8%BD%A6")]
    {
        let settings = json!({ "auth": { "digest": { "user": "停车", "password": PASSWORD } } });
        let city = one_page().await.with(settings);
        let refusal = refusal(format!("Digest realm=\"公园\", nonce=\"n1\"{charset}"));
        city.answer(move |request| {
            let sent = request.headers.get("authorization").cloned().unwrap_or_default();
            let is_right = sent.starts_with(&format!("Digest {name}, realm=\"公园\", "));
            Some(if is_right { Reply::new(200, ROWS) } else { refusal.clone() })
        });
        assert_eq!(city.read(None).await.unwrap().entries.len(), 1, "{charset}");
    }
}

#[tokio::test]
async fn a_challenge_that_is_too_long_is_refused_as_such() {
    let city = guarded().await;
    city.answer(|_| Some(refusal(format!("{}, x=\"{}\"", challenge("n1"), "a".repeat(16_384)))));
    let fault = city.read(None).await.unwrap_err();
    assert!(fault.is_stopped() && fault.to_string().contains("longer than 16 KiB"), "{fault}");
    assert_eq!(counts(&city), [""]);
}

/// The answer covers the address: that of the redirect is another one.
#[tokio::test]
async fn a_redirect_on_the_same_host_gets_an_answer_of_its_own() {
    let city = guarded().await;
    city.answer(|request| {
        let moved = Reply::new(301, "").with("location", "/list/?page=1");
        Some(match request.path.as_str() {
            "/list" => moved,
            _ if is_right(request, "n1") => Reply::new(200, ROWS),
            _ => refusal(challenge("n1")),
        })
    });
    assert_eq!(city.read(None).await.unwrap().entries.len(), 1);
    assert_eq!(counts(&city), ["", "", "00000001", "00000002"]);
}

#[tokio::test]
async fn another_host_gets_no_answer_even_if_it_sends_a_challenge() {
    let other = one_page().await;
    other.answer(|_| Some(refusal(challenge("theirs"))));
    let there = format!("{}/x", other.url);
    let city = guarded().await.with(json!({ "redirects": [other.url.clone()] }));
    city.answer(move |_| Some(Reply::new(302, "").with("location", there.clone())));
    let fault = city.read(None).await.unwrap_err();
    assert!(fault.is_stopped(), "{fault}");
    for city in [&city, &other] {
        let state = city.state();
        assert!(state.requests.iter().all(|one| !one.headers.contains_key("authorization")));
        assert_eq!(state.requests.len(), 1);
    }
}

#[tokio::test]
async fn the_answer_covers_the_token_of_a_login_which_is_not_shown() {
    let login = json!({
        "json": { "user": "ting" }, "secrets": { "password": "hunter2" },
        "tokens": [{ "at": "$.token", "put": { "param": "ticket" } }],
    });
    let city = super::logins::city_with(login).await.with(settings());
    city.answer(|request| {
        Some(match request.path.as_str() {
            "/login" => Reply::new(200, r#"{"code":0,"token":"t0kenFetched"}"#),
            _ if is_right(request, "n1") => Reply::new(200, ROWS),
            _ => refusal(challenge("n1")),
        })
    });
    let mut http = city.http();
    http.keep_traces();
    assert_eq!(http.read(None, 100).await.unwrap().entries.len(), 1);
    let lists = requests(&city, "/list");
    assert_eq!((lists.len(), requests(&city, "/login").len()), (2, 1));
    assert!(lists.iter().all(|list| list.target.ends_with("ticket=t0kenFetched")));
    let shown = format!("{:?}", http.traces());
    assert!(!shown.contains("t0kenFetched") && shown.contains("GET:/list?"), "{shown}");
}
