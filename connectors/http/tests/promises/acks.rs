//! Sources that no longer list what was acknowledged.

use contract::{Complete, PassEnd};

use super::{
    walks::{answer, number},
    *,
};

/// A source with `n_records` in pages of two. What was acknowledged is left out, unless it `keeps` it.
async fn source(page: &Value, n_records: usize, keeps: bool) -> City {
    let city = City::new(json!({
        "page": page, "total": "$.total",
        "since": { "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" },
    }))
    .await;
    let ack = json!({ "url": format!("{}/ack", city.url), "param": "ids", "json": {} });
    let mut acknowledged = BTreeSet::new();
    city.answer(move |request| {
        if request.path == "/ack" {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let ids = body["ids"].as_array().unwrap();
            acknowledged.extend(ids.iter().map(|id| id.as_str().unwrap().to_owned()));
            return Some(Reply::new(200, r#"{"code":0}"#));
        }
        let ids = (0..n_records).map(|n| (n, format!("r{n:02}")));
        let ids = ids.filter(|(_, id)| keeps || !acknowledged.contains(id));
        // The newest come first: the next pass would begin behind those that were not read.
        let rows =
            ids.map(|(n, id)| json!({ "id": id, "t": format!("2026-10-09 {:02}:00:00", 17 - n) }));
        let rows: Vec<Value> = rows.collect();
        let from = number(request, "page").map(|page| 2 * page - 2);
        let from = from.or(number(request, "offset")).or(number(request, "token")).unwrap_or(0);
        let shown: Vec<Value> = rows.iter().skip(from).take(2).cloned().collect();
        let token = (from + 2 < rows.len()).then_some(from + 2);
        Some(answer(&shown.into(), json!({ "total": rows.len(), "token": token })))
    });
    city.with(json!({ "ack": ack }))
}

/// Reads a pass, while the batch before the one that is read is not settled yet.
async fn pass(city: &City) -> (BTreeSet<String>, PassEnd) {
    let (mut http, mut at, mut keys, mut to_settle) = (city.http(), None, BTreeSet::new(), None);
    for _ in 0..500 {
        let batch = http.read(at.as_ref(), 3).await.unwrap();
        keys.extend(batch.entries.iter().map(key));
        if let Some(end) = batch.end {
            return (keys, end);
        }
        if let Some(upto) = to_settle.replace(batch.upto.clone()) {
            http.settled(&upto).await.unwrap();
        }
        at = Some(batch.upto);
    }
    panic!("the pass does not end");
}

fn pages() -> [Value; 4] {
    let size = json!({ "param": "size", "value": 2 });
    [
        json!({ "kind": "none" }),
        json!({ "kind": "number", "param": "page", "size": size }),
        json!({ "kind": "offset", "param": "offset", "size": size }),
        json!({ "kind": "token", "param": "token", "at": "$.token" }),
    ]
}

#[tokio::test]
async fn a_list_that_leaves_out_what_was_acknowledged_is_walked_until_nothing_new_comes() {
    for page in pages() {
        let city = source(&page, 15, false).await;
        let (keys, end) = pass(&city).await;
        assert_eq!(keys.len(), 15, "{page}: {end:?}");
        assert_eq!(end.complete(), Complete::Yes, "{page}: {end:?}");
    }
}

#[tokio::test]
async fn restarts_at_every_step_hide_nothing_and_end() {
    let leaving_out = pages().into_iter().map(|page| (page, false));
    let keeping = pages().into_iter().skip(1).map(|page| (page, true));
    for (page, keeps) in leaving_out.chain(keeping) {
        let city = source(&page, 15, keeps).await;
        let (mut at, mut keys, mut has_ended) = (None, BTreeSet::new(), false);
        for _ in 0..500 {
            // A new process settles the stored position first.
            let mut http = city.http();
            if let Some(upto) = &at {
                http.settled(upto).await.unwrap();
            }
            let batch = http.read(at.as_ref(), 3).await.unwrap();
            keys.extend(batch.entries.iter().map(key));
            at = Some(batch.upto);
            has_ended = batch.end.is_some();
            if has_ended {
                break;
            }
        }
        assert_eq!((keys.len(), has_ended), (15, true), "{page}, {keeps}");
    }
}

#[tokio::test]
async fn a_list_that_keeps_what_was_acknowledged_is_walked_twice_and_one_of_one_page_once() {
    let pages = pages().into_iter().skip(1);
    for (page, (n_records, n_expected)) in
        pages.flat_map(|page| [(page.clone(), (7, 2)), (page, (1, 1))])
    {
        let city = source(&page, n_records, true).await;
        let (keys, end) = pass(&city).await;
        assert_eq!((keys.len(), end.complete()), (n_records, Complete::Yes), "{page}: {end:?}");
        let requests = &city.state().requests;
        let from_first = requests.iter().filter(|request| {
            request.path == "/list"
                && request.query.get("page").is_none_or(|page| page == "1")
                && request.query.get("offset").is_none_or(|offset| offset == "0")
                && !request.query.contains_key("token")
        });
        // By number, the first page is read again after the second.
        let n_walks = from_first.count() / if page["kind"] == "number" { 2 } else { 1 };
        assert_eq!(n_walks, n_expected, "{page}");
    }
}

#[tokio::test]
async fn an_answer_to_an_acknowledgement_is_judged_as_one_to_a_list() {
    for (list, ack, success, is_success) in [
        (r#"{"rows":[{"id":"a"}]}"#, r#"{"code":500,"msg":"签名错误"}"#, None, false),
        (r#"{"rows":[{"id":"a"}]}"#, r#"{"success":false}"#, None, false),
        (r#"{"rows":[{"id":"a"}]}"#, r#"[{"error":"no right"}]"#, None, false),
        (r#"{"rows":[{"id":"a"}]}"#, r#"{"code":0,"msg":"ok"}"#, None, true),
        (r#"{"rows":[{"id":"a"}]}"#, "", None, true),
        // What came with records means a success.
        (r#"{"code":200,"msg":"查询","rows":[{"id":"a"}]}"#, r#"{"code":200}"#, None, true),
        (r#"{"code":1,"msg":"x","rows":[{"id":"a"}]}"#, r#"{"code":1,"msg":"x"}"#, None, true),
        // A rule of its own, or of the channel, knows better.
        (
            r#"{"rows":[{"id":"a"}]}"#,
            r#"{"code":500,"msg":"签名错误"}"#,
            Some(json!({ "at": "$.code", "equals": 500 })),
            true,
        ),
    ] {
        let mut city = one_page().await;
        city.settings.as_object_mut().unwrap().remove("success");
        let mut settings =
            json!({ "url": format!("{}/ack", city.url), "param": "ids", "json": {} });
        if let Some(success) = success {
            settings["success"] = success;
        }
        let city = city.with(json!({ "ack": settings }));
        city.answer(move |request| {
            Some(Reply::new(200, if request.path == "/ack" { ack } else { list }))
        });
        let mut http = city.http();
        let batch = http.read(None, 100).await.unwrap();
        match http.settled(&batch.upto).await {
            Ok(()) => assert!(is_success, "{ack}"),
            Err(fault) => {
                let fault = fault.to_string();
                assert!(!is_success && fault.contains("`success` of [http.ack]"), "{ack}: {fault}");
            }
        }
    }
}
