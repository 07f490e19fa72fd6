//! Logins that fail, and what is shown of them: an account is locked after a few wrong passwords.

use std::{path::PathBuf, sync::Arc};

use connector_http::Http;
use connector_wire::gate::Limits;
use contract::{Budget, Clock, ConnectorContext};

use super::{
    logins::{ROWS, city_with, login, requests, token},
    *,
};

fn with(mut settings: Value, more: &Value) -> Value {
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

#[tokio::test]
async fn a_refused_login_is_not_repeated_for_each_value() {
    let each = json!({ "param": "area", "values": ["a", "b", "c"] });
    let city = city_with(login()).await.with(json!({ "each": each }));
    city.answer(|_| Some(Reply::new(401, r#"{"msg":"wrong password"}"#)));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert_eq!(requests(&city, "/login").len(), 1);
}

/// The fault `Server` alone would mean that it may go away by itself, and the password would be sent again.
#[tokio::test]
async fn a_soap_fault_of_a_login_is_a_refusal_with_its_text() {
    let soap = |code: &str, text: &str| {
        let body = format!(
            "<s:Envelope xmlns:s='urn:s'><s:Body><s:Fault><faultcode>s:{code}</faultcode>\
             <faultstring>{text}</faultstring></s:Fault></s:Body></s:Envelope>"
        );
        Reply::new(500, body).with("content-type", "text/xml")
    };
    let busy = json!({ "fault": [{ "contains": "繁忙", "kind": "transient" }] });
    let (transient, stopped) = (FaultKind::Transient, FaultKind::Stopped);
    for (more, reply, kind, says) in [
        (json!({}), soap("Server", "密码错误"), stopped, "\"密码错误\" (SOAP fault s:Server)"),
        (json!({}), soap("Client", "密码错误"), stopped, "\"密码错误\" (SOAP fault s:Client)"),
        (busy.clone(), soap("Server", "系统繁忙"), transient, "繁忙"),
        (busy, soap("Server", "密码错误"), stopped, "refuses the login (status 500)"),
        (json!({}), Reply::new(500, "down"), transient, "status 500"),
    ] {
        let city = city_with(with(login(), &more)).await;
        city.answer(move |_| Some(reply.clone()));
        let fault = city.read(None).await.unwrap_err();
        assert!(fault.kind() == kind && fault.to_string().contains(says), "{says}: {fault}");
        assert_eq!(requests(&city, "/login").len(), 1, "{says}");
    }
}

fn clock() -> Clock {
    Clock::new(|| "2026-10-09T13:00:00Z".parse().unwrap())
}

fn gate() -> Arc<Limits> {
    Arc::new(Limits::new("city", Budget::default(), chrono_tz::Asia::Shanghai, clock()))
}

/// A connector of an upstream with this gate.
fn behind(gate: &Arc<Limits>, city: &City) -> Http {
    let (zone, budget, gate) = (chrono_tz::Asia::Shanghai, Budget::default(), gate.clone());
    let (channel, memory, folder) = ("board".parse().unwrap(), Memory::default(), PathBuf::new());
    let (clock, inbox, mapped) = (clock(), None, None);
    let context =
        ConnectorContext { channel, zone, budget, gate, clock, memory, folder, inbox, mapped };
    let config = serde_json::from_value(city.settings.clone()).unwrap();
    Http::build(config, context).unwrap()
}

/// After a fault, the connector is made anew.
#[tokio::test]
async fn a_login_is_kept_over_faults_that_do_not_refuse_it() {
    let by_token = with(login(), &json!({ "lifetime": "9h" }));
    let by_cookies = json!({ "form": {}, "secrets": { "password": "hunter2" } });
    for settings in [by_token, by_cookies] {
        let (city, gate) = (city_with(settings.clone()).await, gate());
        let mut n_lists = 0;
        let mut n_logins = 0;
        city.answer(move |request| {
            if request.path == "/login" {
                n_logins += 1;
                let name = format!("t{n_logins}");
                return Some(token(&name).with("set-cookie", format!("sid={name}")));
            }
            n_lists += 1;
            let carried = format!("{:?}", request.headers);
            Some(match n_lists {
                1..4 => Reply::new(503, ""),
                // The session has ended in the meantime.
                _ if carried.contains("t1") => Reply::new(401, ""),
                _ => Reply::new(200, ROWS),
            })
        });
        for _ in 0..3 {
            let fault = behind(&gate, &city).read(None, 100).await.unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Transient, "{fault}");
        }
        assert_eq!(requests(&city, "/login").len(), 1, "{settings}");
        let batch = behind(&gate, &city).read(None, 100).await.unwrap();
        assert_eq!(keys_of(&batch.entries), set(&["a"]));
        assert_eq!(requests(&city, "/login").len(), 2, "{settings}");
        // Neither another upstream nor another password gets it.
        let _ = city.read(None).await.unwrap();
        assert_eq!(requests(&city, "/login").len(), 3, "{settings}");
        let mut changed = city.settings["login"].clone();
        changed["secrets"]["password"] = "hunter3".into();
        let city = city.with(json!({ "login": changed }));
        let _ = behind(&gate, &city).read(None, 100).await.unwrap();
        assert_eq!(requests(&city, "/login").len(), 4, "{settings}");
    }
}

#[tokio::test]
async fn a_refused_login_is_not_kept() {
    let (city, gate) = (city_with(login()).await, gate());
    city.answer(|request| {
        Some(if request.path == "/login" { token("t0ken") } else { Reply::new(401, "") })
    });
    for n_logins in 1..=2 {
        let fault = behind(&gate, &city).read(None, 100).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let n_lists = requests(&city, "/list").len();
        assert_eq!((requests(&city, "/login").len(), n_lists), (n_logins, n_logins));
    }
}

#[tokio::test]
async fn a_login_that_has_to_wait_holds_the_gate() {
    let city = city_with(login()).await;
    city.answer(|_| Some(Reply::new(429, "").with("retry-after", "90")));
    let mut http = behind(&gate(), &city);
    for _ in 0..2 {
        let fault = http.read(None, 100).await.unwrap_err();
        assert!(matches!(fault.kind(), FaultKind::Throttled(_)), "{fault}");
    }
    assert_eq!(requests(&city, "/login").len(), 1, "the source has asked for a pause");
}

#[tokio::test]
async fn a_refusal_shows_no_value_that_only_has_to_be_there() {
    let rule = json!({ "success": { "status": 200, "at": "$.data.token" } });
    let city = city_with(with(login(), &rule)).await;
    let answer = r#"{"data":{"token":"tk-9f3a77c1"},"msg":"no"}"#;
    city.answer(move |_| Some(Reply::new(403, answer)));
    let fault = city.read(None).await.unwrap_err().to_string();
    assert!(fault.contains("(status 403): \"no\"") && !fault.contains("tk-9f3a77c1"), "{fault}");
}

#[tokio::test]
async fn neither_exchanges_nor_debug_texts_show_a_token_or_a_cookie() {
    let tokens = json!([{ "header": "X-Pass", "put": { "header": "X-Pass" } }]);
    for (status, n_lists) in [(200, 1), (403, 0)] {
        let city = city_with(json!({ "form": { "user": "city" }, "tokens": tokens })).await;
        city.answer(move |request| {
            let login = Reply::new(status, "{}").with("x-pass", "t0ken");
            let login = login.with("set-cookie", "sid=s3ssion");
            Some(if request.path == "/login" { login } else { Reply::new(200, ROWS) })
        });
        let mut http = city.http();
        http.keep_traces();
        let read = http.read(None, 100).await;
        assert_eq!((read.is_ok(), requests(&city, "/list").len()), (status == 200, n_lists));
        let sent: Vec<String> =
            requests(&city, "/list").iter().map(|list| list.headers["x-pass"].clone()).collect();
        assert_eq!(sent, vec!["t0ken"; n_lists]);
        let failed = http.failed_exchange();
        let shown = format!("{http:?} {failed:?}");
        assert!(shown.contains("x-pass") && shown.contains("sid"), "{shown}");
        assert!(!shown.contains("t0ken") && !shown.contains("s3ssion"), "{shown}");
    }
}

#[tokio::test]
async fn a_secret_that_is_sent_and_signed_is_not_in_the_text_that_is_shown() {
    let sign = json!({
        "algorithm": "md5", "parts": ["params"], "put": { "param": "digest" },
        "send": [{ "secret": "t0kenFixed", "put": { "param": "app" } }],
    });
    let city = one_page().await.with(json!({ "auth": { "sign": sign } }));
    city.answer(|_| Some(Reply::new(200, ROWS)));
    let mut http = city.http();
    http.keep_traces();
    let _ = http.read(None, 100).await.unwrap();
    assert_eq!(city.state().requests[0].query["app"], "t0kenFixed");
    let steps = &http.traces()[0].signature.as_ref().unwrap().steps;
    assert_eq!(steps[0].1, "app=…");
    let shown = format!("{:?}", http.traces());
    assert!(!shown.contains("t0kenFixed"), "{shown}");
}

#[tokio::test]
async fn a_login_has_a_format_of_its_own() {
    let city = city_with(login()).await.with(json!({
        "format": "csv", "records": "$", "success": { "status": 200 },
    }));
    city.answer(|request| {
        let list = Reply::new(200, "id,title\na,1\n").with("content-type", "text/csv");
        Some(if request.path == "/login" { token("t0ken") } else { list })
    });
    let batch = city.read(None).await.unwrap();
    assert_eq!(keys_of(&batch.entries), set(&["a"]));
    assert_eq!(requests(&city, "/list")[0].headers["token"], "t0ken");
}

#[tokio::test]
async fn settings_of_a_login_that_would_lose_a_secret_or_a_token_are_refused() {
    let sign = json!({ "sign": {
        "algorithm": "md5", "parts": ["params"], "put": { "field": "sign" },
    } });
    for (more, says) in [
        (json!({ "json": null, "body": "<login/>" }), "write {{ password }}"),
        (json!({ "json": null, "body": "<login>{{ passwrd }}</login>" }), "passwrd"),
        (
            json!({ "fault": [{ "at": "$.code", "equals": 1, "kind": "refresh" }] }),
            "another `kind`",
        ),
        (
            json!({ "json": null, "form": {}, "query_charset": "gbk", "auth": sign }),
            "remove `query_charset`",
        ),
    ] {
        let fault = city_with(with(login(), &more)).await.build().err();
        let fault = fault.unwrap_or_else(|| panic!("{more} was taken")).to_string();
        assert!(fault.contains(says) && fault.contains("http.login"), "{more}: {fault}");
    }
}

/// A form is decoded as UTF-8 when a token is put into it, which would damage its other fields.
#[tokio::test]
async fn a_token_is_put_only_into_a_form_in_utf_8() {
    let form = json!({ "form": { "area": "芜湖" } });
    let gbk = json!({ "form": { "area": "芜湖" }, "query_charset": "gbk" });
    for (put, list, is_taken) in [
        (json!({ "field": "token" }), &gbk, false),
        (json!({ "field": "token" }), &form, true),
        (json!({ "header": "token" }), &gbk, true),
    ] {
        let tokens = json!({ "tokens": [{ "at": "$.data.token", "put": put }] });
        let city = city_with(with(login(), &tokens)).await.with(list.clone());
        let fault = city.build().err().map(|fault| fault.to_string());
        assert_eq!(fault.is_none(), is_taken, "{put}: {fault:?}");
        assert!(fault.is_none_or(|fault| fault.contains("query_charset")), "{put}");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_a_fault_of_the_login() {
    for (put, is_taken) in [
        (json!({ "header": "token" }), false),
        (json!({ "cookie": "token" }), false),
        (json!({ "param": "token" }), true),
    ] {
        let mut settings = login();
        settings["tokens"][0]["put"] = put.clone();
        let city = city_with(settings).await;
        city.answer(|request| {
            let reply = token("t0ken\nwith a break");
            Some(if request.path == "/login" { reply } else { Reply::new(200, ROWS) })
        });
        match city.read(None).await {
            Ok(_) => assert!(is_taken, "{put}"),
            Err(fault) => {
                let fault = fault.to_string();
                let says = fault.contains("http.login") && fault.contains("has a line break");
                assert!(!is_taken && says && !fault.contains("t0ken"), "{put}: {fault}");
            }
        }
    }
}

#[tokio::test]
async fn the_answer_of_a_login_is_replaced_by_a_note_that_stays_as_it_is() {
    let city = city_with(login()).await;
    city.answer(|request| {
        Some(if request.path == "/login" { token("t0ken") } else { Reply::new(200, ROWS) })
    });
    let mut http = city.http();
    http.keep_traces();
    let _ = http.read(None, 100).await.unwrap();
    assert_eq!(http.text(&http.traces()[0]), connector_http::HIDDEN_ANSWER);
}
