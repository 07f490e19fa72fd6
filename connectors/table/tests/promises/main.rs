//! Promises of tables beyond those of every source: problems of real front-end tables.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../city/mod.rs"]
mod city;

mod acknowledgement;
mod faults;
mod hotline;
mod parts;
mod reread;
mod rest;
mod scans;
mod settings;
mod text;
mod transport;

use std::{collections::BTreeSet, time::Duration};

use city::{City, Desk, FindBy};
use connector_table::Table;
use connector_testkit::Source as _;
use contract::{Connector as _, Cursor, DecidedBy, Entry, FaultKind, demand::QualityFlag};
use serde_json::{Value, json};

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);

async fn city() -> City {
    City::sqlite(FindBy::ChangesAndFlag).await
}

#[test]
fn the_schema_has_defaults_and_describes_every_setting() {
    let schema = schemars::schema_for!(connector_table::Config).to_value();
    assert_eq!(schema["properties"]["page"]["default"], 500);
    assert_eq!(schema["properties"]["timeout"]["default"], "30000ms");
    assert_eq!(schema["additionalProperties"], false);
    let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for section in sections {
        for (name, property) in section["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name} has no help");
        }
    }
}

fn key(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { place, .. } => {
            place.key.as_ref().map_or_else(|| place.at.clone(), ToString::to_string)
        }
    }
}

fn keys_of(entries: &[Entry]) -> BTreeSet<String> {
    entries.iter().map(key).collect()
}

fn body(entry: &Entry) -> &Value {
    match entry {
        Entry::Record(record) => record.body.tree(),
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}
