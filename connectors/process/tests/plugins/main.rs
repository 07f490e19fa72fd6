//! Tests real plugins: the Python helper with its example, and shell scripts that break the protocol.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../processes/mod.rs"]
mod processes;

mod bad;
mod good;
mod limits;
mod orders;
mod starts;

use std::time::Duration;

use connector_process::{Cursor, Process};
use contract::{Connector as _, ConnectorContext, Fault};
use serde_json::{Value, json};

/// A connector for a channel with this folder and these settings.
fn process(folder: &std::path::Path, settings: Value) -> Result<Process, Fault> {
    let mut context = ConnectorContext::new("orders".parse().unwrap(), chrono_tz::Asia::Shanghai);
    context.budget.interval = Some(Duration::from_millis(200));
    context.budget.burst = 3;
    context.folder = folder.to_owned();
    Process::build(serde_json::from_value(settings).unwrap(), context)
}

/// The settings of a plugin written in shell, which answers `ready` and then runs `answer`.
fn script(answer: &str) -> Value {
    let script = format!("read line; echo '{{\"ready\":{{}}}}'; read line; {answer}");
    json!({ "command": ["sh", "-c", script], "timeout": "10s" })
}

/// The `upto` of an answer, in its cursor.
fn upto(cursor: &Cursor) -> Value {
    serde_json::to_value(cursor).unwrap()["plugin_with"]["upto"].clone()
}

/// The fault of a read from a plugin.
async fn fault(settings: Value) -> Fault {
    let folder = tempfile::tempdir().unwrap();
    process(folder.path(), settings).unwrap().read(None, 2).await.unwrap_err()
}
