//! Redirects, cookies, forms, parts, attachments, acknowledgements.

use super::*;

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_and_not_endlessly() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    city.script(Reply::new(302, "").with("location", "/list"));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
    city.answer(|_| Some(Reply::new(307, "").with("location", "/list")));
    assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Transient);
}

#[tokio::test]
async fn a_redirect_to_another_host_needs_a_setting_and_carries_no_secret() {
    let other = one_page().await;
    other.answer(|_| Some(Reply::new(200, r#"{"code":0,"rows":[{"id":"other"}]}"#)));
    let city = one_page().await.with(json!({ "auth": { "bearer": "t0ken" } }));
    let there = format!("{}/x", other.url);
    city.answer(move |_| Some(Reply::new(302, "").with("location", there.clone())));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(other.state().requests.is_empty(), "{fault}");
    let city = city.with(json!({ "redirects": [other.url.clone()] }));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["other"]));
    assert!(!other.state().requests[0].headers.contains_key("authorization"));
    assert!(city.state().requests[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_redirect_may_be_the_success() {
    let city = one_page().await.with(json!({ "success": { "status": [302] } }));
    city.answer(|_| Some(Reply::new(302, r#"{"rows":[{"id":"a"}]}"#).with("location", "/x")));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
}

#[tokio::test]
async fn the_next_page_is_requested_only_from_the_same_host() {
    let city = one_page().await.with(json!({ "page": { "kind": "next", "at": "$.next" } }));
    city.answer(|_| {
        let body =
            json!({ "code": 0, "rows": [{ "id": "a" }], "next": "http://elsewhere.example/" });
        Some(Reply::new(200, body.to_string()))
    });
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("elsewhere.example"), "{fault}");
}

#[tokio::test]
async fn a_next_page_on_a_host_in_redirects_gets_no_credential() {
    let api_key = |place: &str| json!({ "api_key": { place: "X-Key", "key": "s3cret" } });
    let sign = json!({ "sign": {
        "algorithm": "md5", "parts": [{ "secret": "s3cret" }], "put": { "param": "s3cret" },
    } });
    for (page, settings) in [
        (json!({ "kind": "next", "at": "$.next" }), json!({ "auth": { "bearer": "s3cret" } })),
        (json!({ "kind": "link" }), json!({ "auth": api_key("header") })),
        (json!({ "kind": "next", "at": "$.next" }), json!({ "auth": api_key("param") })),
        (json!({ "kind": "link" }), json!({ "auth": sign })),
        (
            json!({ "kind": "next", "at": "$.next" }),
            json!({ "headers": { "X-Custom": "s3cret" }, "query": { "k": "s3cret" } }),
        ),
    ] {
        let other = one_page().await;
        other.answer(|_| Some(Reply::new(200, r#"{"code":0,"rows":[{"id":"b"}]}"#)));
        let city = one_page().await.with(settings.clone());
        let warm_up = format!("{}/", city.url);
        let redirects = [other.url.clone()];
        let city = city.with(json!({ "page": page, "redirects": redirects, "warm_up": warm_up }));
        let there = format!("{}/more?page=2", other.url);
        city.answer(move |request| {
            if request.path == "/" {
                // Cookies go to all ports of a host, and both servers are on one.
                return Some(Reply::new(200, "").with("set-cookie", "sid=1"));
            }
            let body = json!({ "code": 0, "rows": [{ "id": "a" }], "next": there });
            let link = format!("<{there}>; rel=\"next\"");
            Some(Reply::new(200, body.to_string()).with("link", link))
        });
        let (entries, _) = city.entries(None, 100).await;
        assert_eq!(keys_of(&entries), set(&["a", "b"]), "{settings}");
        let seen = format!("{:?}", other.state().requests);
        assert!(seen.contains("/more") && !seen.contains("s3cret"), "{settings}: {seen}");
        let seen = format!("{:?}", city.state().requests);
        assert!(seen.contains("s3cret"), "{settings}: {seen}");
    }
}

#[tokio::test]
async fn a_next_page_on_another_host_is_not_asked_for_with_a_body_and_its_refusal_is_explained() {
    let other = one_page().await;
    other.answer(|_| Some(Reply::new(403, "")));
    for (body, says) in [
        (json!({ "json": { "k": "s3cret" } }), "the body of the request is not sent"),
        (json!({}), "to which no credential is sent"),
    ] {
        let city = one_page().await.with(body).with(json!({
            "page": { "kind": "next", "at": "$.next" }, "redirects": [other.url.clone()],
        }));
        let next = format!("{}/more", other.url);
        city.answer(move |_| {
            let body = json!({ "code": 0, "rows": [{ "id": "a" }], "next": next });
            Some(Reply::new(200, body.to_string()))
        });
        let mut http = city.http();
        let first = http.read(None, 100).await.unwrap();
        let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains(says), "{fault}");
    }
    assert!(!format!("{:?}", other.state().requests).contains("s3cret"));
}

#[tokio::test]
async fn expired_cookies_are_fetched_again_once() {
    let city = one_page().await;
    let settings = json!({
        "warm_up": format!("{}/", city.url),
        "fault": [{ "contains": "challenge", "kind": "refresh" }],
    });
    let city = city.with(settings);
    let mut n_warm = 0;
    city.answer(move |request| {
        if request.path == "/" {
            n_warm += 1;
            return Some(Reply::new(200, "").with("set-cookie", format!("s={n_warm}")));
        }
        let is_good = request.headers.get("cookie").is_some_and(|cookie| cookie == "s=2");
        let good = r#"{"code":0,"rows":[{"id":"a"}]}"#;
        Some(Reply::new(200, if is_good { good } else { "<html>challenge" }))
    });
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
}

#[tokio::test]
async fn a_form_is_posted() {
    let city = one_page().await.with(json!({
        "form": { "state": 1 },
        "page": {
            "kind": "keyset", "param": "lastItem", "at": "$.id", "first": "0",
            "size": { "param": "pageSize", "value": 10 }, "stop": "short",
        },
    }));
    city.script(Reply::new(200, r#"{"code":0,"rows":[{"id":"a"}]}"#));
    let _ = city.read(None).await.unwrap();
    let request = city.state().requests[0].clone();
    assert_eq!(
        (request.method.as_str(), &request.body[..]),
        ("POST", &b"state=1&lastItem=0&pageSize=10"[..])
    );
    assert!(request.headers["content-type"].starts_with("application/x-www-form-urlencoded"));
}

#[tokio::test]
async fn files_within_records_become_name_size_and_hash() {
    let attachment = json!([{ "at": "$.files[*]", "name": "$.name", "content": "$.data" }]);
    let city = one_page().await.with(json!({ "attachment": attachment }));
    let body = json!({ "code": 0, "rows": [{ "id": "a", "files": [{ "name": "x.jpg", "data": "YWJj" }] }] });
    city.script(Reply::new(200, body.to_string()));
    let batch = city.read(None).await.unwrap();
    let file = &tree(&batch.entries[0])["files"][0];
    assert_eq!((&file["name"], &file["bytes"]), (&json!("x.jpg"), &json!(3)));
    assert!(file["sha256"].is_string() && file.get("data").is_none());
}

#[tokio::test]
async fn complete_records_are_returned_when_a_part_fails_and_the_rest_later() {
    let city = one_page().await;
    let part = json!([{
        "name": "detail", "url": format!("{}/detail", city.url), "params": { "id": "$.id" },
    }]);
    let mut city = city.with(json!({ "part": part }));
    city.add(&["a".into(), "b".into(), "c".into()], HOUR).await;
    let mut n_down = 1;
    city.answer(move |request| {
        if request.path != "/detail" {
            return None;
        }
        if request.query["id"] == "b" && n_down > 0 {
            n_down -= 1;
            return Some(Reply::new(500, ""));
        }
        Some(Reply::new(200, json!({ "code": 0, "of": request.query["id"] }).to_string()))
    });
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    assert_eq!(keys_of(&first.entries), set(&["a"]));
    assert!(!first.caught_up());
    let rest = http.read(Some(&first.upto), 100).await.unwrap();
    assert_eq!(keys_of(&rest.entries), set(&["b", "c"]));
    assert_eq!(tree(&rest.entries[1])["detail"]["of"], "c");
    let n_lists = city.state().requests.iter().filter(|request| request.path == "/list").count();
    assert_eq!(n_lists, 1, "the list was requested again");
}

#[tokio::test]
async fn a_part_without_its_list_that_reports_a_failure_does_not_replace_what_is_there() {
    for (body, is_fault) in [
        (r#"{"code":1,"msg":"no right","data":null}"#, true),
        (r#"{"success":false}"#, true),
        (r#"{"code":0,"msg":"ok","data":null}"#, false),
        (r#"{"code":1,"data":[]}"#, false),
        (r#"{"code":1,"data":[{"v":1}]}"#, false),
    ] {
        let mut city = one_page().await;
        city.settings.as_object_mut().unwrap().remove("success");
        let part = json!({
            "name": "replies", "url": format!("{}/part", city.url), "params": { "id": "$.id" },
            "records": "$.data[*]",
        });
        let city = city.with(json!({ "part": [part] }));
        city.answer(move |request| {
            let list = r#"{"rows":[{"id":"a"}]}"#;
            Some(Reply::new(200, if request.path == "/part" { body } else { list }))
        });
        assert_eq!(city.read(None).await.is_err(), is_fault, "{body}");
    }
}

#[tokio::test]
async fn a_part_that_is_not_there_names_the_rule_that_would_say_so() {
    for (reply, says) in [
        (Reply::new(404, "gone"), "missing = [{ status = 404 }]"),
        (Reply::new(410, r#"{"code":0}"#), "missing = [{ status = 410 }]"),
        (Reply::new(204, ""), "missing = [{ status = 204 }]"),
        (Reply::new(200, ""), "name it in `missing`"),
    ] {
        let mut city = one_page().await;
        city.settings.as_object_mut().unwrap().remove("success");
        let part = json!({
            "name": "d", "url": format!("{}/part", city.url), "params": { "id": "$.id" },
        });
        let city = city.with(json!({ "part": [part] }));
        let status = reply.status;
        city.answer(move |request| (request.path == "/part").then(|| reply.clone()));
        city.state().add("a", "2026-10-09T09:00:00Z".parse().unwrap());
        let fault = city.read(None).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let fault = fault.to_string();
        assert!(fault.contains(says) && fault.contains("[[http.part]]"), "{status}: {fault}");
        assert!(fault.contains(&format!("status {status}")), "{fault}");
    }
}

#[tokio::test]
async fn a_fixture_is_read_as_an_answer_of_the_source() {
    let city = one_page().await;
    let http = city.http();
    let entries = http.sample("page", br#"{"code":0,"rows":[{"id":"a"},{"x":1}]}"#).unwrap();
    assert_eq!(entries.len(), 2);
    assert!(
        matches!(&entries[1], Entry::Unreadable { reason, .. } if reason.code == "missing_key")
    );
    for wrong in [&b"garbage"[..], br#"{"code":1}"#] {
        assert_eq!(http.sample("page", wrong).unwrap_err().kind(), FaultKind::Stopped);
    }
    assert!(city.state().requests.is_empty());
}

async fn acknowledged() -> City {
    let city = one_page().await;
    let ack = json!({
        "url": format!("{}/ack", city.url), "param": "ids", "json": { "op": "ack" }, "size": 2,
        "failed": "$.failSituationList[*].id",
    });
    city.with(json!({ "ack": ack }))
}

#[tokio::test]
async fn keys_are_acknowledged_after_they_are_stored_in_requests_of_limited_size() {
    let mut city = acknowledged().await;
    city.add(&["a".into(), "b".into(), "c".into()], HOUR).await;
    let mut http = city.http();
    let batch = http.read(None, 100).await.unwrap();
    assert_eq!(city.state().requests.len(), 1, "told before it was settled");
    // After a crash the cursor has the keys to acknowledge.
    let kept = Cursor::encode(&batch.upto).unwrap();
    city.answer(|request| (request.path == "/ack").then(|| Reply::new(200, r#"{"code":0}"#)));
    let mut restarted = city.http();
    restarted.settled(&kept.decode().unwrap()).await.unwrap();
    restarted.settled(&kept.decode().unwrap()).await.unwrap();
    let bodies: Vec<String> = city.state().requests[1..3]
        .iter()
        .map(|request| String::from_utf8(request.body.clone()).unwrap())
        .collect();
    assert_eq!(bodies, [r#"{"op":"ack","ids":["a","b"]}"#, r#"{"op":"ack","ids":["c"]}"#]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_acknowledged_too() {
    let city = acknowledged().await.with(json!({ "force_charset": "utf-8" }));
    city.script(Reply::new(200, b"{\"code\":0,\"rows\":[{\"id\":\"a\",\"x\":\"\xff\"}]}".to_vec()));
    let batch = city.read(None).await.unwrap();
    assert!(matches!(&batch.entries[0], Entry::Unreadable { .. }));
    city.script(Reply::new(200, r#"{"code":0}"#));
    city.http().settled(&batch.upto).await.unwrap();
    assert_eq!(city.state().requests.last().unwrap().body, br#"{"op":"ack","ids":["a"]}"#);
}

#[tokio::test]
async fn an_answer_to_an_acknowledgement_that_cannot_be_opened_is_not_one_without_a_word() {
    for (body, is_taken) in [(&b""[..], true), (b"\x0b\x02\x80{}", false)] {
        let mut city = acknowledged().await.with(json!({ "success": { "status": 200 } }));
        city.add(&["a".into()], HOUR).await;
        let batch = city.read(None).await.unwrap();
        city.answer(move |_| Some(Reply::new(200, body).with("content-encoding", "br")));
        match city.http().settled(&batch.upto).await {
            Ok(()) => assert!(is_taken),
            Err(fault) => {
                assert!(!is_taken && fault.to_string().contains("packed with br"), "{fault}");
            }
        }
    }
}

#[tokio::test]
async fn refused_keys_are_not_a_fault_but_a_refused_request_is() {
    let mut city = acknowledged().await;
    city.add(&["a".into(), "b".into()], HOUR).await;
    let batch = city.read(None).await.unwrap();
    let partial = r#"{"code":0,"successStr":"a","failSituationList":[{"id":"b","why":"x"}]}"#;
    city.script(Reply::new(200, partial));
    city.http().settled(&batch.upto).await.unwrap();
    city.script(Reply::new(500, ""));
    let mut http = city.http();
    let fault = http.settled(&batch.upto).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(http.failed_exchange().unwrap().head.contains("/ack"));
}
