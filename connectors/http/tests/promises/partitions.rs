//! Independent sequences within one channel.

use contract::Complete;

use super::*;

async fn forums(n: usize) -> City {
    let values: Vec<usize> = (0..n).collect();
    City::new(json!({
        "each": { "param": "forum", "values": values },
        "since": { "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" },
        "page": { "kind": "offset", "param": "offset", "size": { "param": "size", "value": 2 } },
    }))
    .await
}

/// Serves three records for each forum; the forum is part of their keys.
fn serve(city: &City, failing: &'static [&'static str]) {
    city.answer(move |request| {
        let forum = request.query["forum"].clone();
        if failing.contains(&forum.as_str()) {
            return Some(Reply::new(500, "down"));
        }
        let offset: usize = request.query["offset"].parse().unwrap();
        let rows: Vec<Value> = (0..3)
            .skip(offset)
            .take(2)
            .map(|n| json!({ "id": format!("{forum}-{n}"), "t": "2026-10-09 10:00:00" }))
            .collect();
        Some(Reply::new(200, json!({ "code": 0, "rows": rows }).to_string()))
    });
}

#[tokio::test]
async fn a_cursor_with_two_hundred_values_stays_small() {
    let city = forums(200).await;
    serve(&city, &[]);
    // `entries` checks the size of every cursor.
    let (entries, _) = city.entries(None, 1).await;
    assert_eq!(keys_of(&entries).len(), 600);
}

#[tokio::test]
async fn a_cursor_with_two_hundred_values_in_the_middle_of_their_walks_stays_small() {
    let values: Vec<String> = (0..200).map(|n| format!("34020000{n:04}")).collect();
    let city = City::new(json!({
        "each": { "param": "area", "values": values },
        "since": {
            "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t", "start": "2026-10-09",
            "until": { "param": "to", "span": "1d" },
        },
        "reread": { "days": 3 },
        "page": { "kind": "token", "param": "token", "at": "$.token", "size": { "param": "size", "value": 2 } },
        "ack": { "url": "https://a.example/ack", "json": {}, "param": "keys" },
    }))
    .await;
    let ack = format!("{}/ack", city.url);
    let city = city.with(json!({ "ack": { "url": ack, "json": {}, "param": "keys" } }));
    city.answer(|request| {
        if request.path == "/ack" {
            return Some(Reply::new(200, r#"{"code":0}"#));
        }
        let area = request.query["area"].clone();
        let n: usize = request
            .query
            .get("token")
            .map_or(0, |token| token.trim_start_matches('t').parse().unwrap());
        let rows: Vec<Value> = (2 * n..2 * n + 2)
            .map(|n| json!({ "id": format!("{area}-{n:08}"), "t": "2026-10-09 10:00:00" }))
            .collect();
        let token = (n < 1).then(|| format!("{}{}", "t".repeat(199), n + 1));
        Some(Reply::new(200, json!({ "code": 0, "rows": rows, "token": token }).to_string()))
    });
    let (entries, at) = city.entries(None, 200).await;
    assert_eq!(keys_of(&entries).len(), 200 * 4);
    // The second round reads the old records again as well.
    city.state().now += chrono::TimeDelta::hours(2);
    let (entries, _) = city.entries(Some(at), 200).await;
    assert_eq!(keys_of(&entries).len(), 200 * 4);
}

#[tokio::test]
async fn a_value_that_fails_is_reported_and_does_not_stop_the_others() {
    let city = forums(4).await;
    serve(&city, &["2"]);
    let (mut http, mut at, mut seen, mut trouble) =
        (city.http(), None, BTreeSet::new(), Vec::new());
    loop {
        let batch = http.read(at.as_ref(), 100).await.unwrap();
        seen.extend(keys_of(&batch.entries));
        trouble.extend(
            batch.trouble.iter().map(|(partition, fault)| (partition.0.clone(), fault.kind())),
        );
        at = Some(batch.upto);
        if batch.end.is_some() {
            break;
        }
    }
    assert_eq!(seen.len(), 9);
    assert!(trouble.contains(&("2".to_owned(), FaultKind::Transient)), "{trouble:?}");
    // The forum is read when it answers again.
    serve(&city, &[]);
    let batch = city.entries(Some(Cursor::encode(&at.unwrap()).unwrap()), 100).await.0;
    assert!(keys_of(&batch).is_superset(&set(&["2-0", "2-1", "2-2"])));
}

#[tokio::test]
async fn a_source_where_every_value_fails_has_failed() {
    let city = forums(3).await;
    serve(&city, &["0", "1", "2"]);
    assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Transient);
}

#[tokio::test]
async fn values_take_turns() {
    let city = forums(3).await;
    serve(&city, &[]);
    city.entries(None, 100).await;
    let forums: Vec<String> = city
        .state()
        .requests
        .iter()
        .take(3)
        .map(|request| request.query["forum"].clone())
        .collect();
    assert_eq!(forums, ["0", "1", "2"]);
}

#[tokio::test]
async fn one_key_of_two_records_under_two_values_is_a_fault_in_every_pass_but_the_first() {
    let city = City::new(json!({ "each": { "param": "forum", "values": ["A", "B"] } })).await;
    city.answer(|request| {
        let rows = json!([{ "id": 1, "of": request.query["forum"] }]);
        Some(Reply::new(200, json!({ "code": 0, "rows": rows }).to_string()))
    });
    let (mut http, mut at) = (city.http(), None);
    // The record may have moved while the first pass was read.
    for is_fault in [false, true, true, true] {
        let mut faults = Vec::new();
        let end = loop {
            let batch = http.read(at.as_ref(), 100).await.unwrap();
            faults.extend(batch.trouble.iter().map(|(_, fault)| fault.to_string()));
            at = Some(batch.upto);
            if let Some(end) = batch.end {
                break end;
            }
        };
        assert_eq!(end.complete() == Complete::No, is_fault, "{end:?}");
        assert_eq!(faults.len(), usize::from(is_fault), "{faults:?}");
        assert!(faults.iter().all(|fault| fault.contains("add a path to `key`")), "{faults:?}");
        // The account says it in each pass, and names both ways out.
        let said = end.to_string();
        for part in ["different contents", "add a path to `key`", "one channel for each value"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
