//! Answers of plugins.

use contract::{Connector as _, Entry, FaultKind, Revision};
use serde_json::json;

use super::{orders::Orders, process, script};

#[tokio::test]
async fn records_have_the_key_revision_and_body_that_were_declared() {
    let mut orders = Orders::new();
    orders.write(&json!({ "id": "甲-1", "version": 7, "title": "路灯不亮", "fee": 12.50 }));
    let batch = orders.process(json!({})).read(None, 10).await.unwrap();
    let [Entry::Record(record)] = batch.entries.as_slice() else { panic!("{batch:?}") };
    assert_eq!((record.key.as_str(), record.revision), ("甲-1", Revision::number(7)));
    assert_eq!(record.body.tree()["title"], "路灯不亮");
    assert_eq!(record.body.tree()["fee"], "12.5", "money is text");
    assert!(batch.caught_up());
}

#[tokio::test]
async fn a_record_that_cannot_be_ordered_or_named_is_kept_and_its_neighbours_pass() {
    let answer = r#"echo '{"record":{"key":"a","revision":"昨天","body":{}}}'
        echo '{"record":{"key":"b","revision":1.5,"body":{}}}'
        echo '{"record":{"key":"c","body":{}}}'
        echo '{"record":{"revision":1,"body":{}}}'
        echo '{"record":{"key":"d","revision":1,"body":[]}}'
        echo '{"record":{"key":"e","revision":"2026-10-09 10:30:00","body":{}}}'
        echo '{"end":{"upto":1,"caught_up":true}}'"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), script(answer)).unwrap();
    let batch = process.read(None, 10).await.unwrap();
    let found: Vec<String> = batch
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Record(record) => record.key.to_string(),
            Entry::Unreadable { reason, bytes, .. } => {
                assert!(bytes.starts_with(b"{\"record\""));
                reason.code.to_string()
            }
        })
        .collect();
    let expected = ["no_revision", "no_revision", "no_revision", "missing_key", "no_body", "e"];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_plugin_of_current_states_needs_no_revision() {
    let plugin = r#"read line; echo '{"ready":{"revision":"none"}}'; read line
        echo '{"record":{"key":"a","body":{}}}'; echo '{"end":{"upto":1,"caught_up":true}}'"#;
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({ "command": ["sh", "-c", plugin] });
    let batch = process(folder.path(), settings).unwrap().read(None, 10).await.unwrap();
    let [Entry::Record(record)] = batch.entries.as_slice() else { panic!("{batch:?}") };
    assert_eq!(record.revision, Revision::NONE);
}

#[tokio::test]
async fn a_plugin_with_other_settings_begins_anew() {
    let mut orders = Orders::new();
    orders.write(&json!({ "id": "a", "version": 1 }));
    let with = |settings: serde_json::Value| orders.process(json!({ "config": settings }));
    let same = json!({ "file": "orders.jsonl" });
    let batch = with(same.clone()).read(None, 10).await.unwrap();
    let again = with(same.clone()).read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!((batch.entries.len(), again.entries.len()), (1, 0));
    let mut other = with(json!({ "file": "orders.jsonl", "city": "芜湖" }));
    // The position was that of another source, which this plugin does not know.
    other.settled(&batch.upto).await.unwrap();
    let anew = other.read(Some(&batch.upto), 10).await.unwrap();
    let again = other.read(Some(&anew.upto), 10).await.unwrap();
    assert_eq!((anew.entries.len(), again.entries.len()), (1, 0));
}

#[tokio::test]
async fn a_fault_has_the_kind_that_the_plugin_gives() {
    let folder = tempfile::tempdir().unwrap();
    for (fault, kind) in [
        (r#"{"kind":"transient","message":"away"}"#, FaultKind::Transient),
        (
            r#"{"kind":"throttled","wait_ms":2000,"message":"slow down"}"#,
            FaultKind::Throttled(std::time::Duration::from_secs(2)),
        ),
        (r#"{"kind":"stopped","message":"wrong password"}"#, FaultKind::Stopped),
    ] {
        let answer = format!("echo '{{\"fault\":{fault}}}'");
        let mut process = process(folder.path(), script(&answer)).unwrap();
        assert_eq!(process.read(None, 10).await.unwrap_err().kind(), kind);
    }
    let secret = r#"{"kind":"stopped","message":"no login with hunter22 at http://a:b@c/d"}"#;
    let mut settings = script(&format!("echo '{{\"fault\":{secret}}}'"));
    settings["secrets"] = json!({ "password": "hunter22" });
    let fault = process(folder.path(), settings).unwrap().read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("no login with … at http://…@c/d"), "{fault}");
    let orders = Orders::new();
    let mut nowhere = orders.process(json!({ "config": { "file": "nowhere.jsonl" } }));
    let fault = nowhere.read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("there is no file nowhere.jsonl"), "{fault}");
}

#[test]
fn a_fixture_is_what_a_plugin_answers() {
    let orders = Orders::new();
    let page = r#"{"record":{"key":"a","revision":1,"body":{"x":1}}}

        {"record":{"key":"b","body":{}}}
        {"end":{"upto":1,"caught_up":true}}"#;
    let entries = orders.process(json!({})).sample("page", page.as_bytes()).unwrap();
    assert!(matches!(entries.as_slice(), [Entry::Record(_), Entry::Unreadable { .. }]));
    assert!(orders.process(json!({})).sample("page", b"[]").is_err());
}
