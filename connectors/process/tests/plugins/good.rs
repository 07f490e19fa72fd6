//! Answers of plugins.

use connector_process::Cursor;
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
    assert!(batch.caught_up);
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
    let orders = Orders::new();
    let mut nowhere = orders.process(json!({ "config": { "file": "nowhere.jsonl" } }));
    let fault = nowhere.read(None, 10).await.unwrap_err();
    assert_eq!(fault.kind(), FaultKind::Stopped);
    assert!(fault.to_string().contains("there is no file nowhere.jsonl"), "{fault}");
}

#[tokio::test]
async fn a_plugin_gets_its_settings_and_secrets_and_nothing_of_our_environment() {
    let plugin = r#"read line; echo "$line" > open.json; env > env.txt; echo '{"ready":{}}'
        read line; echo '{"end":{"upto":1,"caught_up":true}}'"#;
    let folder = tempfile::tempdir().unwrap();
    let settings = json!({
        "command": ["sh", "-c", plugin], "config": { "city": "芜湖", "depth": { "of": [1, 2] } },
        "secrets": { "token": "t0p" },
    });
    let mut process = process(folder.path(), settings).unwrap();
    let _ = process.read(None, 10).await.unwrap();
    let open: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("open.json")).unwrap()).unwrap();
    assert_eq!(open["open"]["protocol"], 1);
    let config = json!({ "city": "芜湖", "depth": { "of": [1, 2] }, "token": "t0p" });
    assert_eq!(open["open"]["config"], config);
    assert_eq!(open["open"]["zone"], "Asia/Shanghai");
    let budget = json!({ "interval_ms": 200, "burst": 3, "concurrent": 1 });
    assert_eq!(open["open"]["budget"], budget);
    // Cargo sets this one for the test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let environment = std::fs::read_to_string(folder.path().join("env.txt")).unwrap();
    assert!(environment.contains("PATH=") && !environment.contains("CARGO"), "{environment}");
    assert!(!format!("{process:?}").contains("t0p"));
}

#[tokio::test]
async fn a_plugin_runs_across_reads_and_is_restarted_when_it_has_ended() {
    let plugin = r#"echo x >> starts; while read line; do case "$line" in
        *open*) echo '{"ready":{}}';;
        *settled*) echo '{"ok":{}}';;
        *'"after":2'*) echo '{"end":{"upto":3,"caught_up":true}}'; exit 0;;
        *) echo '{"end":{"upto":2,"caught_up":false}}';;
        esac; done"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), json!({ "command": ["sh", "-c", plugin] })).unwrap();
    let n_starts =
        || std::fs::read_to_string(folder.path().join("starts")).unwrap().lines().count();
    let batch = process.read(None, 10).await.unwrap();
    process.settled(&batch.upto).await.unwrap();
    let batch = process.read(Some(&batch.upto), 10).await.unwrap();
    assert_eq!((n_starts(), &batch.upto), (1, &Cursor::Plugin(json!(3))));
    // It has ended after its answer. Whether that is noticed before or after the next question, at most
    // one read fails.
    let mut again = process.read(None, 10).await;
    if again.is_err() {
        again = process.read(None, 10).await;
    }
    assert_eq!(again.unwrap().upto, Cursor::Plugin(json!(2)));
    assert_eq!(n_starts(), 2);
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

#[test]
fn settings_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, what) in [
        (json!({ "command": [] }), "no program"),
        (json!({ "command": [""] }), "no program"),
        (json!({ "command": ["x"], "timeout": "0s" }), "timeout"),
        (json!({ "command": ["x"], "page": 0 }), "page"),
        (json!({ "command": ["x"], "protocol": "singer" }), "stream"),
        (json!({ "command": ["x"], "singer": { "stream": "a" } }), "singer"),
        (json!({ "command": ["x"], "config": { "a": 1 }, "secrets": { "a": "s3cret" } }), "`a`"),
    ] {
        let Err(fault) = process(folder.path(), settings) else { panic!("taken: {what}") };
        assert!(fault.to_string().contains(what), "{fault}");
        assert!(!fault.to_string().contains("s3cret"), "{fault}");
    }
}
