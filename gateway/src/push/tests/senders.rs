//! Senders that sign, and what their platforms ask and expect.

use chrono::TimeDelta;
use connector_wire::guard::Guard;
use serde_json::Value;

use super::*;

const KEY: &str = "kept-between-us-2";

/// A listener whose channel has these settings.
async fn listener(mut settings: Value) -> (TestListener, Arc<Signatures>) {
    settings["key"] = json!("$.id");
    let guard: Guard = serde_json::from_value(settings["auth"].clone()).unwrap();
    let signatures = Arc::new(Signatures::new(TimeDelta::seconds(300), guard.is_used_once()));
    let kept = Some(Arc::clone(&signatures));
    (listener_of(settings, kept, 1 << 20, Timeouts::default()).await, signatures)
}

/// A digest of the time and the key, with or without the body.
fn settings(parts: Value) -> Value {
    json!({ "auth": { "sign": {
        "algorithm": "sha256", "parts": parts, "signature": { "param": "digest" },
        "timestamp": { "from": { "param": "time" } },
    } } })
}

fn without_body() -> Value {
    settings(json!([{ "secret": KEY }, "timestamp"]))
}

fn with_body() -> Value {
    settings(json!([{ "secret": KEY }, "timestamp", "body"]))
}

/// The signature of a request that was signed so many seconds ago, and its query.
fn signed(seconds_ago: i64, body: &str) -> (String, String) {
    let time = clock::now().timestamp() - seconds_ago;
    let digest = hex::encode(Sha256::digest(format!("{KEY}{time}{body}")));
    let query = format!("time={time}&digest={digest}");
    (digest, query)
}

fn request(method: &str, query: &str, body: &str) -> String {
    format!(
        "{method} /intake/mobile?{query} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_signature_that_was_used_a_minute_ago_serves_for_no_other_body() {
    let (listener, signatures) = listener(without_body()).await;
    let TestListener { address, inbox, listener, refused, .. } = listener;
    let (taken, forged) = (r#"[{"id":1},{"id":2}]"#, r#"{"id":1}"#);
    let (signature, query) = signed(61, "");
    let minute_ago = clock::now() - TimeDelta::seconds(61);
    signatures.remember(&signature, digest(&head(), taken.as_bytes()), 2, minute_ago);
    beside(listener, async {
        let answer = send(address, &request("POST", &query, taken)).await;
        assert!(answer.ends_with(r#"{"accepted":2}"#), "{answer}");
        let answer = send(address, &request("POST", &query, forged)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(answer.contains("sign each request anew"), "{answer}");
        let upper = query.replace(&signature, &signature.to_uppercase());
        let answer = send(address, &request("POST", &upper, forged)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "written in another way: {answer}");
        assert!(inbox.ends_at(0), "none is taken");
        assert_eq!(refused.count(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_signed_as_the_settings_say_is_refused() {
    let (listener, _) = listener(with_body()).await;
    let TestListener { address, inbox, mut webhook, listener, refused, .. } = listener;
    beside(listener, async {
        let body = r#"{"id":1}"#;
        let (digest, right) = signed(0, body);
        for (query, body) in [
            (right.clone(), r#"{"id":2}"#),
            (right.clone(), r#"{"id": 1}"#),
            (signed(301, body).1, body),
            (signed(-302, body).1, body),
            (right.replace("digest=", "sign="), body),
            (format!("digest={digest}"), body),
            (String::new(), body),
        ] {
            let answer = send(address, &request("POST", &query, body)).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{query} {body}: {answer}");
            assert!(answer.contains("there is no push channel with this name"), "{answer}");
        }
        assert!(inbox.ends_at(0), "none is taken");
        assert_eq!(refused.count(), 7);
        let right = request("POST", &right, body);
        let (answer, ()) = tokio::join!(send(address, &right), settle_all(&mut webhook));
        assert!(answer.ends_with(r#"{"accepted":1}"#), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_was_not_taken_may_come_again_with_its_signature() {
    let timeouts = Timeouts { custody: Duration::from_millis(50), ..Timeouts::default() };
    let mut settings = with_body();
    settings["key"] = json!("$.id");
    let signatures = Some(Arc::new(Signatures::new(TimeDelta::seconds(300), true)));
    let TestListener { address, mut webhook, listener, .. } =
        listener_of(settings, signatures, 1 << 20, timeouts).await;
    beside(listener, async {
        let body = r#"{"id":1}"#;
        let again = request("POST", &signed(20, body).1, body);
        assert!(send(address, &again).await.starts_with("HTTP/1.1 503"));
        settle_all(&mut webhook).await;
        let (answer, ()) = tokio::join!(send(address, &again), settle_all(&mut webhook));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    })
    .await;
}

#[tokio::test]
async fn a_signed_request_that_comes_again_is_told_the_same_and_nothing_is_taken() {
    let (listener, _) = listener(with_body()).await;
    let TestListener { address, inbox, mut webhook, listener, .. } = listener;
    beside(listener, async {
        let body = r#"{"id":1}"#;
        let signed = request("POST", &signed(0, body).1, body);
        let (answer, ()) = tokio::join!(send(address, &signed), settle_all(&mut webhook));
        assert!(answer.ends_with(r#"{"accepted":1}"#), "{answer}");
        // At once, and nobody settles: what is in custody is not taken again.
        let again = send(address, &signed).await;
        assert!(again.starts_with("HTTP/1.1 200"), "{again}");
        assert!(again.ends_with(r#"{"accepted":1}"#), "{again}");
        // What the signature does not cover, and what changes how the body is read, makes it another request.
        let forged = signed.replace("Host: h", "Host: h\r\nContent-Type: text/xml");
        let answer = send(address, &forged).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(inbox.ends_at(1), "one record was taken, once");
    })
    .await;
}

#[tokio::test]
async fn a_challenge_with_get_is_answered_to_who_is_authentic_and_nothing_else_is() {
    let mut settings = without_body();
    settings["challenge"] = json!({ "param": "echostr" });
    let (listener, signatures) = listener(settings).await;
    let TestListener { address, inbox, listener, refused, .. } = listener;
    beside(listener, async {
        let (signature, right) = signed(0, "");
        let answer = send(address, &request("GET", &format!("{right}&echostr=58384"), "")).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("content-type: text/plain; charset=utf-8\r\n"), "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n58384"), "{answer}");
        let html = format!("{right}&echostr=%3Cb%3E");
        assert!(send(address, &request("GET", &html, "")).await.starts_with("HTTP/1.1 400"));
        // Who is not authentic is told the same as where there is no challenge, and no channel.
        for (method, query) in [
            ("GET", "echostr=58384".to_owned()),
            ("GET", format!("{}&echostr=58384", signed(400, "").1)),
            ("GET", format!("{}&echostr=58384", right.replace("digest=", "digest=00"))),
            ("GET", right.clone()),
            ("PUT", format!("{right}&echostr=58384")),
        ] {
            let answer = send(address, &request(method, &query, "")).await;
            assert!(answer.starts_with("HTTP/1.1 405"), "{method} {query}: {answer}");
            assert!(answer.contains("allow: POST\r\n"), "{answer}");
            assert!(!answer.contains("58384"), "{answer}");
        }
        let unknown = request("GET", &format!("{right}&echostr=58384"), "");
        let unknown = send(address, &unknown.replace("mobile", "hotline")).await;
        assert!(unknown.starts_with("HTTP/1.1 405"), "{unknown}");
        assert_eq!(refused.count(), 3);
        assert!(inbox.ends_at(0), "nothing was taken");
        let later = clock::now() + TimeDelta::seconds(20);
        let known = signatures.look_up(&signature, &[0; 32], later);
        assert_eq!(known, Known::Replayed, "its signature serves for no records");
    })
    .await;
}

#[tokio::test]
async fn a_challenge_in_a_body_is_answered_by_its_signature_or_by_its_own_token() {
    let when = json!({ "type": "url_verification" });
    let token = json!({ "name": "token", "value": "known-to-the-platform" });
    let challenge = |token: &str| {
        json!({ "challenge": "ajls384", "token": token, "type": "url_verification" }).to_string()
    };
    for (form, body, is_signed, status) in [
        (json!({ "member": "challenge", "when": when }), challenge("any"), true, 200),
        (json!({ "member": "challenge", "when": when }), challenge("any"), false, 401),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            challenge("known-to-the-platform"),
            false,
            200,
        ),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            challenge("guess"),
            false,
            401,
        ),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            challenge("guess"),
            true,
            401,
        ),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            r#"{"id":1,"token":"known-to-the-platform"}"#.to_owned(),
            false,
            401,
        ),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            challenge(&"x".repeat(5_000)),
            false,
            401,
        ),
        (
            json!({ "member": "challenge", "when": when, "token": token }),
            challenge("known-to-the-platform").replace("ajls384", "<b>"),
            false,
            400,
        ),
    ] {
        let mut settings = with_body();
        settings["challenge"] = form.clone();
        let (listener, _) = listener(settings).await;
        let TestListener { address, inbox, listener, .. } = listener;
        beside(listener, async {
            let query = if is_signed { signed(0, &body).1 } else { String::new() };
            let answer = send(address, &request("POST", &query, &body)).await;
            let begins = answer.starts_with(&format!("HTTP/1.1 {status}"));
            assert!(begins, "{form} {body} {is_signed}: {answer}");
            if status == 200 {
                assert!(answer.contains("content-type: application/json\r\n"), "{answer}");
                assert!(answer.ends_with(r#"{"challenge":"ajls384"}"#), "{answer}");
            }
            assert!(inbox.ends_at(0), "nothing was taken");
        })
        .await;
    }
}

#[tokio::test]
async fn a_sender_is_told_what_its_platform_expects_only_when_its_records_are_in_custody() {
    for (answer, content_type, body) in [
        (json!({ "json": { "code": 0 } }), "application/json", r#"{"code":0}"#),
        (json!({ "text": "success" }), "text/plain; charset=utf-8", "success"),
        (json!({ "xml": "<ok/>" }), "text/xml; charset=utf-8", "<ok/>"),
    ] {
        let (listener, _) =
            listener(json!({ "auth": { "bearer": "t0ken" }, "answer": answer })).await;
        let TestListener { address, inbox, mut webhook, listener, .. } = listener;
        beside(listener, async {
            for (token, sent, status) in [("wrong", "{}", 401), ("t0ken", "id=1", 400)] {
                let sent = super::request("/intake/mobile", token, sent);
                let refusal = send(address, &sent).await;
                assert!(refusal.starts_with(&format!("HTTP/1.1 {status}")), "{refusal}");
                assert!(refusal.contains("content-type: application/problem+json"), "{refusal}");
            }
            let mut sending = Box::pin(push(address, r#"{"id":1}"#));
            tokio::select! {
                answer = &mut sending => panic!("answered too early: {answer}"),
                () = inbox.wait_after(0) => {}
            }
            settle_all(&mut webhook).await;
            let answer = sending.await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            let expected = format!("content-type: {content_type}\r\n");
            assert!(answer.contains(&expected), "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        })
        .await;
    }
}
