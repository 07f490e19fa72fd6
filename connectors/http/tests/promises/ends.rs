//! What looks like the end of a list and is none: pages that do not exist, and answers that are not whole.

use contract::{Complete, EndedBy};

use super::{
    walks::{answer, list, number, pass, records},
    *,
};

#[tokio::test]
async fn a_page_that_does_not_exist_is_the_end_only_behind_a_page_that_may_be_the_last() {
    let number_page = || json!({ "kind": "number", "param": "page" });
    let stop_total = json!({ "kind": "number", "param": "page", "stop": { "total": "$.total" } });
    let stop_pages = json!({ "kind": "number", "param": "page", "stop": { "pages": "$.pages" } });
    let last = json!({ "last": { "at": "$.more", "equals": false } });
    for (page, settings, rows, more, is_end) in [
        (number_page(), json!({}), 0..4, json!({}), false),
        (number_page(), json!({}), 0..3, json!({}), true),
        (stop_pages, json!({}), 0..2, json!({ "pages": 3 }), false),
        (number_page(), last.clone(), 0..3, json!({ "more": true }), false),
        (number_page(), json!({ "total": "$.total" }), 0..4, json!({ "total": 4 }), true),
        (number_page(), json!({ "total": "$.total" }), 0..4, json!({ "total": 9 }), false),
        (stop_total, json!({}), 0..4, json!({ "total": 9 }), false),
    ] {
        for (status, text) in [(404, "no such page"), (410, "gone"), (204, "")] {
            let city = list(page.clone(), settings.clone()).await;
            let (n_rows, beside) = (rows.end, more.clone());
            city.answer(move |request| {
                let from = 2 * number(request, "page").unwrap() - 2;
                Some(match from < n_rows {
                    true => answer(&records(from..n_rows.min(from + 2)), beside.clone()),
                    false => Reply::new(status, text),
                })
            });
            let (_, end) = pass(&city).await.unwrap();
            let is_whole = end.complete() != Complete::No;
            // A server that is well answers with 204, and nothing in its answers speaks against that.
            let is_plain = status == 204 && settings == json!({}) && more == json!({});
            assert_eq!(is_whole, is_end || is_plain, "{status} {page} {settings} {more}: {end:?}");
            // The channel may know better.
            let rule = match text {
                "gone" => json!({ "contains": text }),
                _ => json!({ "status": status }),
            };
            let city = city.with(json!({ "empty": [rule] }));
            let (_, end) = pass(&city).await.unwrap();
            assert!(end.gap.is_none_or(|gap| !gap.contains("does not exist")), "{status} {page}");
        }
    }
}

#[tokio::test]
async fn without_a_size_the_first_page_of_a_list_may_be_all_of_it() {
    let page = json!({ "kind": "number", "param": "page", "stop": "empty" });
    let city = City::new(json!({ "page": page })).await;
    city.answer(|request| {
        Some(match number(request, "page") {
            Some(1) => answer(&records(0..2), json!({})),
            _ => Reply::new(404, ""),
        })
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!(keys.len(), 2);
    assert_ne!(end.complete(), Complete::No, "{end:?}");
}

#[tokio::test]
async fn the_position_does_not_move_beyond_a_page_that_does_not_exist() {
    let since = json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" });
    let page = json!({ "kind": "number", "param": "page" });
    let city = list(page, json!({ "since": since })).await;
    let is_broken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let broken = std::sync::Arc::clone(&is_broken);
    city.answer(move |request| {
        let page = number(request, "page").unwrap();
        Some(match page {
            2 if broken.load(std::sync::atomic::Ordering::Relaxed) => Reply::new(404, ""),
            1..=3 if !request.query.contains_key("from") => {
                answer(&records(2 * page - 2..2 * page), json!({}))
            }
            _ => answer(&json!([]), json!({})),
        })
    });
    let (mut http, mut at, mut keys) = (city.http(), None, BTreeSet::new());
    let mut n_passes = 0;
    while n_passes < 2 {
        let batch = http.read(at.as_ref(), 100).await.unwrap();
        keys.extend(batch.entries.iter().map(key));
        if let Some(end) = batch.end {
            assert_eq!(end.complete() == Complete::No, n_passes == 0, "{end:?}");
            is_broken.store(false, std::sync::atomic::Ordering::Relaxed);
            n_passes += 1;
        }
        at = Some(batch.upto);
    }
    assert_eq!(keys.len(), 6);
}

#[tokio::test]
async fn a_source_that_no_longer_knows_its_token_is_read_from_its_start_again() {
    let page = json!({ "kind": "token", "param": "token", "at": "$.token" });
    let city = list(page, json!({})).await;
    let mut is_expired = true;
    city.answer(move |request| {
        let n = number(request, "token").unwrap_or(0);
        if n == 2 && is_expired {
            return Some(Reply::new(410, r#"{"message":"cursor expired"}"#));
        }
        is_expired &= n != 0 || !request.query.contains_key("again");
        let next = (n < 3).then_some(n + 1);
        Some(answer(&records(2 * n..2 * n + 2), json!({ "token": next })))
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!(keys.len(), 4);
    assert!(end.gap.unwrap().contains("page 3 does not exist (status 410)"));
    let url = format!("{}/list?again=1", city.url);
    let (keys, end) = pass(&city.with(json!({ "url": url }))).await.unwrap();
    assert_eq!((keys.len(), end.gap), (8, None));
}

#[tokio::test]
async fn a_page_that_repeats_another_in_the_middle_of_a_list_is_a_gap() {
    for (shown, is_gap) in [
        (&[1, 1, 3][..], true),
        (&[1, 2, 3], false),
        // Beyond its last page, the source answers with the last one.
        (&[1, 2, 2, 2, 2, 2], false),
    ] {
        let city = list(json!({ "kind": "number", "param": "page" }), json!({})).await;
        city.answer(move |request| {
            let page = shown.get(number(request, "page").unwrap() - 1);
            let rows = page.map_or(json!([]), |page| records(2 * page - 2..2 * page));
            Some(answer(&rows, json!({})))
        });
        let (_, end) = pass(&city).await.unwrap();
        let gap = "a page had the same records as an earlier one, instead of its own";
        assert_eq!(end.gap.as_deref(), is_gap.then_some(gap), "{shown:?}: {end:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_whole_is_a_fault() {
    let body = answer(&records(0..1), json!({})).body;
    for status in [202, 206] {
        let city = one_page().await;
        let served = body.clone();
        city.answer(move |_| Some(Reply::new(status, served.clone())));
        assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Transient, "{status}");
        let city = city.with(json!({ "success": { "status": status } }));
        assert_eq!(city.read(None).await.unwrap().entries.len(), 1, "the settings know it");
    }
    let lines = json!({ "success": { "status": 200 }, "records": "$" });
    let city = one_page().await.with(lines);
    let cut = Reply::new(200, "{\"id\":1}\n{\"id\":2,\"t\":\"路")
        .with("content-type", "application/x-ndjson");
    city.answer(move |_| Some(cut.clone()));
    let fault = city.read(None).await.unwrap_err().to_string();
    assert!(fault.contains("ends within a line"), "{fault}");
}

#[tokio::test]
async fn of_one_record_on_two_pages_the_newer_state_is_read() {
    let since = json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" });
    for (first, second) in [("10", "11"), ("11", "10")] {
        let page = json!({ "kind": "number", "param": "page" });
        let city = list(page, json!({ "since": since, "total": "$.total" })).await;
        let time = |hour: &str| format!("2026-10-09 {hour}:00:00");
        let pages = [
            json!([{ "id": "a", "t": time(first) }, { "id": "b", "t": time("09") }]),
            json!([{ "id": "c", "t": time("09") }, { "id": "a", "t": time(second) }]),
        ];
        city.answer(move |request| {
            let rows = pages.get(number(request, "page").unwrap() - 1).cloned();
            Some(answer(&rows.unwrap_or(json!([])), json!({ "total": 3 })))
        });
        let (entries, _) = city.entries(None, 100).await;
        let last = entries.iter().rfind(|entry| key(entry) == "a").unwrap();
        assert_eq!(tree(last)["t"], time("11"), "{first} {second}");
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!((end.distinct, end.complete()), (Some(3), Complete::Yes), "{end:?}");
    }
}

#[tokio::test]
async fn a_total_that_is_only_right_on_the_first_page_is_the_one_that_counts() {
    for (n, complete) in [(6, Complete::Unknown), (4, Complete::No)] {
        let city =
            list(json!({ "kind": "number", "param": "page" }), json!({ "total": "$.total" })).await;
        city.answer(move |request| {
            let page = number(request, "page").unwrap();
            let rows = if 2 * page <= n { records(2 * page - 2..2 * page) } else { json!([]) };
            Some(answer(&rows, json!({ "total": if page == 1 { 6 } else { 2 } })))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert_eq!(end.complete(), complete, "{n}: {end}");
        assert!(!end.to_string().contains("does not say"), "{end}");
    }
}

#[tokio::test]
async fn a_source_whose_numbers_begin_anew_is_read_from_its_start_again() {
    for kind in ["keyset", "newest"] {
        let page = json!({ "kind": kind, "param": "n", "at": "$.id" });
        let city = list(page, json!({})).await;
        let first = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(50));
        let serving = std::sync::Arc::clone(&first);
        city.answer(move |request| {
            let first = serving.load(std::sync::atomic::Ordering::Relaxed);
            let mut ids: Vec<usize> = (first..first + 4).collect();
            let asked = number(request, "n");
            if kind == "newest" {
                ids.reverse();
                ids.retain(|id| asked.is_none_or(|asked| *id < asked));
            } else {
                ids.retain(|id| asked.is_none_or(|asked| *id > asked));
            }
            let rows: Value = ids.iter().take(2).map(|id| json!({ "id": id })).collect();
            Some(answer(&rows, json!({})))
        });
        let (mut http, mut at, mut keys, mut doubts) =
            (city.http(), None, BTreeSet::new(), Vec::new());
        while doubts.len() < 3 {
            let batch = http.read(at.as_ref(), 100).await.unwrap();
            keys.extend(batch.entries.iter().map(key));
            if let Some(end) = batch.end {
                assert_eq!(end.gap, None, "{kind}");
                doubts.push(end.doubt.is_some_and(|doubt| doubt.contains("no longer has")));
                first.store(1, std::sync::atomic::Ordering::Relaxed);
            }
            at = Some(batch.upto);
        }
        assert_eq!(doubts, [false, true, false], "{kind}");
        assert_eq!(keys.len(), 8, "{kind}: {keys:?}");
    }
}

#[tokio::test]
async fn a_part_that_has_nothing_is_asked_for_again_unless_the_settings_know_it() {
    let missing = json!([{ "contains": "\"data\":null" }]);
    for (body, settings, is_read) in [
        (r#"{"code":0,"data":null}"#, json!({}), false),
        (r#"{"code":0,"data":null}"#, json!({ "missing": missing }), true),
        (r#"{"code":0,"data":null,"msg":"查询超时"}"#, json!({}), false),
        (r#"{"code":"1","msg":"fail","data":null}"#, json!({}), false),
        (r#"{"errcode":40001,"errmsg":"token invalid"}"#, json!({}), false),
        ("{}", json!({}), false),
        ("[]", json!({}), true),
        (r#"{"code":200,"msg":"ok","data":[]}"#, json!({}), true),
        (r#"{"code":0,"errors":[],"data":null}"#, json!({}), false),
        (
            r#"{"success":true,"code":200,"message":"操作成功","result":{"id":1,"status":-1}}"#,
            json!({}),
            true,
        ),
        (r#"{"message":"操作","result":{"code":500,"msg":"x"}}"#, json!({}), false),
        ("[]", json!({ "records": "$[*]" }), true),
        (r#"{"code":0,"data":{"text":"x"}}"#, json!({}), true),
    ] {
        let mut city = one_page().await;
        city.settings.as_object_mut().unwrap().remove("success");
        let mut part =
            json!({ "name": "d", "url": format!("{}/part", city.url), "params": { "id": "$.id" } });
        part.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let city = city.with(json!({ "part": [part] }));
        city.answer(move |request| {
            Some(match request.path == "/part" {
                true => Reply::new(200, body),
                false => answer(&records(0..1), json!({})),
            })
        });
        assert_eq!(city.read(None).await.is_ok(), is_read, "{body} {settings}");
    }
}

#[tokio::test]
async fn what_a_source_repeats_of_a_request_is_shown_without_its_secrets() {
    for (auth, secret) in [
        (json!({ "bearer": "s3cretToken" }), "s3cretToken"),
        (json!({ "basic": { "user": "c", "password": "s3cretWord" } }), "YzpzM2NyZXRXb3Jk"),
    ] {
        let city = one_page().await.with(json!({ "auth": auth }));
        city.answer(|request| {
            let echo = request.headers["authorization"].clone();
            let body = json!({ "message": format!("denied {echo} of you") }).to_string();
            Some(Reply::new(403, body).with("x-echo", echo))
        });
        let mut http = city.http();
        let fault = http.read(None, 100).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped);
        let exchange = http.failed_exchange().unwrap();
        for shown in [fault.to_string(), exchange.head, exchange.body] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let fault = fault.to_string();
        assert!(fault.contains("denied") && fault.contains("ask for access"), "{fault}");
    }
}

#[tokio::test]
async fn a_redirect_that_is_not_allowed_is_shown_without_the_secrets_that_it_repeats() {
    let city = one_page().await.with(json!({ "auth": { "bearer": "s3cretToken" } }));
    city.answer(|request| {
        let echo = request.headers["authorization"].clone();
        let location = "http://elsewhere.example/list";
        Some(Reply::new(302, "").with("location", location).with("x-echo", echo))
    });
    let mut http = city.http();
    let fault = http.read(None, 100).await.unwrap_err().to_string();
    assert!(fault.contains("refers to another host"), "{fault}");
    let head = http.failed_exchange().unwrap().head;
    assert!(head.contains("x-echo: Bearer …") && !head.contains("s3cretToken"), "{head}");
}

#[tokio::test]
async fn an_empty_list_with_a_code_that_came_with_records_is_the_end() {
    let mut city = list(json!({ "kind": "number", "param": "page" }), json!({})).await;
    city.settings.as_object_mut().unwrap().remove("success");
    city.answer(|request| {
        let rows = if number(request, "page") == Some(1) { records(0..2) } else { json!([]) };
        let body = json!({ "code": 7, "message": "第 2 批", "rows": rows });
        Some(Reply::new(200, body.to_string()))
    });
    let (keys, end) = pass(&city).await.unwrap();
    assert_eq!((keys.len(), end.end, end.gap), (2, EndedBy::Empty, None));
}

#[tokio::test]
async fn records_that_the_settings_cannot_find_are_named_where_nothing_says_that_all_came() {
    let since = json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S" });
    let keyset = json!({ "kind": "keyset", "param": "n", "at": "$.id" });
    for (settings, says) in [
        (json!({ "since": since }), "set `since.at`"),
        (json!({ "page": keyset }), "its number is before the last one"),
        (json!({}), "does not say how many"),
    ] {
        let city = one_page().await.with(settings);
        city.answer(|request| {
            let rows = if request.query.contains_key("n") { json!([]) } else { records(0..1) };
            Some(answer(&rows, json!({})))
        });
        let (_, end) = pass(&city).await.unwrap();
        assert!(end.to_string().contains(says), "{end}");
    }
}

#[tokio::test]
async fn an_empty_page_that_says_something_else_than_the_end_is_not_believed() {
    for kind in ["number", "offset", "token"] {
        for (remark, with_records, is_end) in [
            (json!({ "message": "Result window is too large [30]" }), json!({}), false),
            (json!({ "message": "page number exceeds the maximum of 2" }), json!({}), false),
            (json!({ "message": "查询成功，仅返回前1000条" }), json!({ "message": "成功" }), false),
            (json!({ "timed_out": true }), json!({ "timed_out": false }), false),
            (json!({ "truncated": true }), json!({}), false),
            (json!({ "hasMore": true }), json!({ "hasMore": true }), false),
            (json!({ "resultCode": "E1001" }), json!({ "resultCode": "0" }), false),
            (json!({ "retcode": 1 }), json!({}), false),
            (json!({ "retcode": 1 }), json!({ "retcode": 1 }), true),
            (json!({ "retcode": 1, "msg": "暂无数据" }), json!({ "retcode": 2 }), true),
            (json!({ "message": "查询成功" }), json!({}), true),
            (json!({ "message": "no more" }), json!({}), true),
            (json!({ "message": "第 3 批" }), json!({ "message": "第 2 批" }), true),
            (json!({}), json!({ "message": "第 2 批" }), true),
        ] {
            let mut page = json!({ "kind": kind, "param": "p" });
            if kind == "token" {
                page["at"] = json!("$.next");
            }
            let mut city = list(page, json!({})).await;
            city.settings.as_object_mut().unwrap().remove("success");
            let (said, beside) = (remark.clone(), with_records.clone());
            city.answer(move |request| {
                let n = number(request, "p").unwrap_or(0);
                let from = match kind {
                    "number" => 2 * n - 2,
                    "offset" => n,
                    _ => 2 * n,
                };
                let has_records = from < 4;
                let rows = if has_records { records(from..from + 2) } else { json!([]) };
                let mut body = json!({ "rows": rows });
                let more = if has_records { &beside } else { &said };
                body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                body["next"] = if has_records { json!(n + 1) } else { Value::Null };
                Some(Reply::new(200, body.to_string()))
            });
            let (_, end) = pass(&city).await.unwrap();
            assert_eq!(end.complete() != Complete::No, is_end, "{kind} {remark}: {end:?}");
            assert!(end.gap.is_none_or(|gap| gap.contains("[[http.empty]]")), "{kind} {remark}");
            let rule = json!({ "empty": [{ "contains": "\"rows\":[]" }] });
            let (_, end) = pass(&city.with(rule)).await.unwrap();
            assert_eq!(end.gap, None, "the settings know it: {kind} {remark}");
        }
    }
}

#[tokio::test]
async fn tokens_and_addresses_that_lead_back_to_an_earlier_page_are_no_end() {
    // Where each page leads to: the last may repeat itself, with or without records.
    for (leads, n_empty, is_end) in [
        (&[1, 2, 1][..], 0, false),
        (&[1, 2, 3, 4, 2], 0, false),
        (&[1, 2, 0], 0, false),
        (&[1, 2, 3, 2], 2, false),
        (&[1, 2, 2], 0, true),
        (&[1, 2, 2], 1, true),
        (&[1, 1], 1, true),
    ] {
        for kind in ["token", "next", "link"] {
            let page = match kind {
                "token" => json!({ "kind": kind, "param": "t", "at": "$.next" }),
                "next" => json!({ "kind": kind, "at": "$.next" }),
                _ => json!({ "kind": kind }),
            };
            let city = City::new(json!({ "page": page })).await;
            city.answer(move |request| {
                let n = number(request, "t").unwrap_or(0);
                let is_empty = n + n_empty >= leads.len();
                let rows = if is_empty { json!([]) } else { records(2 * n..2 * n + 2) };
                let next = match kind {
                    "token" => json!(leads[n].to_string()),
                    _ => json!(format!("/list?t={}", leads[n])),
                };
                let reply = answer(&rows, json!({ "next": next }));
                Some(match kind {
                    "link" => reply.with("link", format!("<{}>; rel=next", next.as_str().unwrap())),
                    _ => reply,
                })
            });
            let (_, end) = pass(&city).await.unwrap();
            assert_eq!(end.complete() != Complete::No, is_end, "{kind} {leads:?}: {end:?}");
            let says = "goes back to an earlier page";
            assert!(is_end || end.gap.unwrap().contains(says), "{kind} {leads:?}");
        }
    }
}

#[tokio::test]
async fn pages_after_a_value_of_a_list_that_descends_are_incomplete() {
    for size in [2, 3, 5] {
        let size_param = json!({ "param": "size", "value": size });
        let page = json!({ "kind": "keyset", "param": "after", "at": "$.n", "size": size_param });
        for descends in [true, false] {
            let city = City::new(json!({ "page": page })).await;
            city.answer(move |request| {
                let after = number(request, "after").unwrap_or(0);
                let mut numbers: Vec<usize> = (1..13).filter(|n| *n > after).collect();
                if descends {
                    numbers.reverse();
                }
                let rows = numbers.iter().take(size).map(|n| json!({ "id": n, "n": n })).collect();
                Some(answer(&rows, json!({})))
            });
            let (keys, end) = pass(&city).await.unwrap();
            assert_eq!(end.complete() == Complete::No, descends, "{size}: {end:?}");
            assert_eq!(keys.len() < 12, descends);
            assert!(!descends || end.gap.unwrap().contains("not in order on page 1"), "{size}");
        }
    }
}
