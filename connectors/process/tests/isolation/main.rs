//! What a program can learn of the gateway, and what it leaves behind. This is a process of its own, because
//! `protect` changes the whole process.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../processes/mod.rs"]
mod processes;

use connector_process::Process;
use contract::{Connector as _, ConnectorContext};
use processes::{is_running, wait_for_end};
use serde_json::json;

/// Opens what would show the keys of the gateway, and starts two processes: one that left the group, and one
/// that also lost its parent and has no environment.
const PLUGIN: &str = r#"read line; echo '{"ready":{}}'; read line
    touch stolen
    for name in environ mem maps; do (: < /proc/$PPID/$name) 2>/dev/null && echo $name >> stolen; done
    (ulimit -f; ulimit -n; ulimit -v; ulimit -c) > limits
    setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >> pids
    (env -i setsid sh -c 'sleep 1000 & echo $! >> pids' </dev/null >/dev/null 2>&1 &)
    while [ $(wc -l < pids) -lt 2 ]; do sleep 0.02; done
    echo '{"end":{"upto":1,"caught_up":true}}'; read line"#;

#[tokio::test]
async fn a_program_reads_nothing_of_the_gateway_and_leaves_no_process_behind() {
    connector_process::protect().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut context = ConnectorContext::new("orders".parse().unwrap(), chrono_tz::Asia::Shanghai);
    context.folder = folder.path().to_owned();
    let settings = json!({ "command": ["sh", "-c", PLUGIN], "timeout": "20s", "memory": "256MiB" });
    let settings = serde_json::from_value(settings).unwrap();
    let mut process = Process::build(settings, context).unwrap();
    let _ = process.read(None, 2).await.unwrap();
    let written = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(written("stolen"), "");
    // A shell counts the bytes of files in blocks, and those of memory in KiB.
    assert_eq!(written("limits").lines().collect::<Vec<_>>(), ["2097152", "1024", "262144", "0"]);
    let pids = written("pids");
    assert!(pids.lines().count() == 2 && pids.lines().all(is_running), "{pids}");
    drop(process);
    wait_for_end(&pids).await;
}
