//! Answers whose list is not what it seems: members of an error, values that a filter leaves out, remarks.

use contract::Complete;

use super::{
    walks::{answer, list, number, pass, records},
    *,
};

fn number_page() -> Value {
    json!({ "kind": "number", "param": "page" })
}

/// A channel whose records are at `path`, and whose answers say nothing about their success.
async fn plain(page: Value, path: &str) -> City {
    let mut city = list(page, json!({ "records": path })).await;
    city.settings.as_object_mut().unwrap().remove("success");
    city
}

#[tokio::test]
async fn an_error_in_the_place_of_the_list_is_no_record() {
    for (body, says) in [
        (r#"{"error":{"code":"50001","message":"down"}}"#, "no list at $"),
        (r#"{"code":500,"msg":"错误","data":{}}"#, "no list at $"),
        (r#"{"status":{"code":500}}"#, "no list at $"),
        (r#"[{"code":500,"description":"internal error"}]"#, "reports a failure"),
    ] {
        let city = plain(number_page(), "$[*]").await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            let rows = records(2 * page - 2..2 * page);
            Some(Reply::new(200, if page < 3 { rows.to_string() } else { body.to_owned() }))
        });
        let fault = pass(&city).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{body}");
        assert!(fault.to_string().contains(says), "{body}: {fault}");
    }
}

#[tokio::test]
async fn a_list_may_be_an_object_and_a_page_may_have_only_records_that_cannot_be_read() {
    for body in [r#"{"a":{"id":"r0"},"b":{"id":"r1"},"total":2}"#, r#"[{"x":1},{"x":2}]"#] {
        let city =
            one_page().await.with(json!({ "records": "$[*]", "success": { "status": 200 } }));
        city.answer(move |_| Some(Reply::new(200, body)));
        let batch = city.read(None).await.unwrap();
        let n = if body.starts_with('[') { 2 } else { 3 };
        assert_eq!(batch.entries.len(), n, "{body}");
    }
}

#[tokio::test]
async fn a_page_of_which_a_filter_selects_nothing_is_not_the_last() {
    for page in [
        json!({ "kind": "number", "param": "page", "stop": "short" }),
        number_page(),
        json!({ "kind": "offset", "param": "offset" }),
        json!({ "kind": "keyset", "param": "after", "at": "$.id" }),
    ] {
        let city = list(page.clone(), json!({ "records": "$.rows[?@.kind=='a']" })).await;
        city.answer(|request| {
            let rows = (0..9).map(|n| {
                json!({ "id": format!("r{n}"), "kind": if (2..6).contains(&n) { "b" } else { "a" } })
            });
            let after = |id: &Value| {
                request.query.get("after").is_none_or(|after| id.as_str() > Some(after.as_str()))
            };
            let rows: Vec<Value> = rows.filter(|row| after(&row["id"])).collect();
            let from = number(request, "page").map(|page| 2 * page - 2);
            let from = from.or(number(request, "offset")).unwrap_or(0);
            let size = number(request, "size").unwrap();
            let rows: Vec<Value> = rows.into_iter().skip(from).take(size).collect();
            Some(answer(&rows.into(), json!({ "total": 9 })))
        });
        let (keys, _) = pass(&city).await.unwrap();
        assert_eq!(keys, set(&["r0", "r1", "r6", "r7", "r8"]), "{page}");
    }
}

#[tokio::test]
async fn a_line_with_a_sum_on_each_page_is_no_progress() {
    // Beyond the last page, a source has only the line, or the last page again.
    for repeats in [false, true] {
        for path in ["$[*]", "$[?@.id]"] {
            let city = plain(number_page(), path).await;
            city.answer(move |request| {
                let page = number(request, "page").unwrap();
                let shown = if repeats { page.min(3) } else { page };
                let mut lines: Vec<String> = (2 * shown - 2..(2 * shown).min(6))
                    .map(|n| json!({ "id": format!("r{n}") }).to_string())
                    .collect();
                lines.push(json!({ "total": 6, "page": page }).to_string());
                let lines = Reply::new(200, lines.join("\n") + "\n");
                Some(lines.with("content-type", "application/x-ndjson"))
            });
            let (keys, _) = pass(&city).await.unwrap();
            assert!((0..6).all(|n| keys.contains(&format!("r{n}"))), "{repeats} {path}: {keys:?}");
            let n_requests = city.state().requests.len();
            assert!(n_requests < 20, "{repeats} {path}: {n_requests}");
        }
    }
}

#[tokio::test]
async fn the_same_remark_beyond_the_last_page_is_no_page_that_came_again() {
    for remark in ["null", "{}", r#"{"id":null}"#, r#"{"total":6}"#] {
        let city = plain(number_page(), "$.rows[*]").await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            let rows = records((2 * page - 2).min(6)..(2 * page).min(6));
            let beyond = format!(r#"{{"rows":[{remark}]}}"#);
            Some(Reply::new(
                200,
                if page < 4 { json!({ "rows": rows }).to_string() } else { beyond },
            ))
        });
        let (keys, end) = pass(&city).await.unwrap();
        assert!((0..6).all(|n| keys.contains(&format!("r{n}"))), "{remark}: {keys:?}");
        assert_ne!(end.complete(), Complete::No, "{remark}: {end:?}");
    }
}

#[tokio::test]
async fn no_list_beyond_the_last_record_is_the_end_only_if_all_that_are_counted_came() {
    for (total, is_end) in [(4, true), (5, false)] {
        let city = list(number_page(), json!({ "total": "$.total" })).await;
        city.answer(move |request| {
            Some(match number(request, "page").unwrap() {
                page @ 1..=2 => answer(&records(2 * page - 2..2 * page), json!({ "total": total })),
                _ => answer(&Value::Null, json!({ "total": total })),
            })
        });
        match pass(&city).await {
            Ok((keys, end)) => {
                assert!(is_end && keys.len() == 4, "{total}");
                assert_eq!(end.complete(), Complete::Yes, "{end:?}");
            }
            Err(fault) => assert!(!is_end, "{total}: {fault}"),
        }
    }
}

#[tokio::test]
async fn a_total_that_cannot_be_read_is_said_so() {
    for (total, says) in [
        (json!("2条"), Some("the total cannot be read")),
        (json!({ "value": 2 }), Some("the total cannot be read")),
        (json!(null), Some("no answer has a total at $.total")),
        (json!(2.0), None),
        (json!("2"), None),
    ] {
        let city = one_page().await.with(json!({ "total": "$.total" }));
        let shown = total.clone();
        city.answer(move |_| Some(answer(&records(0..2), json!({ "total": shown }))));
        let (_, end) = pass(&city).await.unwrap();
        let is_said = says.is_none_or(|says| end.doubt.clone().unwrap().contains(says));
        assert!(is_said, "{total}: {end:?}");
        assert_eq!(end.complete() == Complete::Yes, says.is_none(), "{total}: {end:?}");
    }
}

#[tokio::test]
async fn a_link_header_that_cannot_be_read_is_a_gap() {
    for (header, is_gap) in [("</list?x=2>; rel='next'", false), ("/list?x=2; rel=next", true)] {
        let city = list(json!({ "kind": "link" }), json!({})).await;
        city.answer(move |request| {
            let is_first = !request.query.contains_key("x");
            let page = answer(&records(if is_first { 0..2 } else { 2..4 }), json!({}));
            Some(if is_first { page.with("link", header) } else { page })
        });
        let (keys, end) = pass(&city).await.unwrap();
        assert_eq!(
            (keys.len(), end.gap.is_some()),
            (if is_gap { 2 } else { 4 }, is_gap),
            "{end:?}"
        );
    }
}
