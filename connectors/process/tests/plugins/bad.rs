//! Plugins that break the protocol, hang, use too much memory or leave processes behind.

use std::{path::Path, time::Duration};

use contract::{Connector as _, Fault, FaultKind};
use serde_json::{Value, json};

use super::{process, script};

/// The result of a read from a plugin.
async fn fault(settings: Value) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    process(folder.path(), settings).unwrap().read(None, 2).await.unwrap_err()
}

#[tokio::test]
async fn every_violation_of_the_protocol_stops_the_channel_and_quotes_nothing() {
    let record =
        |key: &str| format!(r#"echo '{{"record":{{"key":"{key}","revision":1,"body":{{}}}}}}'"#);
    let three = ["13800001234", "b", "c"].map(record).join(";");
    let twice = ["13800001234", "13800001234"].map(record).join(";");
    for (answer, what) in [
        ("echo hello 13800001234", "not an answer of the protocol"),
        ("echo '{\"ready\":{}}'", "with something else"),
        ("echo '{\"ok\":{}}'", "with something else"),
        ("echo '{\"end\":{}}'", "not an answer of the protocol"),
        (three.as_str(), "more records than requested"),
        (twice.as_str(), "one key twice"),
        ("exit 3", "exit code 3"),
        ("kill -9 $$", "it was killed"),
        ("exit 0", "it ended"),
        ("head -c 20000000 /dev/zero | tr '\\0' x; echo", "above 17 MiB"),
        (
            "printf '{\"end\":{\"caught_up\":true,\"upto\":\"'; head -c 70000 /dev/zero | tr '\\0' x; echo '\"}}'",
            "above 64 KiB",
        ),
    ] {
        let fault = fault(script(answer)).await;
        assert_eq!(fault.kind(), FaultKind::Stopped, "{fault}");
        assert!(fault.to_string().contains(what), "{answer}: {fault}");
        assert!(!fault.to_string().contains("13800001234"), "{fault}");
    }
    let fault = fault(json!({ "command": ["./no-such-program"] })).await;
    assert!(fault.to_string().contains("no such program"), "{fault}");
    let fault =
        self::fault(json!({ "command": ["sh", "-c", "read line; echo '{\"ok\":{}}'"] })).await;
    assert!(fault.to_string().contains("than `ready`"), "{fault}");
}

#[tokio::test]
async fn all_records_of_an_answer_together_have_a_limit() {
    let record = r#"for n in 1 2 3 4 5; do printf '{"record":{"key":"%s","revision":1,"body":{"x":"' $n
        head -c 16000000 /dev/zero | tr '\0' x; echo '"}}}'; done"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), script(record)).unwrap();
    let fault = process.read(None, 10).await.unwrap_err();
    assert!(fault.to_string().contains("above 64 MiB"), "{fault}");
}

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
async fn a_plugin_that_gives_records_slowly_times_out() {
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
    assert!(process.read(None, 2).await.unwrap().caught_up);
}

#[tokio::test]
async fn processes_that_a_plugin_started_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    // Both are in its group; the first has closed all its pipes.
    let answer = "sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >> pids; sleep 1000 & echo $! >> pids; \
        echo '{\"end\":{\"upto\":1,\"caught_up\":true}}'; read line";
    let mut process = process(folder.path(), script(answer)).unwrap();
    let _ = process.read(None, 2).await.unwrap();
    let pids = std::fs::read_to_string(folder.path().join("pids")).unwrap();
    assert!(pids.lines().count() == 2 && pids.lines().all(is_running));
    drop(process);
    // A killed process is gone when its parent has waited for it.
    let gone = async {
        while pids.lines().any(is_running) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("left behind");
}

#[tokio::test]
async fn an_interrupted_answer_is_never_taken_for_the_next() {
    let plugin = r#"while read line; do case "$line" in
        *open*) echo '{"ready":{}}';;
        *'"after":null'*) touch asked; sleep 0.2; echo '{"end":{"upto":"late","caught_up":false}}';;
        *) echo '{"end":{"upto":"right","caught_up":true}}';;
        esac; done"#;
    let folder = tempfile::tempdir().unwrap();
    let mut process = process(folder.path(), json!({ "command": ["sh", "-c", plugin] })).unwrap();
    let asked = folder.path().join("asked");
    let is_asked = async {
        while !asked.exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = process.read(None, 2) => panic!("not interrupted"),
        () = is_asked => {}
    }
    let after = connector_process::Cursor::Plugin(json!("here"));
    let batch = process.read(Some(&after), 2).await.unwrap();
    assert_eq!(batch.upto, connector_process::Cursor::Plugin(json!("right")));
}

/// Whether a process exists and is not a zombie.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
