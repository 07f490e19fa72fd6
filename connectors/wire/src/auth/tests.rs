//! Vectors of the platforms, and what happens to secrets that have to be fetched.

use chrono::TimeDelta;
use contract::FaultKind;
use serde_json::{Value, json};

use super::*;

mod fetched;
mod generic;
mod vectors;

/// When the vectors of the national platforms were signed: 1 760 000 000 s.
const WHEN: i64 = 1_760_000_000;

fn context() -> SigningContext {
    let now = Timestamp::from_timestamp(WHEN, 0).unwrap();
    SigningContext { now, nonce: *b"\xa1\xb2\xc3\x04567890123456" }
}

/// A scheme from its settings.
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

/// No step of a trace may show any of these.
fn hides(trace: &SigningSteps, secrets: &[&str]) {
    let shown = format!("{trace:?}");
    for secret in secrets {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
    }
}
