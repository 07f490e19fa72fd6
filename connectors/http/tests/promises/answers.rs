//! How one answer is read: where its list is, which keys it has, and what it says about a failure.

use super::{faults::fault, *};

/// The entries of one page with this body, and the fault if there is one.
async fn read(city: &City, reply: Reply) -> Result<Vec<Entry>, contract::Fault> {
    city.answer(move |_| Some(reply.clone()));
    Ok(city.read(None).await?.entries)
}

fn reason(entry: &Entry) -> &str {
    match entry {
        Entry::Record(_) => panic!("{entry:?}"),
        Entry::Unreadable { reason, .. } => &reason.detail,
    }
}

#[tokio::test]
async fn links_in_several_headers_are_resolved_against_the_answer() {
    for link in [
        "</api/list?token=2>; REL=\"Next\"",
        "<?token=2>;rel=next",
        "<list?token=2>; rel=\"last next\"",
    ] {
        for next_is_first in [true, false] {
            let city = one_page().await.with(json!({ "page": { "kind": "link" } }));
            let url = format!("{}/api/list?v=1", city.url);
            let city = city.with(json!({ "url": url }));
            city.answer(move |request| {
                let is_first = !request.query.contains_key("token");
                let id = if is_first { "a" } else { "b" };
                assert_eq!(request.path, "/api/list");
                let reply =
                    Reply::new(200, json!({ "code": 0, "rows": [{ "id": id }] }).to_string());
                let own = "<?v=1>; rel=\"self\"; title=\"x, <?token=9>; rel=next\"";
                Some(match (is_first, next_is_first) {
                    (false, _) => reply.with("link", own),
                    (true, true) => reply.with("link", link).with("link", own),
                    (true, false) => reply.with("link", own).with("link", link),
                })
            });
            let (entries, _) = city.entries(None, 10).await;
            assert_eq!(keys_of(&entries), set(&["a", "b"]), "{link}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_its_list_is_no_empty_page() {
    for body in [
        r#"{"code":0,"rows":null}"#,
        r#"{"code":0,"rows":""}"#,
        r#"{"code":0,"list":[{"id":"a"}]}"#,
        r#"{"code":0,"msg":"系统繁忙","data":{}}"#,
        r#"{"code":0,"rows":[{"id":"a"}],"rows":[]}"#,
    ] {
        let fault = fault(&city().await, Reply::new(200, body)).await;
        assert_eq!(fault.kind(), FaultKind::Stopped, "{body}: {fault}");
    }
    let busy = Reply::new(200, r#"{"code":0,"msg":"系统繁忙","rows":null}"#);
    let text = fault(&city().await, busy.clone()).await.to_string();
    assert!(text.contains("no list at $.rows; the source says \"系统繁忙\" (code 0)"), "{text}");
    assert!(text.contains("status 200, no Content-Type"), "{text}");
    let said = one_page().await.with(json!({ "empty": [{ "at": "$.msg", "equals": "系统繁忙" }] }));
    assert!(read(&said, busy).await.unwrap().is_empty(), "the settings say that it is empty");
    assert!(
        read(&one_page().await, Reply::new(200, r#"{"code":0,"rows":[]}"#))
            .await
            .unwrap()
            .is_empty()
    );
    let object = one_page().await.with(json!({ "records": "$[*]", "success": { "status": 200 } }));
    assert!(read(&object, Reply::new(200, r#"{"code":7,"msg":"no"}"#)).await.is_err());
    let xml = one_page()
        .await
        .with(json!({ "records": "$.list[0].row[*]", "success": { "status": 200 } }));
    assert!(read(&xml, Reply::new(200, "<list/>")).await.unwrap().is_empty());
    assert!(read(&xml, Reply::new(200, "<other/>")).await.is_err());
}

#[tokio::test]
async fn a_record_without_an_exact_key_goes_to_quarantine_and_its_neighbours_pass() {
    let rows =
        r#"[{"id":null},{"id":1.5},{"id":true},{"id":"???"},{"v":1},{"id":18446744073709551617}]"#;
    let reply = Reply::new(200, format!(r#"{{"code":0,"rows":{rows}}}"#));
    let entries = read(&one_page().await, reply).await.unwrap();
    assert!(entries[..5].iter().all(|entry| reason(entry).starts_with("the value at $.id")));
    assert_eq!(key(&entries[5]), "18446744073709551617");
}

#[tokio::test]
async fn a_key_with_two_contents_in_one_answer_stops_or_ends_as_the_settings_say() {
    let rows =
        r#"{"code":0,"rows":[{"id":1,"n":1},{"id":"1","n":1},{"id":2,"n":1},{"id":2,"n":2}]}"#;
    let text = fault(&city().await, Reply::new(200, rows)).await.to_string();
    assert!(
        text.contains("records 3 and 4 have the key `2`") && text.contains("`duplicates`"),
        "{text}"
    );
    for (settings, keys, n_rejected) in [
        (json!({ "duplicates": "last" }), &["1", "2"][..], 0),
        (json!({ "duplicates": "quarantine" }), &["1"][..], 2),
        (
            json!({ "key": ["$.id", "$.n"] }),
            &[r#"["1","1"]"#, r#"["2","1"]"#, r#"["2","2"]"#][..],
            0,
        ),
    ] {
        let city = one_page().await.with(settings);
        city.answer(move |_| Some(Reply::new(200, rows)));
        let (entries, _) = city.entries(None, 10).await;
        let (records, rejected): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| matches!(entry, Entry::Record(_)));
        assert_eq!(keys_of(&records), set(keys));
        assert_eq!(records.len(), keys.len(), "each is read once");
        assert_eq!(rejected.len(), n_rejected);
        assert!(rejected.iter().all(|entry| reason(entry).contains("the key `2`")));
    }
}

#[tokio::test]
async fn lines_text_in_text_and_undeclared_gzip_are_read() {
    let city =
        || async { one_page().await.with(json!({ "success": { "status": 200 }, "records": "$" })) };
    let lines = "{\"id\":1}\n{\"id\":2,\n{\"id\":3}\n";
    let entries =
        read(&city().await, Reply::new(200, lines).with("content-type", "application/x-ndjson"))
            .await;
    let entries = entries.unwrap();
    assert_eq!((key(&entries[0]), key(&entries[2])), ("1".to_owned(), "3".to_owned()));
    assert!(reason(&entries[1]).contains("line 2"));
    let text = json!(json!({ "id": "路灯" }).to_string()).to_string();
    assert_eq!(key(&read(&city().await, Reply::new(200, text)).await.unwrap()[0]), "路灯");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, b"{\"id\":7}").unwrap();
    let packed = Reply::new(200, packed.finish().unwrap());
    assert_eq!(key(&read(&city().await, packed).await.unwrap()[0]), "7");
}

#[tokio::test]
async fn a_fault_says_what_the_source_says() {
    let soap = |code: &str| {
        format!(
            "<s:Envelope xmlns:s='urn:s'><s:Body><s:Fault><faultcode>s:{code}</faultcode>\
             <faultstring>参数 page 不对 13800001234</faultstring></s:Fault></s:Body></s:Envelope>"
        )
    };
    let soap12 = "<e:Envelope xmlns:e='urn:s'><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code>\
                  <e:Reason><e:Text xml:lang='zh'>参数 page 不对</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>";
    for (reply, kind, what) in [
        (
            Reply::new(500, soap("Client.Arg")),
            FaultKind::Stopped,
            "s:Client.Arg: \"参数 page 不对 …\"",
        ),
        (Reply::new(500, soap("Server")), FaultKind::Transient, "s:Server: \"参数 page"),
        (Reply::new(200, soap("Server")), FaultKind::Transient, "s:Server"),
        (Reply::new(400, soap12), FaultKind::Stopped, "e:Sender: \"参数 page 不对\""),
        (
            Reply::new(500, r#"{"error":{"code":9,"message":"库满"}}"#)
                .with("content-type", "application/json"),
            FaultKind::Transient,
            "status 500 (application/json): \"库满\" (code 9)",
        ),
        (Reply::new(404, "no such app"), FaultKind::Stopped, "status 404: \"no such app\""),
        (
            Reply::new(200, "<!DOCTYPE html><title>用户登录</title><form>")
                .with("content-type", "text/html"),
            FaultKind::Stopped,
            "HTML page with the title \"用户登录\", probably a login page",
        ),
    ] {
        let fault = fault(&city().await, reply).await;
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.to_string().contains(what), "{fault}");
    }
    let rule = json!([{ "at": "$.CODE", "equals": [3, 4], "kind": "stopped" }]);
    let fault =
        fault(&city().await.with(json!({ "fault": rule })), Reply::new(200, r#"{"CODE":4}"#)).await;
    assert!(fault.to_string().contains("the value \"4\" at $.CODE"), "{fault}");
}

#[tokio::test]
async fn an_empty_list_of_a_failure_is_not_the_end_of_the_pages() {
    for body in [
        json!({ "ok": false, "error": "ratelimited", "rows": [] }),
        json!({ "status": "fail", "message": "quota", "rows": [] }),
        json!({ "errors": [{ "message": "busy" }], "rows": [] }),
    ] {
        let mut city = city().await;
        city.settings.as_object_mut().unwrap().remove("success");
        let failure = body.to_string();
        city.answer(move |request| {
            let rows: Vec<Value> = (0..5).map(|n| json!({ "id": n })).collect();
            let first = json!({ "ok": true, "rows": rows }).to_string();
            let is_first = request.query["page"] == "1";
            Some(Reply::new(200, if is_first { first } else { failure.clone() }))
        });
        let first = city.read(None).await.unwrap();
        let fault = city.read(Some(&first.upto)).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains("reports a failure"), "{fault}");
        // The channel may know better.
        let city = city.with(json!({ "success": { "status": 200 } }));
        assert!(city.read(Some(&first.upto)).await.unwrap().end.is_some());
    }
}

#[tokio::test]
async fn the_charset_of_the_channel_decides_where_the_bytes_do_not() {
    // In GBK, the bytes of this word are those of two letters in UTF-8.
    let answer = |name: &str| {
        let text = r#"{"code":0,"rows":[{"id":1,"t":"楼漏"}]}"#;
        Reply::new(200, document::encode(text, normalizer_text::Charset::Gb18030).unwrap())
            .with("content-type", format!("application/json{name}"))
    };
    for (charset, name, text) in [
        (Some("gbk"), "", "楼漏"),
        (Some("gbk"), "; charset=utf-8", "楼漏"),
        (Some("gbk"), "; charset=UTF-8; v=1", "楼漏"),
        (None, "; charset=gbk", "楼漏"),
        (Some("utf-8"), "; charset=gbk", "楼漏"),
    ] {
        let city = one_page().await.with(json!({ "charset": charset }));
        let entries = read(&city, answer(name)).await.unwrap();
        assert_eq!(tree(&entries[0])["t"], text, "{charset:?} {name}");
    }
    // What is certainly UTF-8 is UTF-8.
    let city = one_page().await.with(json!({ "charset": "gbk" }));
    let body = r#"{"code":0,"rows":[{"id":1,"t":"小区电梯坏了"}]}"#;
    let entries = read(&city, Reply::new(200, body)).await.unwrap();
    assert_eq!(tree(&entries[0])["t"], "小区电梯坏了");
}

#[tokio::test]
async fn a_group_without_its_list_is_no_group_without_records() {
    let mut city = one_page().await.with(json!({ "total": "$.total" }));
    for second in [json!({ "n": "b" }), json!({ "rows": null })] {
        let groups = json!([{ "rows": [{ "id": "a" }] }, second]);
        let body = json!({ "code": 0, "total": 1, "groups": groups }).to_string();
        for (records, is_read) in [
            ("$.groups[*].rows[*]", false),
            // The remedy of the fault.
            ("$.groups[?@.rows && @.rows != null].rows[*]", true),
        ] {
            city.settings["records"] = records.into();
            match read(&city, Reply::new(200, body.clone())).await {
                Ok(entries) => assert!(is_read && keys_of(&entries) == set(&["a"]), "{body}"),
                Err(fault) => {
                    let is_named = fault.to_string().contains("1 of 2 values at $.groups[*] lack");
                    assert!(!is_read && is_named, "{fault}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_empty_page_beside_a_failure_is_no_end_in_any_kind_of_pages() {
    for (page, next, first) in [
        (json!({ "kind": "number", "param": "p" }), "p", "1"),
        (json!({ "kind": "offset", "param": "p" }), "p", "0"),
        (json!({ "kind": "token", "param": "p", "at": "$.token" }), "p", ""),
        (json!({ "kind": "keyset", "param": "p", "at": "$.id" }), "p", ""),
        (json!({ "kind": "next", "at": "$.next" }), "q", ""),
        (json!({ "kind": "link" }), "q", ""),
    ] {
        let kind = page["kind"].clone();
        let mut city = one_page().await.with(json!({ "page": page }));
        city.settings.as_object_mut().unwrap().remove("success");
        city.answer(move |request| {
            let is_first = request.query.get(next).is_none_or(|value| value == first);
            let body = match is_first {
                true => {
                    json!({ "rows": [{ "id": "a" }, { "id": "b" }], "token": "t", "next": "?q=2" })
                }
                false => json!({ "code": 500, "message": "database down", "rows": [] }),
            };
            Some(Reply::new(200, body.to_string()).with("link", "<?q=2>; rel=next"))
        });
        let (mut http, mut at) = (city.http(), None);
        let fault = loop {
            match http.read(at.as_ref(), 10).await {
                Ok(batch) => {
                    assert_eq!(batch.end, None, "{kind}");
                    at = Some(batch.upto);
                }
                Err(fault) => break fault.to_string(),
            }
        };
        assert!(fault.contains("database down"), "{kind}: {fault}");
    }
}
