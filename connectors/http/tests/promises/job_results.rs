//! The results of export jobs: where they are, their parts, and whether they are whole.

use contract::Complete;

use super::{
    jobs::{exports, n_begun, paths, read_all, rows, serve},
    *,
};

// https://github.com/simple-salesforce/simple-salesforce/issues/280: only the first of several results was read.
#[tokio::test]
async fn all_parts_of_a_result_are_read() {
    let city = exports(json!({ "count": "$.n", "result": { "at": "$.files[*].url" } })).await;
    serve(&city, |request| {
        Some(match request.path.as_str() {
            "/f/1" => Reply::new(200, rows(&["a", "b"])),
            "/f/2" => Reply::new(200, rows(&[])),
            "/f/3" => Reply::new(200, rows(&["c"])),
            _ => {
                let files = json!([{ "url": "/f/1" }, { "url": "/f/2" }, { "url": "/f/3" }]);
                Reply::new(200, json!({ "state": "done", "n": 3, "files": files }).to_string())
            }
        })
    });
    let (entries, end) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a", "b", "c"]));
    assert_eq!(end.complete(), Complete::Yes, "{end}");
    assert_eq!(n_begun(&city), 1);
}

#[tokio::test]
async fn after_a_fault_reading_goes_on_with_the_part_that_was_not_read() {
    let city = exports(json!({ "result": { "at": "$.files[*]" } })).await;
    let mut n_down = 1;
    serve(&city, move |request| {
        Some(match request.path.as_str() {
            "/f/1" => Reply::new(200, rows(&["a"])),
            "/f/2" if n_down > 0 => {
                n_down -= 1;
                Reply::new(500, "")
            }
            "/f/2" => Reply::new(200, rows(&["b"])),
            // What signs the addresses changes each time.
            _ => {
                let sign = format!("?sign={n_down}");
                let files = [format!("/f/1{sign}"), format!("/f/2{sign}")];
                Reply::new(200, json!({ "state": "done", "files": files }).to_string())
            }
        })
    });
    let mut at = None;
    read_all(&city, &mut at).await.unwrap_err();
    let (entries, _) = read_all(&city, &mut at).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["b"]));
    assert_eq!(n_begun(&city), 1);
    assert_eq!(paths(&city).iter().filter(|path| *path == "/f/1").count(), 1);
}

// https://github.com/forcedotcom/cli/issues/1759: of a result with several pages, only the first was read. The last
// page has the text `null` in the place of a token.
// https://github.com/forcedotcom/cli/issues/2968: the address of the second page had another path.
#[tokio::test]
async fn a_result_may_have_pages_of_its_own() {
    let city = exports(json!({ "count": "$.n" })).await.with(json!({
        "page": { "kind": "token", "param": "locator", "header": "Sforce-Locator" },
        "format": "csv", "records": "$",
    }));
    serve(&city, |request| {
        let is_result = request.path.ends_with("/result");
        let is_second = request.query.contains_key("locator");
        is_result.then(|| match is_second {
            true => Reply::new(200, "id\nc\n").with("sforce-locator", "null"),
            false => Reply::new(200, "id\na\nb\n").with("sforce-locator", "MQ"),
        })
    });
    let (entries, _) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a", "b", "c"]));
    let targets: Vec<String> =
        city.state().requests[2..].iter().map(|request| request.target.clone()).collect();
    assert_eq!(targets, ["/jobs/j1/result", "/jobs/j1/result?locator=MQ"]);
}

// https://github.com/penpot/penpot/issues/10776: the token of the interface went to the object store as well.
// https://github.com/amzn/selling-partner-api-docs/issues/2175: the signed address was cut after 512 bytes.
#[tokio::test]
async fn a_result_on_another_host_needs_a_setting_gets_no_credential_and_its_address_is_whole() {
    let store = one_page().await;
    store.answer(|_| Some(Reply::new(200, rows(&["a"]))));
    let signature = "x".repeat(1_500);
    let target = format!("/bucket/a?X-Amz-Expires=300&X-Amz-Signature={signature}");
    let address = format!("{}{target}", store.url);
    let result = json!({ "at": "$.url", "headers": { "X-Own": "y" } });
    let city = exports(json!({ "result": result })).await;
    let city = city.with(json!({ "auth": { "bearer": "t0ken" } }));
    serve(&city, move |_| {
        Some(Reply::new(200, json!({ "state": "done", "url": address }).to_string()))
    });
    let fault = read_all(&city, &mut None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("another host"), "{fault}");
    assert!(store.state().requests.is_empty());
    let city = city.with(json!({ "redirects": [store.url.clone()] }));
    let (entries, _) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a"]));
    let request = store.state().requests[0].clone();
    assert_eq!(request.target, target);
    assert!(!request.headers.contains_key("authorization"));
    assert!(!request.headers.contains_key("x-own"));
}

#[tokio::test]
async fn an_address_that_has_expired_is_asked_for_again() {
    let store = one_page().await;
    store.answer(|request| {
        Some(match request.query["v"].as_str() {
            "1" => Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"),
            _ => Reply::new(200, rows(&["a"])),
        })
    });
    let city = exports(json!({ "result": { "at": "$.url" } })).await;
    let city = city.with(json!({ "redirects": [store.url.clone()] }));
    let (url, mut n_polls) = (store.url.clone(), 0);
    serve(&city, move |_| {
        n_polls += 1;
        let url = format!("{url}/f?v={n_polls}");
        Some(Reply::new(200, json!({ "state": "done", "url": url }).to_string()))
    });
    let (entries, _) = read_all(&city, &mut None).await.unwrap();
    assert_eq!((keys_of(&entries), n_begun(&city)), (set(&["a"]), 1));
}

// https://github.com/SEED-platform/seed/issues/686: the export seemed to be done, and its file was asked for too early;
// status 400 means that the source is still at work.
#[tokio::test]
async fn the_result_is_asked_for_only_when_the_job_is_done() {
    let city = exports(json!({ "success": { "status": [200, 400] } })).await;
    let mut n_busy = 2;
    serve(&city, move |request| {
        if request.path.ends_with("/result") {
            assert_eq!(n_busy, 0);
            return None;
        }
        n_busy = i32::max(n_busy - 1, 0);
        (n_busy > 0).then(|| Reply::new(400, r#"{"state":"working","progress":100}"#))
    });
    let (entries, _) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(entries.len(), 2);
}

// https://github.com/reportportal/service-api/pull/1616: the file of an export that was not done was empty.
#[tokio::test]
async fn a_result_with_fewer_records_than_the_job_says_is_a_fault_and_no_short_list() {
    for (body, format) in [
        (rows(&["a"]), json!({})),
        (rows(&[]), json!({})),
        ("id\na\n".to_owned(), json!({ "format": "csv", "records": "$" })),
        ("{\"id\":\"a\"}\n".to_owned(), json!({ "format": "json_lines", "records": "$" })),
    ] {
        let city = exports(json!({ "count": "$.n" })).await.with(format);
        let result = body.clone();
        serve(&city, move |request| {
            request.path.ends_with("/result").then(|| Reply::new(200, result.clone()))
        });
        let mut at = None;
        let fault = read_all(&city, &mut at).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Transient, "{body}: {fault}");
        assert!(fault.to_string().contains("says that it has 2 records"), "{body}: {fault}");
        assert_eq!(n_begun(&city), 1, "{body}");
    }
}

#[tokio::test]
async fn parts_with_fewer_records_than_the_job_says_make_an_incomplete_pass() {
    let city = exports(json!({ "count": "$.n", "result": { "at": "$.files[*]" } })).await;
    serve(&city, |request| {
        Some(match request.path.as_str() {
            "/f/1" | "/f/2" => Reply::new(200, rows(&[&request.path])),
            _ => Reply::new(200, r#"{"state":"done","n":5,"files":["/f/1","/f/2"]}"#),
        })
    });
    let (_, end) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(end.complete(), Complete::No, "{end}");
}

#[tokio::test]
async fn an_empty_result_is_said_by_a_rule_or_a_count_and_not_asked_for() {
    let by_rule = json!({ "empty": [{ "at": "$.state", "equals": "done" }] });
    let by_count = json!({ "count": "$.zero" });
    for settings in [by_rule, by_count] {
        let city = exports(settings).await;
        serve(&city, |request| {
            assert!(!request.path.ends_with("/result"));
            Some(Reply::new(200, r#"{"state":"done","zero":0}"#))
        });
        let (entries, _) = read_all(&city, &mut None).await.unwrap();
        assert!(entries.is_empty());
    }
}

#[tokio::test]
async fn a_result_without_a_place_is_a_fault() {
    for named in [json!(null), json!(""), json!([]), json!({})] {
        let city = exports(json!({ "result": { "at": "$.url" } })).await;
        serve(&city, move |_| {
            Some(Reply::new(200, json!({ "state": "done", "url": named }).to_string()))
        });
        let fault = read_all(&city, &mut None).await.unwrap_err().to_string();
        assert!(fault.contains("no address of its result"), "{fault}");
    }
}

#[tokio::test]
async fn the_id_may_be_an_address_and_the_result_where_the_source_redirects_to() {
    let city = exports(json!({
        "id": { "header": "Location" },
        "url": "{{ job }}",
        "done": { "status": 303 },
        "result": { "header": "Location" },
    }))
    .await;
    let mut n_running = 1;
    city.answer(move |request| {
        Some(match request.path.as_str() {
            "/list" => Reply::new(202, "").with("location", "/queue/7"),
            "/queue/7" if n_running > 0 => {
                n_running -= 1;
                Reply::new(202, "").with("retry-after", "0")
            }
            "/queue/7" => Reply::new(303, "").with("location", "/files/7"),
            path => {
                assert_eq!(path, "/files/7");
                Reply::new(200, rows(&["a"]))
            }
        })
    });
    let (entries, _) = read_all(&city, &mut None).await.unwrap();
    assert_eq!(keys_of(&entries), set(&["a"]));
}
