//! Promises of this connector beyond those of every connector: it copes with problems of real interfaces.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../city/mod.rs"]
mod city;

mod acks;
mod answers;
mod board;
mod calls;
mod changes;
mod clocks;
mod cursors;
mod days;
mod digests;
mod elsewhere;
mod ends;
mod envelopes;
mod faults;
mod forms;
mod gaps;
mod hostile;
mod job_results;
mod jobs;
mod limits;
mod lists;
mod login_faults;
mod logins;
mod networks;
mod pages;
mod partitions;
mod petition;
mod places;
mod settings;
mod walks;

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;
use city::{City, Reply, key};
use connector_testkit::Source as _;
use contract::{Connector as _, Cursor, Entry, FaultKind, Memory};
use serde_json::{Value, json};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

/// A channel that requests records by time and by page.
async fn city() -> City {
    City::new(json!({
        "since": { "param": "from", "format": "%Y-%m-%d %H:%M:%S", "at": "$.t" },
        "page": { "kind": "number", "param": "page", "size": { "param": "size", "value": 5 } },
    }))
    .await
}

/// A channel that requests one page.
async fn one_page() -> City {
    City::new(json!({})).await
}

fn keys_of(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(key).collect()
}

fn set(keys: &[&str]) -> BTreeSet<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn tree(entry: &Entry) -> &Value {
    match entry {
        Entry::Record(record) => record.body.tree(),
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}
