//! Signatures that the settings describe, as platforms make them. Another program has made the digests.

use serde_json::{Value, json};

use super::*;

mod platforms;
mod settings;
mod several;
mod times;

use self::{
    platforms::{Platform, dingtalk, feishu, github, wechat},
    several::{several, with_id},
};

/// The second in which all of them were made.
const MADE_AT: i64 = 1_764_547_200;
const KEY: &str = "kept-between-us-2";
const BODY: &str = r#"{"id": 7, "t" : "小区"}"#;

fn guard(mut settings: Value, more: &Value) -> Guard {
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(json!({ "sign": settings })).unwrap()
}

/// What is said of a request that comes so many milliseconds later; its headers are lines.
fn said(
    guard: &Guard,
    query: &str,
    headers: &str,
    body: &[u8],
    later: i64,
) -> Result<Option<String>, &'static str> {
    let mut request = http::Request::post(format!("/intake/app?{query}"));
    for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")) {
        request = request.header(name.trim_start(), value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    let now = DateTime::from_timestamp_millis(MADE_AT * 1_000 + later).unwrap();
    guard.admit(&head, now).and_then(|()| guard.verify(&head, body))
}

#[test]
fn a_signature_in_a_query_may_have_a_plus_that_was_not_encoded() {
    let Platform(settings, ..) = dingtalk();
    let from = json!({ "from": { "param": "timestamp" }, "unit": "ms" });
    let guard = guard(settings, &json!({ "signature": { "param": "sign" }, "timestamp": from }));
    for sign in [
        "74rOkM2qU82LAcNI5mW/08QBehxCOI+Ez8kI7TRk8FA=",
        "74rOkM2qU82LAcNI5mW%2F08QBehxCOI%2BEz8kI7TRk8FA%3D",
    ] {
        let query = format!("timestamp=1764547200000&sign={sign}");
        assert!(said(&guard, &query, "", b"", 0).is_ok(), "{sign}");
    }
}

#[test]
fn parts_are_sorted_by_their_bytes_and_equal_ones_all_count() {
    let Platform(settings, ..) = wechat();
    for (nonce, signature) in [
        ("1764547200", "97452098f2796a177fbc22616195ab94e81c877d"),
        ("Zz9", "7290699d49795c386954d0225a0d51818ffc4a9f"),
    ] {
        let query = format!("signature={signature}&timestamp=1764547200&nonce={nonce}");
        assert!(said(&guard(settings.clone(), &json!({})), &query, "", b"", 0).is_ok(), "{nonce}");
    }
}

#[test]
fn a_body_is_not_parsed_for_its_signature() {
    let parts = json!([{ "secret": KEY }, { "param": "id" }, "timestamp"]);
    let Platform(settings, query, _) = wechat();
    let guard = guard(settings, &json!({ "parts": parts, "sort": false, "nonce": null }));
    guard.check().unwrap();
    let headers = "content-type: application/json";
    let said = said(&guard, query, headers, BODY.as_bytes(), 0);
    assert_eq!(said, Err("a header or parameter that is signed is missing"));
}

#[test]
fn a_body_is_signed_byte_for_byte_and_not_as_others_would_write_it_again() {
    let github = guard(github().0, &json!({}));
    for (body, signature, others) in [
        (
            &b"{ \"n\" : 1.0, \"t\":\"\\u5c0f/\\/\", \"a\":1e2 }\r\n"[..],
            "6dc049a93082259b76e43089b98343c9fc900d1abb4d49d5d3cc926b1d5b42d3",
            &[
                "{ \"n\" : 1.0, \"t\":\"\\u5c0f/\\/\", \"a\":1e2 }",
                r#"{"n":1.0,"t":"小//","a":100}"#,
            ][..],
        ),
        (
            b"\xef\xbb\xbf{\"id\":7}",
            "78e957b1bcd69fca05aa05d98842aaa718cc9c5c6cfbc546da97c423254c6ac9",
            &[r#"{"id":7}"#],
        ),
        (
            b"{\"t\":\"\xd0\xa1\xc7\xf8\"}",
            "63335d26ddff598d1606e5d8dd36df47450232a2db522fa1a4b0a6edf65af567",
            &[r#"{"t":"小区"}"#, "{\"t\":\"\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"}"],
        ),
        (b"", "292f62c78cc64a233418c459fa6211e9375629628fdd9a67fe8365d1d68cbef2", &["{}", "null"]),
    ] {
        let headers = format!("x-hub-signature-256: sha256={signature}");
        assert_eq!(said(&github, "", &headers, body, 0), Ok(None), "{signature}");
        for other in others {
            let said = said(&github, "", &headers, other.as_bytes(), 0);
            assert_eq!(said, Err("the signature is wrong"), "{other}");
        }
    }
}

#[test]
fn a_signature_is_used_once_if_it_covers_a_time_and_the_body_or_a_nonce() {
    for (settings, is_used_once) in [
        (github().0, false),
        (dingtalk().0, false),
        (wechat().0, true),
        (feishu().0, true),
        (several(), true),
        (with_id(), true),
    ] {
        assert_eq!(guard(settings.clone(), &json!({})).is_used_once(), is_used_once, "{settings}");
    }
    assert!(!x_bg().is_used_once());
}
