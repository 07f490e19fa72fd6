//! Faults, and what is done about them.

use super::*;

async fn fault(city: &City, reply: Reply) -> contract::Fault {
    city.desk().scripted.clear();
    for _ in 0..3 {
        city.script(reply.clone());
    }
    city.read(None).await.unwrap_err()
}

#[tokio::test]
async fn every_status_has_a_remedy() {
    let city = city().await;
    let wait = |secs: u64| FaultKind::Throttled(Duration::from_secs(secs));
    for (reply, kind) in [
        (Reply::new(401, "{}"), FaultKind::Stopped),
        (Reply::new(403, "{}"), FaultKind::Stopped),
        (Reply::new(404, ""), FaultKind::Stopped),
        (
            Reply::new(302, "").with("location", "http://elsewhere.example/login"),
            FaultKind::Stopped,
        ),
        (Reply::new(429, ""), wait(30)),
        (Reply::new(429, "").with("retry-after", "7"), wait(7)),
        (Reply::new(429, "").with("retry-after", "Fri, 09 Oct 2026 10:02:00 GMT"), wait(120)),
        (Reply::new(500, "oops"), FaultKind::Transient),
        (Reply::new(502, "<html>"), FaultKind::Transient),
        (Reply::new(503, "").with("retry-after", "90"), wait(90)),
        (Reply::new(200, "garbage \u{0}"), FaultKind::Stopped),
        (Reply::new(200, "{\"code\":0,\"rows\":["), FaultKind::Stopped),
        (Reply::new(200, b"\xff\xfe\x00".to_vec()), FaultKind::Stopped),
        (Reply::new(200, "<html>please enable javascript</html>"), FaultKind::Stopped),
    ] {
        let fault = fault(&city, reply.clone()).await;
        assert_eq!(fault.kind(), kind, "{} {fault}", reply.status);
        assert!(fault.to_string().starts_with("source 127.0.0.1:"), "{fault}");
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_reached_is_asked_again_later() {
    let mut city = city().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    city.settings["url"] = format!("http://{address}/list?token=s3cret").into();
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    let city = city().await.with(json!({ "url": url, "timeout": "50ms" }));
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Transient);
    assert!(fault.to_string().contains("50ms"), "{fault}");
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_asked_for_three_times() {
    let mut city = city().await;
    city.add(&["a".into()], HOUR).await;
    for _ in 0..2 {
        city.script(Reply::new(200, "garbage"));
    }
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["a"]));
    city.desk().asked.clear();
    let fault = fault(&city, Reply::new(200, "garbage")).await;
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert_eq!(city.desk().asked.len(), 3);
    assert!(!fault.to_string().contains("garbage"), "{fault}");
}

#[tokio::test]
async fn a_page_that_cannot_be_read_goes_to_quarantine_where_the_channel_says_so() {
    let mut city = city().await.with(json!({ "on_bad_page": "quarantine" }));
    for n in 0..12_u32 {
        city.add(&[format!("r{n:02}")], HOUR * (20 - n)).await;
    }
    city.answer(|asked| {
        let is_bad = asked.query.get("page").is_some_and(|page| page == "2");
        is_bad.then(|| Reply::new(200, "garbage"))
    });
    let (entries, _) = city.entries(None, 100).await;
    let bad: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            matches!(entry, Entry::Unreadable { reason, bytes, place }
                if reason.code == "bad_page" && &bytes[..] == b"garbage" && place.at == "page 2")
        })
        .collect();
    assert!(!bad.is_empty());
    assert!(keys_of(&entries).is_superset(&set(&["r00", "r04", "r10", "r11"])));
}

#[tokio::test]
async fn a_source_that_repeats_its_page_is_found_within_two_pages() {
    let city = city().await;
    city.answer(|_| {
        let body = json!({ "code": 0, "rows": [{ "id": "a", "t": "" }, { "id": "b", "t": "" }] });
        Some(Reply::new(200, body.to_string()))
    });
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    assert!(!first.caught_up);
    let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("page 2 is page 1 again"), "{fault}");
}

#[tokio::test]
async fn a_record_without_a_key_is_reported_and_its_neighbours_pass() {
    let city = one_page().await;
    city.answer(|_| {
        let body =
            json!({ "code": 0, "rows": [{ "id": "a" }, { "x": 1 }, { "id": null }, { "id": 7 }] });
        Some(Reply::new(200, body.to_string()))
    });
    let (entries, _) = city.entries(None, 100).await;
    let n_missing = entries
        .iter()
        .filter(|e| matches!(e, Entry::Unreadable { reason, .. } if reason.code == "missing_key"))
        .count();
    assert_eq!((n_missing, entries.len()), (2, 4));
    assert!(keys_of(&entries).is_superset(&set(&["a", "7"])));
}

#[tokio::test]
async fn large_numbers_and_decimals_are_read_as_they_are_written() {
    let city = one_page().await;
    city.script(Reply::new(200, r#"{"code":0,"rows":[{"id":34020000000000000123,"sum":12.50}]}"#));
    let batch = city.read(None).await.unwrap();
    assert_eq!(key(&batch.entries[0]), "34020000000000000123");
    assert_eq!(tree(&batch.entries[0])["sum"], "12.50");
}

#[tokio::test]
async fn traces_show_every_exchange_without_secrets() {
    let city = city().await.with(json!({ "auth": { "bearer": "t0ken" } }));
    city.script(Reply::new(500, "oops"));
    let mut http = city.http();
    http.keep_traces();
    http.read(None, 10).await.unwrap_err();
    let [trace] = http.traces() else { panic!("{:?}", http.traces()) };
    assert_eq!((trace.method, trace.status, &trace.page[..]), ("GET", Some(500), &b"oops"[..]));
    let shown = format!("{trace:?}");
    assert!(shown.contains("page=1") && !shown.contains("t0ken"), "{shown}");
}
