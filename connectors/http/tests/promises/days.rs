//! 互联网+督查 (online inspection): one day in each request, bare arrays, errors as plain sentences.

use super::*;

const NOTHING: &str = "没有数据或者时间格式错误";

async fn days() -> City {
    let city = one_page().await;
    let settings = json!({
        "url": format!("{}/sysapi/dcxs", city.url),
        "query": { "table_id": "dcxs_340200", "cd_source": 340200 },
        "day": { "param": "submitted_date", "start": "2026-10-07", "closes": "12h" },
        "auth": { "gjzwfwpt": { "rid": "r@340200", "sid": "s_1", "refresh": {
            "url": format!("{}/sysapi/getsecret", city.url), "appkey": "SIMAPPKEY340200",
        } } },
        "fault": [{ "contains": "errCode", "kind": "refresh" }],
        "empty": [{ "contains": NOTHING }],
        "records": "$[*]",
        "key": "$.dcxsbh",
    });
    let mut city = city.with(settings);
    city.settings.as_object_mut().unwrap().remove("success");
    city
}

/// Serves a secret, and a record for each of these days.
fn serve(city: &City, days: &'static [&'static str], mut n_expired: usize) {
    city.answer(move |request| {
        if request.path.ends_with("getsecret") {
            let secret = "WC3lqrf7kzt5OjiNlFfCiVgt5aq3+5M7eTo4jZRXwoku+Zw2H56Sv2YrZWSZ+Imi";
            let body = json!({ "code": 200, "data": { "secret": secret } });
            return Some(Reply::new(200, body.to_string()));
        }
        assert!(request.headers.contains_key("gjzwfwpt_sign"));
        if n_expired > 0 && request.query["submitted_date"] == "2026-10-08" {
            n_expired -= 1;
            return Some(Reply::new(200, "{\"errCode\":\"SECRET_EXPIRED\"}"));
        }
        let day = request.query["submitted_date"].as_str();
        Some(match days.contains(&day) {
            true => Reply::new(200, format!("\u{feff}[{{\"dcxsbh\":\"DC{day}\",\"bjsj\":null}}]")),
            false => Reply::new(200, NOTHING),
        })
    });
}

#[tokio::test]
async fn an_empty_day_is_read_and_the_position_moves() {
    let city = days().await;
    serve(&city, &["2026-10-07", "2026-10-09"], 0);
    let (entries, at) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["DC2026-10-07", "DC2026-10-09"]));
    // 18:00 in Beijing: the days before are closed, today is read again.
    city.state().requests.clear();
    let (entries, _) = city.entries(Some(at), 100).await;
    assert_eq!(keys_of(&entries), set(&["DC2026-10-09"]));
    let days: Vec<String> = city
        .state()
        .requests
        .iter()
        .filter_map(|a| a.query.get("submitted_date").cloned())
        .collect();
    assert_eq!(days, ["2026-10-09"]);
}

#[tokio::test]
async fn a_secret_that_changes_during_a_run_is_fetched_again() {
    let city = days().await;
    serve(&city, &["2026-10-07", "2026-10-08", "2026-10-09"], 1);
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries).len(), 3);
    let n_secrets = city.state().requests.iter().filter(|a| a.path.ends_with("getsecret")).count();
    assert_eq!(n_secrets, 2);
}

#[tokio::test]
async fn a_signature_that_is_always_refused_stops_the_channel() {
    let city = days().await;
    serve(&city, &[], 1_000);
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(city.state().requests.len() < 10);
}

#[tokio::test]
async fn an_array_in_a_text_is_opened_and_a_page_of_the_proxy_is_not_a_day() {
    let city = days().await.with(json!({
        "auth": "none", "inner": [{ "at": "$.data", "as": "json" }], "records": "$.data[*]",
    }));
    city.answer(|_| Some(Reply::new(200, r#"{"code":200,"data":"[{\"dcxsbh\":\"A\"}]"}"#)));
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries), set(&["A"]));
    city.answer(|_| Some(Reply::new(502, "<html>Bad Gateway</html>")));
    assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Transient);
    city.answer(|_| Some(Reply::new(200, "<html>please wait</html>")));
    assert_eq!(city.read(None).await.unwrap_err().kind(), FaultKind::Stopped);
}
