//! WS-Security: user and password in the header of a SOAP envelope, and how a source refuses them.

use super::{
    logins::{ROWS, city_with, requests},
    *,
};
use crate::city::ReceivedRequest;

const ENVELOPE: &str = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><list/></s:Body></s:Envelope>";

fn with_auth(more: &Value) -> Value {
    let mut auth = json!({ "user": "tinguser", "password": "s3cret<Word" });
    auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "auth": { "ws_security": auth }, "body": ENVELOPE })
}

async fn guarded(more: Value) -> City {
    one_page().await.with(with_auth(&more))
}

/// What a body has between these two texts.
fn between<'a>(body: &'a str, start: &str, end: &str) -> &'a str {
    let rest = body.split_once(start).map_or("", |(_, rest)| rest);
    rest.split_once(end).map_or("", |(value, _)| value)
}

fn body(request: &ReceivedRequest) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

#[tokio::test]
async fn each_request_has_a_nonce_of_its_own_and_the_time_of_the_source() {
    let city = guarded(json!({ "timestamp": true, "lifetime": "2m" })).await;
    city.answer(|_| Some(Reply::new(200, ROWS)));
    let mut http = city.http();
    http.keep_traces();
    for _ in 0..2 {
        let _ = http.read(None, 100).await.unwrap();
    }
    let bodies: Vec<String> = city.state().requests.iter().map(body).collect();
    let nonces: Vec<&str> =
        bodies.iter().map(|body| between(body, "#Base64Binary\">", "<")).collect();
    assert!(nonces[0].len() == 24 && nonces[0] != nonces[1], "{nonces:?}");
    // Our clock is hours ahead; the first answer says so.
    let times: Vec<&str> = bodies.iter().map(|body| between(body, "<wsu:Expires>", "<")).collect();
    assert_eq!(times[0], "2026-10-09T13:02:00Z");
    assert!(times[1].starts_with("2026-10-09T10:02:"), "{times:?}");
    assert!(bodies[0].contains("<s:Header><wsse:Security") && bodies[0].contains("<list/>"));
    let shown = format!("{:?}", http.traces());
    for secret in ["tinguser", "s3cret", between(&bodies[0], "#PasswordDigest\">", "<")] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let head = http.traces()[0].head();
    assert!(head.contains("signed: ws_security") && head.contains("‹user›"), "{head}");
}

/// A message in the words of the source may repeat what it was sent.
#[tokio::test]
async fn a_refusal_in_a_soap_fault_stops_all_values_and_shows_no_secret() {
    let old = |code: &str| {
        format!(
            "<e:Envelope xmlns:e='urn:e'><e:Body><e:Fault><faultcode>{code}</faultcode>\
             <faultstring>tinguser may not s3cret&lt;Word</faultstring></e:Fault></e:Body></e:Envelope>"
        )
    };
    let new = |code: &str| {
        format!(
            "<e:Envelope xmlns:e='urn:e'><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value>\
             <e:Subcode><e:Value>{code}</e:Value></e:Subcode></e:Code><e:Reason><e:Text>no</e:Text>\
             </e:Reason></e:Fault></e:Body></e:Envelope>"
        )
    };
    for (status, fault, stops_all) in [
        (500, old("wsse:FailedAuthentication"), true),
        (200, old("ns1:InvalidSecurityToken"), true),
        (500, old("ns1:SecurityError"), true),
        (500, new("wsse:FailedAuthentication"), true),
        (400, new("ter:NotAuthorized"), true),
        (500, new("ter:InvalidArgVal"), false),
    ] {
        let each = json!({ "param": "area", "values": ["a", "b"] });
        let city = guarded(json!({})).await.with(json!({ "each": each }));
        let reply = Reply::new(status, fault.clone()).with("content-type", "text/xml");
        city.answer(move |_| Some(reply.clone()));
        let text = city.read(None).await.unwrap_err();
        assert_eq!(text.kind(), FaultKind::Stopped, "{fault}: {text}");
        let text = text.to_string();
        assert!(!text.contains("tinguser") && !text.contains("s3cret"), "{text}");
        assert_eq!(text.contains("http.auth"), stops_all, "{fault}: {text}");
        assert_eq!(city.state().requests.len(), if stops_all { 1 } else { 2 }, "{fault}");
    }
}

#[tokio::test]
async fn a_message_that_came_too_late_is_sent_again_by_the_clock_of_the_source() {
    for code in ["wsse:MessageExpired", "wsu:MessageExpired"] {
        let city = guarded(json!({ "timestamp": true })).await;
        let fault = format!(
            "<e:Envelope xmlns:e='urn:e'><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value>\
             <e:Subcode><e:Value>{code}</e:Value></e:Subcode></e:Code><e:Reason><e:Text>late</e:Text>\
             </e:Reason></e:Fault></e:Body></e:Envelope>"
        );
        let late = Reply::new(500, fault).with("content-type", "text/xml");
        city.answer(move |request| {
            let is_late = !body(request).contains("<wsu:Created>2026-10-09T10:0");
            Some(if is_late { late.clone() } else { Reply::new(200, ROWS) })
        });
        let mut http = city.http();
        let fault = http.read(None, 100).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
        assert!(fault.to_string().contains("raise `lifetime`"), "{fault}");
        assert_eq!(http.read(None, 100).await.unwrap().entries.len(), 1);
    }
}

#[tokio::test]
async fn a_request_without_an_envelope_is_refused_before_it_is_sent() {
    let part =
        json!({ "name": "more", "url": "https://a.example/more", "params": { "id": "$.id" } });
    for (more, says) in [
        (json!({ "body": null }), "there is none"),
        (json!({ "body": null, "json": { "a": 1 } }), "there is none"),
        (json!({ "body": "<list/>" }), "not `Envelope`"),
        (json!({ "content_type": "text/xml; charset=utf-16le" }), "UTF-16"),
        (json!({ "part": [part] }), "there is none"),
        (json!({ "url": "http://a.example/list" }), "would not be encrypted"),
    ] {
        let fault = guarded(json!({ "kind": "text" })).await.with(more.clone()).build().err();
        let fault = fault.unwrap_or_else(|| panic!("{more} was taken")).to_string();
        assert!(fault.contains(says), "{more}: {fault}");
    }
    // As with `basic`, the settings may allow it.
    let insecure = json!({ "url": "http://a.example/list", "insecure": true });
    assert!(guarded(json!({ "kind": "text" })).await.with(insecure).build().is_ok());
}

#[tokio::test]
async fn a_login_may_be_signed_so_and_its_token_stands_beside_the_header() {
    let login = json!({
        "body": ENVELOPE, "auth": with_auth(&json!({ "kind": "text" }))["auth"],
        "tokens": [{ "at": "$.data.token", "put": { "field": "ticket" } }],
    });
    let list = ENVELOPE.replace("<list/>", "<list>{auth}</list>");
    let settings = json!({ "auth": with_auth(&json!({}))["auth"], "body": list });
    let city = city_with(login).await.with(settings);
    city.answer(|request| {
        let token = r#"{"data":{"token":"t0kenFetched"}}"#;
        Some(Reply::new(200, if request.path == "/login" { token } else { ROWS }))
    });
    let mut http = city.http();
    http.keep_traces();
    assert_eq!(http.read(None, 100).await.unwrap().entries.len(), 1);
    let login = body(&requests(&city, "/login")[0]);
    assert!(login.contains("#PasswordText\">s3cret&#60;Word</wsse:Password>"), "{login}");
    let list = body(&requests(&city, "/list")[0]);
    assert!(
        list.contains("<list>t0kenFetched</list>") && list.contains("PasswordDigest"),
        "{list}"
    );
    let shown = format!("{:?}", http.traces());
    for secret in ["tinguser", "s3cret", "t0kenFetched"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
