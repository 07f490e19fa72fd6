//! The leaders' message board (领导留言板): signed JSON, newest first, details from a second request.

use super::*;

/// The threads of two forums, and how the board serves them.
struct Board {
    tids: Vec<(u64, u64)>,
    removed: u64,
}

impl Board {
    fn answer(&self, path: &str, param: &Value) -> Value {
        if path.ends_with("content") {
            let tid = param["tid"].as_u64().unwrap();
            if tid == self.removed {
                return json!({ "code": 4004, "msg": "帖子不存在" });
            }
            return json!({ "code": 0, "resultData": { "contentList": [
                { "dataType": 1, "content": format!("{tid} 全文") },
                { "dataType": 4, "content": "官方答复", "organization": "某局" },
            ] } });
        }
        let (fid, rows) = (param["fid"].as_u64().unwrap(), param["rows"].as_u64().unwrap());
        let last = param["lastItem"].as_u64().filter(|last| *last > 0).unwrap_or(u64::MAX);
        let mut tids: Vec<u64> =
            self.tids.iter().filter(|(f, _)| *f == fid).map(|(_, t)| *t).collect();
        tids.sort_unstable_by(|a, b| b.cmp(a));
        let list: Vec<Value> = tids
            .into_iter()
            .filter(|tid| *tid < last)
            .take(usize::try_from(rows).unwrap())
            .map(|tid| json!({
                "tid": tid, "fid": fid, "content": format!("{tid} …"), "createDateline": 1_791_513_000,
            }))
            .collect();
        json!({ "code": 0, "msg": "ok", "resultData": { "list": list } })
    }
}

async fn board() -> (City, std::sync::Arc<std::sync::Mutex<Board>>) {
    let city = one_page().await;
    let settings = json!({
        "url": format!("{}/v1/threads/list/df", city.url),
        "json": { "showUnAnswer": 1, "typeId": 5 },
        "auth": { "message_board": { "app_code": "SIM0a1b2c3d4e5f60" } },
        "warm_up": format!("{}/", city.url),
        "each": { "param": "fid", "values": [3402, 5050] },
        "page": {
            "kind": "newest", "param": "lastItem", "at": "$.tid", "first": "0",
            "size": { "param": "rows", "value": 3 },
        },
        "fault": [{ "status": 403, "kind": "throttled", "wait": "10m" }],
        "records": "$.resultData.list[*]",
        "key": "$.tid",
        "part": [{
            "name": "detail",
            "url": format!("{}/v1/threads/content", city.url),
            "json": {},
            "params": { "tid": "$.tid" },
            "records": "$.resultData.contentList[*]",
            "missing": [{ "at": "$.code", "equals": [4004] }],
        }],
    });
    let tids =
        (1..=7).map(|n| (3402, 20_000_130 + n)).chain((1..=4).map(|n| (5050, 20_000_200 + n)));
    let board = Board { tids: tids.collect(), removed: 20_000_203 };
    let board = std::sync::Arc::new(std::sync::Mutex::new(board));
    let answering = std::sync::Arc::clone(&board);
    city.answer(move |request| {
        if request.path == "/" {
            return Some(Reply::new(200, "<html>").with("set-cookie", "__jsluid_s=abc; path=/"));
        }
        if request.headers.get("cookie").map(String::as_str) != Some("__jsluid_s=abc") {
            return Some(Reply::new(403, "no cookie"));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let param = serde_json::from_str(body["param"].as_str().unwrap()).unwrap();
        let answer = answering.lock().unwrap().answer(&request.path, &param);
        Some(Reply::new(200, answer.to_string()))
    });
    (city.with(settings), board)
}

#[tokio::test]
async fn the_board_is_read_forum_by_forum_with_its_details() {
    let (city, _) = board().await;
    let (entries, _) = city.entries(None, 100).await;
    assert_eq!(keys_of(&entries).len(), 11);
    let shown = entries.iter().find(|entry| key(entry) == "20000137").unwrap();
    assert_eq!(tree(shown)["detail"][0]["content"], "20000137 全文");
    assert_eq!(tree(shown)["detail"][1]["dataType"], 4);
    let removed = entries.iter().find(|entry| key(entry) == "20000203").unwrap();
    assert_eq!(tree(removed)["detail"], Value::Null);
    let n_warm_ups = city.state().requests.iter().filter(|request| request.path == "/").count();
    assert_eq!(n_warm_ups, 1);
}

#[tokio::test]
async fn the_body_is_signed_byte_for_byte() {
    let (city, _) = board().await;
    city.entries(None, 100).await;
    let request =
        city.state().requests.iter().find(|request| request.path.ends_with("df")).cloned().unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = r#"{"showUnAnswer":1,"typeId":5,"fid":3402,"lastItem":0,"rows":3}"#;
    assert_eq!(body["param"], expected);
    assert_eq!(body["signature"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_message_that_arrives_during_a_pass_is_not_lost() {
    let (city, board) = board().await;
    let (mut http, mut at, mut seen) = (city.http(), None, Vec::new());
    for n in 0..100 {
        let batch = http.read(at.as_ref(), 2).await.unwrap();
        seen.extend(batch.entries.iter().map(key));
        at = Some(batch.upto);
        if n == 1 {
            board.lock().unwrap().tids.push((3402, 20_000_150));
        }
        if batch.end.is_some() && n > 1 {
            break;
        }
    }
    // A restart in between changes nothing.
    let at = Cursor::encode(&at.unwrap()).unwrap();
    let (entries, _) = city.entries(Some(at), 100).await;
    seen.extend(entries.iter().map(key));
    assert_eq!(BTreeSet::from_iter(seen).len(), 12);
}

#[tokio::test]
async fn a_pass_that_is_interrupted_by_a_pause_loses_nothing() {
    let (city, _) = board().await;
    let mut http = city.http();
    let first = http.read(None, 100).await.unwrap();
    city.script(Reply::new(403, "slow down"));
    let fault = http.read(Some(&first.upto), 100).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Throttled(Duration::from_secs(600)));
    let (rest, _) = city.entries(Some(Cursor::encode(&first.upto).unwrap()), 100).await;
    let mut seen = keys_of(&first.entries);
    seen.extend(keys_of(&rest));
    assert_eq!(seen.len(), 11);
}

#[tokio::test]
async fn a_wrong_signature_is_an_error_with_status_200_and_stops() {
    let (city, _) = board().await;
    for _ in 0..7 {
        city.script(Reply::new(200, r#"{"code":"SN0006","msg":"数据格式错误"}"#));
    }
    let fault = city.read(None).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(!fault.to_string().contains("SIM0a1b2c3d4e5f60"), "{fault}");
}

#[tokio::test]
async fn open_threads_of_the_last_days_are_read_again() {
    let (city, board) = board().await;
    let reread = json!({
        "days": 60, "every": "1h", "params": { "state": "3" }, "at": "$.createDateline",
        "at_format": "%s",
    });
    let city = city.with(json!({ "reread": reread }));
    let (_, at) = city.entries(None, 100).await;
    board.lock().unwrap().removed = 0;
    city.state().now += TimeDelta::minutes(61);
    let (entries, _) = city.entries(Some(at), 100).await;
    assert_eq!(keys_of(&entries).len(), 11);
    let has_params = city
        .state()
        .requests
        .iter()
        .any(|a| String::from_utf8_lossy(&a.body).contains(r#"\"state\":\"3\""#));
    assert!(has_params);
}
