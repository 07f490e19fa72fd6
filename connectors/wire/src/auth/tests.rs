//! Test vectors of the platforms, and the secrets that must be fetched.

use chrono::TimeDelta;
use contract::FaultKind;
use serde_json::{Value, json};

use super::*;

mod fetched;
mod forms;
mod generic;
mod vectors;

/// When the test vectors of the national platforms were signed, in seconds since 1970.
const SIGNED_AT: i64 = 1_760_000_000;

fn context() -> SigningContext {
    let now = Timestamp::from_timestamp(SIGNED_AT, 0).unwrap();
    let zone = chrono_tz::Asia::Shanghai;
    SigningContext { now, nonce: *b"\xa1\xb2\xc3\x04567890123456", zone }
}

/// Parses the settings of a scheme.
fn scheme(settings: Value) -> Scheme {
    serde_json::from_value(settings).unwrap()
}

fn auth(settings: Value) -> Auth {
    Auth::build(scheme(settings)).unwrap()
}

fn post(path: &str, content_type: &str, body: &str) -> Request {
    Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        headers: vec![("Content-Type".to_owned(), content_type.to_owned())],
        body: body.as_bytes().to_vec(),
        ..Request::default()
    }
}

fn json_post(path: &str, body: &str) -> Request {
    post(path, "application/json", body)
}

fn text(body: &[u8]) -> &str {
    str::from_utf8(body).unwrap()
}

/// Checks that the steps show none of these secrets.
fn assert_hides(steps: &SigningSteps, secrets: &[&str]) {
    let shown = format!("{steps:?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}

#[test]
fn a_text_of_a_source_shows_no_secret_in_use_in_any_form() {
    for (settings, forms) in [
        (json!({ "bearer": "s3cretToken" }), &["Bearer s3cretToken", "czNjcmV0VG9rZW4="][..]),
        (
            json!({ "basic": { "user": "c", "password": "s3cretWord" } }),
            &["Basic YzpzM2NyZXRXb3Jk", "s3cretWord"],
        ),
        (
            json!({ "api_key": { "param": "k", "key": "s3cret/Key" } }),
            &["s3cret/Key", "s3cret%2FKey"],
        ),
        (
            json!({ "oauth2": {
                "token_url": "https://a.example/", "client_id": "c", "client_secret": "s3cretWord",
            } }),
            &["YzpzM2NyZXRXb3Jk", "t0kenFetched"],
        ),
        (json!({ "body_token": { "field": "t", "token": "s3cretToken" } }), &["s3cretToken"]),
        (json!({ "digest": { "user": "c", "password": "s3cretWord" } }), &["s3cretWord"]),
        (
            json!({ "ws_security": { "user": "tinguser", "password": "s3cret<密" } }),
            &["tinguser", "s3cret<密", "s3cret&#60;&#23494;"],
        ),
    ] {
        let mut auth = auth(settings);
        let answer = br#"{"access_token":"t0kenFetched"}"#;
        auth.read_token(200, answer, context().now).unwrap();
        for form in forms {
            let shown = auth.hide(&format!("denied: {form} of /list"));
            let secret = form.trim_start_matches("Bearer ").trim_start_matches("Basic ");
            assert!(!shown.contains(secret) && shown.ends_with("… of /list"), "{shown}");
        }
    }
    let auth = auth(json!({ "bearer": "s3cretToken" }));
    assert_eq!(auth.hide("\"denied: Bearer s3cretT…\""), "\"denied: Bearer …\"");
    assert_eq!(auth.hide("路灯…坏了"), "路灯…坏了");
}
