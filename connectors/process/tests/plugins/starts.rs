//! How plugins are started: with which settings and secrets, and when they are restarted.

use contract::Connector as _;
use serde_json::json;

use super::{process, upto};

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
    // Cargo sets `CARGO…` variables for the test.
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
    assert_eq!((n_starts(), upto(&batch.upto)), (1, json!(3)));
    // The plugin has ended after its answer. Whether the connector notices that before or after its
    // next request, at most one read fails.
    let mut again = process.read(None, 10).await;
    if again.is_err() {
        again = process.read(None, 10).await;
    }
    assert_eq!(upto(&again.unwrap().upto), json!(2));
    assert_eq!(n_starts(), 2);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (settings, what) in [
        (json!({ "command": [] }), "`command` is empty"),
        (json!({ "command": [""] }), "`command` is empty"),
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
