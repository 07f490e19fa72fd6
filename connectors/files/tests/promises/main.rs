//! Promises beyond the conformance suite: what the connector does with real folders.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../drop/mod.rs"]
mod drop;

mod complete;
mod fixtures;
mod formats;
mod keys;
mod large;
mod moved;
mod names;
mod records;
mod settings;
mod workbooks;

use std::fs;

use connector_files::Cursor as Position;
use contract::{Connector as _, Cursor, DecidedBy, Entry, FaultKind, Revision};
use drop::{Folder, body, key, keys, manifest, refusals};
use serde_json::{Value, json};
