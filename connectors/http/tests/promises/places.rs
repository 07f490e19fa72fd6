//! Values stand wherever a source wants them, and lead nowhere else.

use contract::Complete;

use super::{
    walks::{answer, pass, records},
    *,
};

/// The paths and queries of all requests, as they were sent.
fn targets(city: &City) -> Vec<String> {
    city.state().requests.iter().map(|request| request.target.clone()).collect()
}

#[tokio::test]
async fn the_number_of_a_page_stands_in_the_path() {
    let city = one_page().await;
    let url = format!("{}/orders/page/{{{{ page }}}}/of/{{{{ fid }}}}.json", city.url);
    let city = city.with(json!({
        "url": url, "each": { "param": "fid", "values": [3] },
        "page": { "kind": "number", "param": "page", "size": { "param": "n", "value": 2 } },
        "total": { "header": "X-Total-Count" },
    }));
    city.answer(|request| {
        let page = request.path.split('/').nth(3)?.parse::<usize>().unwrap();
        Some(
            answer(&records(2 * page - 2..(2 * page).min(3).max(2 * page - 2)), json!({}))
                .with("x-total-count", "3"),
        )
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!((keys.len(), end.listed, end.complete()), (3, Some(3), Complete::Yes), "{end:?}");
    let targets = targets(&city);
    assert_eq!(targets[0], "/orders/page/1/of/3.json?n=2");
    assert!(targets.contains(&"/orders/page/2/of/3.json?n=2".to_owned()), "{targets:?}");
}

#[tokio::test]
async fn the_day_stands_in_the_path_as_its_format_says() {
    let city = one_page().await;
    let url = format!("{}/obs/{{{{ day }}}}/all", city.url);
    let city = city.with(json!({
        "url": url, "day": { "param": "day", "format": "%Y/%m/%d", "start": "2026-10-08" },
    }));
    city.answer(|request| Some(answer(&json!([{ "id": request.path }]), json!({}))));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["/obs/2026/10/08/all", "/obs/2026/10/09/all"]));
}

/// A channel with a part whose id stands in a path.
async fn detailed(ids: Value) -> City {
    let city = one_page().await;
    let part = json!({
        "name": "detail", "url": format!("{}/tickets/{{{{ id }}}}/text", city.url),
        "params": { "id": "$.no" },
    });
    let city = city.with(json!({ "part": [part] }));
    city.answer(move |request| {
        Some(match request.path.as_str() {
            "/list" => answer(&ids, json!({})),
            path => Reply::new(200, json!({ "code": 0, "of": path }).to_string()),
        })
    });
    city
}

#[tokio::test]
async fn the_id_of_a_record_stands_in_the_path_of_its_detail() {
    let city = detailed(json!([{ "id": "a", "no": 7 }, { "id": "b", "no": "皖 1?x=2#y" }])).await;
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(tree(&entries[0])["detail"]["of"], "/tickets/7/text");
    let sent = "/tickets/%E7%9A%96%201%3Fx%3D2%23y/text";
    assert_eq!(tree(&entries[1])["detail"]["of"], sent);
    assert_eq!(targets(&city), ["/list", "/tickets/7/text", sent]);
}

/// `encodeURIComponent` leaves `..` as it is, and `%2e%2e` leads up as well
/// (<https://github.com/simstudioai/sim/pull/7268>); servers decode `%2F` before they divide the path
/// (<https://github.com/opentripplanner/OpenTripPlanner/issues/2793>).
#[tokio::test]
async fn a_hostile_id_is_a_verdict_on_its_record_and_no_request() {
    let hostile = ["..", ".", "../admin", "a/../..", "%2e%2e", "x%2fy", "\\evil", "a\r\nb"];
    let mut rows: Vec<Value> = hostile.iter().map(|no| json!({ "id": *no, "no": *no })).collect();
    rows.push(json!({ "id": "good", "no": "good" }));
    rows.push(json!({ "id": "without", "no": null }));
    let city = detailed(rows.into()).await;
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(entries.len(), hostile.len() + 2);
    for entry in &entries {
        let is_good = ["good", "without"].contains(&key(entry).as_str());
        match entry {
            Entry::Record(_) => assert!(is_good, "{entry:?}"),
            Entry::Unreadable { reason, .. } => {
                assert!(!is_good && reason.code == "unfit_value", "{reason:?}");
            }
        }
    }
    assert_eq!(targets(&city), ["/list", "/tickets/good/text"]);
}

/// A list became its text, in <https://github.com/ToolJet/ToolJet/issues/13752>.
#[tokio::test]
async fn parameters_repeat_and_keep_their_order_and_their_charset() {
    let city = one_page().await.with(json!({
        "query": { "state": ["开", 2], "page": "{{ page }}", "a": 1 }, "query_charset": "gbk",
        "page": { "kind": "number", "param": "page" },
        "auth": { "api_key": { "param": "k", "key": "s3cret" } },
    }));
    city.answer(|_| Some(answer(&json!([]), json!({}))));
    let _ = city.read(None).await.unwrap();
    assert_eq!(targets(&city), ["/list?state=%BF%AA&state=2&page=1&a=1&k=s3cret"]);
    // As UTF-8, these two look alike.
    let city = city.with(json!({ "query": { "state": ["开", "关"] }, "page": { "kind": "none" } }));
    let _ = city.read(None).await.unwrap();
    assert_eq!(targets(&city)[1], "/list?state=%BF%AA&state=%B9%D8&k=s3cret");
}

#[tokio::test]
async fn a_value_that_a_charset_lacks_is_a_verdict_on_its_record_and_no_fault() {
    let latin = json!({ "query_charset": "latin1" });
    for (request, is_read) in [
        (latin.clone(), false),
        (json!({ "query": { "q": "x{{ nick }}" }, "query_charset": "latin1" }), false),
        (json!({ "form": {}, "query_charset": "latin1" }), false),
        (json!({ "body": "<r>{{ nick }}</r>" }), false),
        // These are always in UTF-8.
        (json!({ "json": {}, "query_charset": "latin1" }), true),
        (json!({ "headers": { "X-Nick": "{{ nick }}" }, "query_charset": "latin1" }), true),
        (json!({ "query": {} }), true),
    ] {
        let city = one_page().await;
        let mut part = json!({
            "name": "more", "url": format!("{}/more", city.url), "params": { "nick": "$.nick" },
        });
        part.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let city = city.with(json!({ "part": [part], "content_type": "text/xml; charset=latin1" }));
        let rows = json!([{ "id": "a", "nick": "b" }, { "id": "c", "nick": "😀" }, { "id": "d", "nick": "é" }]);
        city.answer(move |request| {
            let is_list = request.path == "/list";
            Some(answer(&if is_list { rows.clone() } else { json!([]) }, json!({ "v": 1 })))
        });
        let (entries, _) = city.entries(None, 100).await;
        let read: Vec<bool> =
            entries.iter().map(|entry| matches!(entry, Entry::Record(_))).collect();
        assert_eq!(read, [true, is_read, true], "{request}");
        if let Entry::Unreadable { reason, .. } = &entries[1] {
            assert_eq!(reason.code, "unfit_value");
            assert!(reason.detail.contains("`nick` cannot be encoded"), "{reason:?}");
        }
    }
    let each = json!({ "each": { "param": "area", "values": ["é", "开"] } });
    let fault = one_page().await.with(latin).with(each).build().unwrap_err().to_string();
    assert!(fault.contains("correct `values`"), "{fault}");
}

#[tokio::test]
async fn a_key_that_cannot_stand_in_an_acknowledgement_does_not_hold_up_the_others() {
    for (request, sent) in [
        (json!({ "path": "/t/{{ id }}/seen", "size": 1, "method": "PUT" }), "/t/ok/seen"),
        (json!({ "path": "/ack", "query_charset": "big5", "size": 1 }), "/ack?id=ok"),
        (json!({ "path": "/ack", "query_charset": "big5" }), "/ack?id=ok"),
    ] {
        let city = one_page().await;
        let mut ack = request.clone();
        let path = ack.as_object_mut().unwrap().remove("path").unwrap();
        ack["url"] = json!(format!("{}{}", city.url, path.as_str().unwrap()));
        ack["param"] = json!("id");
        let city = city.with(json!({ "ack": ack }));
        city.answer(|request| (request.path != "/list").then(|| Reply::new(200, r#"{"code":0}"#)));
        let odd = match request["method"].is_string() {
            true => ["GD/2026/1", "..", "a%2fb"],
            false => ["😀", "a😀", "🏠"],
        };
        let rows = json!([{ "id": odd[0] }, { "id": odd[1] }, { "id": "ok" }, { "id": odd[2] }]);
        city.script(answer(&rows, json!({})));
        let batch = city.read(None).await.unwrap();
        // A new process settles the stored position first.
        city.http().settled(&batch.upto).await.unwrap();
        assert_eq!(targets(&city)[1..], [sent], "{request}");
    }
}

#[tokio::test]
async fn keys_that_stand_in_the_query_of_an_acknowledgement_are_one_text() {
    let city = one_page().await;
    let url = format!("{}/ack?ids={{{{ id }}}}", city.url);
    let city = city.with(json!({ "ack": { "url": url, "param": "id", "json": { "by": "x" } } }));
    city.answer(|request| (request.path == "/ack").then(|| Reply::new(200, r#"{"code":0}"#)));
    city.script(answer(&json!([{ "id": "a" }, { "id": "b" }]), json!({})));
    let batch = city.read(None).await.unwrap();
    city.http().settled(&batch.upto).await.unwrap();
    let state = city.state();
    assert_eq!(state.requests[1].query["ids"], "a,b");
    assert_eq!(state.requests[1].body, br#"{"by":"x"}"#);
}

#[tokio::test]
async fn what_was_stored_is_acknowledged_with_any_method_and_its_key_in_the_path() {
    for (method, body) in [("PUT", true), ("PATCH", true), ("DELETE", false), ("POST", true)] {
        let city = one_page().await;
        let mut ack = json!({
            "url": format!("{}/tickets/{{{{ id }}}}/seen", city.url), "param": "id", "size": 1,
            "method": method, "success": { "status": [200, 204] },
        });
        if body {
            ack["json"] = json!({ "by": "city", "no": "#{{ id }}" });
        }
        let city = city.with(json!({ "ack": ack }));
        city.answer(move |request| {
            let reply = if body { Reply::new(200, "{}") } else { Reply::new(204, "") };
            (request.path != "/list").then_some(reply)
        });
        city.script(answer(&json!([{ "id": "a b" }, { "id": "c" }]), json!({})));
        let batch = city.read(None).await.unwrap();
        city.http().settled(&batch.upto).await.unwrap();
        let state = city.state();
        let sent: Vec<String> = state.requests[1..]
            .iter()
            .map(|request| {
                let body = String::from_utf8_lossy(&request.body);
                format!("{} {} {body}", request.method, request.target)
            })
            .collect();
        let expected = [("a%20b", "a b"), ("c", "c")].map(|(path, id)| {
            let json = format!(r##"{{"by":"city","no":"#{id}"}}"##);
            format!("{method} /tickets/{path}/seen {}", if body { &json } else { "" })
        });
        assert_eq!(sent, expected);
    }
}

#[tokio::test]
async fn a_placeholder_without_a_value_is_a_problem_of_the_settings() {
    let size = json!({ "param": "n", "value": 2 });
    for (settings, says) in [
        (
            json!({ "url": "https://a.example/{{ pge }}" }),
            "this request has `{{ n }}`, `{{ page }}`",
        ),
        (
            json!({ "query": { "x": "{{ from }}" }, "since": { "param": "from", "format": "%s" } }),
            "`start`",
        ),
        (
            json!({ "url": "https://a.example/{{ t }}", "page": { "kind": "token", "param": "t", "at": "$.t" } }),
            "leave the placeholder out",
        ),
        (
            json!({ "url": "https://a.example/{{ k }}", "page": { "kind": "keyset", "param": "k", "at": "$.id", "size": size } }),
            "set `first` in `page`",
        ),
        (
            json!({ "url": "https://a.example/{{ x }}", "each": { "param": "x", "values": ["a", "../b"] } }),
            "would lead to another path",
        ),
        (
            json!({ "part": [{ "name": "d", "url": "https://a.example/{{ id }}", "params": { "no": "$.no" } }] }),
            "part, url: `{{ id }}` is no parameter of this request; this request has `{{ no }}`",
        ),
        (json!({ "ack": { "url": "https://a.example/{{ id }}", "param": "ids" } }), "`{{ ids }}`"),
        (json!({ "method": "DELETE" }), "[http.ack]"),
        (
            json!({ "query_charset": "gbk", "auth": { "body_token": { "field": "t", "token": "s3cret" } } }),
            "remove `query_charset`",
        ),
    ] {
        let page =
            json!({ "kind": "number", "param": "page", "size": { "param": "n", "value": 2 } });
        let city = one_page().await.with(json!({ "page": page })).with(settings.clone());
        let fault = city.build().err().unwrap_or_else(|| panic!("{settings} was taken"));
        assert_eq!(fault.kind(), FaultKind::Stopped);
        assert!(fault.to_string().contains(says), "{settings}: {fault}");
    }
}
