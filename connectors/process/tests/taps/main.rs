//! Tests two Singer taps: a small one that the tests control, and an existing one from the public
//! index, which `cargo xtask test` installs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod controlled;
mod messages;
mod public;
mod server;

use std::path::Path;

use connector_process::{Cursor, Process};
use contract::{Connector as _, ConnectorContext, Entry};
use serde_json::Value;

fn process(folder: &Path, settings: Value) -> Process {
    let mut context = ConnectorContext::new("orders".parse().unwrap(), chrono_tz::Asia::Shanghai);
    context.folder = folder.to_owned();
    Process::build(serde_json::from_value(settings).unwrap(), context).unwrap()
}

fn key(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { reason, .. } => reason.code.to_string(),
    }
}

/// Reads until caught up, and returns the keys of each batch.
async fn batches(
    process: &mut Process,
    mut at: Option<Cursor>,
    max: usize,
) -> (Vec<Vec<String>>, Cursor) {
    let mut batches = Vec::new();
    loop {
        let batch = process.read(at.as_ref(), max).await.unwrap();
        assert!(batch.entries.len() <= max);
        batches.push(batch.entries.iter().map(key).collect());
        if batch.end.is_some() {
            return (batches, batch.upto);
        }
        at = Some(batch.upto);
    }
}
