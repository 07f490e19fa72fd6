//! Plugins that hang, use too much memory, write a lot or leave processes running.

use contract::{Connector as _, FaultKind};
use serde_json::json;

use super::{
    fault, process,
    processes::{is_running, wait_for_end},
    script,
};

#[tokio::test]
async fn a_plugin_that_does_not_answer_times_out() {
    for answer in ["exec sleep 1000", "while :; do :; done"] {
        let mut settings = script(answer);
        settings["timeout"] = json!("300ms");
        let fault = fault(settings).await;
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains("no complete answer within 300ms"), "{fault}");
    }
}

#[tokio::test]
async fn a_plugin_that_writes_records_slowly_times_out() {
    let drip = r#"n=0; while :; do n=$((n+1)); printf '{"rec'; sleep 0.05; printf 'ord":{"key":"%s"}}\n' $n; done"#;
    let mut settings = script(drip);
    settings["timeout"] = json!("400ms");
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), settings).unwrap();
    let fault = process.read(None, 500).await.unwrap_err();
    assert!(fault.to_string().contains("no complete answer"), "{fault}");
}

#[tokio::test]
async fn a_plugin_that_uses_too_much_memory_ends_alone() {
    let mut settings =
        script("python3 -c 'x = bytearray(600 << 20); print(len(x))' || { echo eaten; }");
    settings["memory"] = json!("256MiB");
    let fault = fault(settings).await;
    assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
    assert!(fault.to_string().contains("not an answer of the protocol"), "eaten: {fault}");
}

#[tokio::test]
async fn a_plugin_that_writes_much_to_standard_error_still_works() {
    let babble = "head -c 5000000 /dev/zero | tr '\\0' x >&2; yes 13800001234 | head -n 100000 >&2; \
        echo '{\"end\":{\"upto\":1,\"caught_up\":true}}'";
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), script(babble)).unwrap();
    assert!(process.read(None, 2).await.unwrap().caught_up());
}

#[tokio::test]
async fn processes_that_a_plugin_started_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    // Both are in the process group of the plugin; the first has closed all its pipes.
    let answer = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >> pids; sleep 1000 & echo $! >> pids; \
        echo '{\"end\":{\"upto\":1,\"caught_up\":true}}'; read line";
    let mut process = process(folder.path(), script(answer)).unwrap();
    let _ = process.read(None, 2).await.unwrap();
    let pids = std::fs::read_to_string(folder.path().join("pids")).unwrap();
    assert!(pids.lines().count() == 2 && pids.lines().all(is_running));
    drop(process);
    wait_for_end(&pids).await;
}
