//! Test vectors of the platforms, and the secrets that must be fetched.

use chrono::TimeDelta;
use contract::FaultKind;
use serde_json::{Value, json};

use super::*;

mod fetched;
mod generic;
mod vectors;

/// When the test vectors of the national platforms were signed, in seconds since 1970.
const SIGNED_AT: i64 = 1_760_000_000;

fn context() -> SigningContext {
    let now = Timestamp::from_timestamp(SIGNED_AT, 0).unwrap();
    SigningContext { now, nonce: *b"\xa1\xb2\xc3\x04567890123456" }
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
