//! Where the next request begins, whatever the source does in between.

use super::{
    walks::{answer, records},
    *,
};

/// Keys of two runs; `between` changes the source before the second one.
pub(super) async fn second_run(
    city: &mut City,
    between: impl FnOnce(&mut City),
) -> BTreeSet<String> {
    let (_, at) = city.entries(None, 100).await;
    between(city);
    let (entries, _) = city.entries(Some(at), 100).await;
    keys_of(&entries)
}

#[tokio::test]
async fn ten_thousand_records_of_one_moment_are_read() {
    for page in [
        json!({ "kind": "number", "param": "page", "size": { "param": "size", "value": 500 } }),
        json!({ "kind": "offset", "param": "offset", "size": { "param": "size", "value": 500 } }),
        json!({ "kind": "none" }),
    ] {
        let mut city = city().await.with(json!({ "page": page }));
        city.state().page = 500;
        let keys: Vec<String> = (0..10_000).map(|n| format!("k{n:05}")).collect();
        city.add(&keys, HOUR).await;
        let (entries, _) = city.entries(None, 1_000).await;
        assert_eq!(keys_of(&entries).len(), 10_000, "{page}");
    }
}

#[tokio::test]
async fn a_record_that_becomes_visible_a_minute_late_is_found() {
    let mut city = city().await;
    city.add(&["newest".into()], NOW).await;
    let seen = second_run(&mut city, |city| {
        let mut state = city.state();
        let time = state.now - TimeDelta::seconds(60);
        state.now += TimeDelta::seconds(30);
        state.add("late", time);
    })
    .await;
    assert!(seen.contains("late"));
}

#[tokio::test]
async fn records_of_the_second_that_was_read_last_are_found() {
    let mut city = city().await;
    let overlap =
        json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t", "overlap": "0s" });
    city = city.with(json!({ "since": overlap }));
    city.add(&["a".into()], HOUR).await;
    let seen = second_run(&mut city, |city| {
        let time = city.state().now - TimeDelta::hours(1);
        city.state().add("b", time);
    })
    .await;
    assert_eq!(seen, set(&["a", "b"]));
}

#[tokio::test]
async fn a_record_that_is_updated_while_it_is_read_loses_no_other() {
    let mut city = city().await;
    for n in 0..18_u32 {
        city.add(&[format!("r{n:02}")], HOUR * (20 - n)).await;
    }
    city.state().before_list = Some(Box::new(|n_listed, rows, now| {
        if n_listed == 2 {
            rows[1].time = now;
        }
    }));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries).len(), 18);
}

#[tokio::test]
async fn a_record_that_is_deleted_while_pages_are_read_loses_no_other() {
    for page in [
        json!({ "kind": "number", "param": "page", "size": { "param": "size", "value": 5 } }),
        json!({ "kind": "offset", "param": "offset", "size": { "param": "size", "value": 5 } }),
    ] {
        for when in 1..6 {
            let mut city = city().await.with(json!({ "page": page }));
            for n in 0..18_u32 {
                city.add(&[format!("r{n:02}")], HOUR * (20 - n)).await;
            }
            city.state().before_list = Some(Box::new(move |n_listed, rows, _| {
                if n_listed == when {
                    rows.remove(0);
                }
            }));
            let (entries, _) = city.entries(None, 100).await;
            let mut expected: BTreeSet<String> = (1..18).map(|n| format!("r{n:02}")).collect();
            let mut seen = keys_of(&entries);
            seen.remove("r00");
            expected.remove("r00");
            assert_eq!(seen, expected, "{page}, deleted before list {when}");
        }
    }
}

#[tokio::test]
async fn a_changed_key_stops_the_channel() {
    let city = one_page().await;
    city.answer(|_| Some(answer(&records(0..2), json!({}))));
    let first = city.read(None).await.unwrap();
    let city = city.with(json!({ "key": ["$.id", "$.t"] }));
    city.answer(|_| Some(answer(&records(0..2), json!({}))));
    let fault = city.read(Some(&first.upto)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("position CHANNEL reset"), "{fault}");
    assert_eq!(city.read(None).await.unwrap().entries.len(), 2);
}

#[tokio::test]
async fn other_names_of_columns_are_another_key() {
    let header = |names: [&str; 2]| json!({ "csv": { "header": names } });
    let csv = json!({ "format": "csv", "records": "$", "success": { "status": 200 } });
    let city = one_page().await.with(csv).with(header(["id", "t"]));
    city.answer(|_| Some(Reply::new(200, "1,a\n2,b\n")));
    let first = city.read(None).await.unwrap();
    let city = city.with(header(["t", "id"]));
    let fault = city.read(Some(&first.upto)).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("position CHANNEL reset"), "{fault}");
    assert!(city.with(header(["id", "t"])).read(Some(&first.upto)).await.is_ok());
}

#[tokio::test]
async fn other_requests_are_read_from_their_start() {
    let since = |zone: &str| json!({ "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t", "zone": zone });
    for (changed, begins_anew) in [
        (json!({ "query": { "area": "b" } }), true),
        (json!({ "headers": { "X-Area": "b" } }), true),
        (json!({ "json": { "area": "b" } }), true),
        (json!({ "since": since("UTC") }), true),
        (
            json!({ "part": [{ "name": "more", "url": "http://127.0.0.1:1/", "params": { "x": "$.x" } }] }),
            true,
        ),
        (json!({ "headers": { "User-Agent": "b" } }), false),
        (json!({ "timeout": "9s", "limit_mib": 2, "auth": { "bearer": "b" } }), false),
    ] {
        let mut city = city().await.with(json!({ "since": since("Asia/Shanghai") }));
        city.add(&["old".into()], HOUR * 500).await;
        city.add(&["new".into()], HOUR).await;
        let (_, at) = city.entries(None, 100).await;
        let n_before = city.state().requests.len();
        let city = city.with(changed.clone());
        let _ = city.entries(Some(at), 100).await;
        let request = city.state().requests[n_before].clone();
        let body = String::from_utf8(request.body).unwrap();
        let asks_for_all = !request.query.contains_key("from") && !body.contains("from");
        assert_eq!(asks_for_all, begins_anew, "{changed}");
    }
}

#[tokio::test]
async fn a_wrong_key_under_which_nothing_was_read_may_be_corrected() {
    let city = one_page().await.with(json!({ "key": "$.no" }));
    city.answer(|_| Some(answer(&records(0..2), json!({}))));
    let first = city.read(None).await.unwrap();
    assert!(first.entries.iter().all(|entry| matches!(entry, Entry::Unreadable { .. })));
    let city = city.with(json!({ "key": "$.id" }));
    city.answer(|_| Some(answer(&records(0..2), json!({}))));
    let second = city.read(Some(&first.upto)).await.unwrap();
    assert!(second.entries.iter().all(|entry| matches!(entry, Entry::Record(_))));
    assert_eq!(second.entries.len(), 2);
}
