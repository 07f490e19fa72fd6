//! The `[process]` section of a channel file, as an author writes it. The comments below are what
//! an editor shows.

use std::{collections::BTreeMap, time::Duration};

use contract::{Period, Secret, Size};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A program of your own that reads the source (a plugin), or a Singer tap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments. It runs in the folder of the channel: `["python3",
    /// "plugin.py"]` is a file beside channel.toml.
    #[schemars(length(min = 1))]
    pub command: Vec<String>,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// Settings that are handed to it as they stand here.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Further settings of it that must not be seen, by the same names.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// The longest that one answer of a plugin, or one line of a tap, may take.
    #[serde(default = "timeout")]
    #[schemars(extend("formatMinimum" = "1ms", "formatMaximum" = "10m"))]
    pub timeout: Period,
    /// Address space that each of its processes may use.
    #[serde(default = "memory")]
    #[schemars(extend("formatMinimum" = "16MiB"))]
    pub memory: Size,
    /// Records of one answer at most. A smaller number suits large records: all records of an answer
    /// together may have 64 MiB.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 10_000))]
    pub page: u32,
    /// What is read of a Singer tap; needed there, and only there.
    #[serde(default)]
    pub singer: Option<Singer>,
}

/// What a program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Questions and answers, a JSON object a line.
    #[default]
    Tonghui,
    /// Messages of the Singer specification.
    Singer,
}

/// What is read of a Singer tap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Singer {
    /// The stream whose records are demands. Records of others are left out.
    #[schemars(length(min = 1))]
    pub stream: String,
    /// Fields that name a record, where the tap's SCHEMA has no `key_properties`.
    #[serde(default)]
    pub key: Vec<String>,
    /// The field that orders the states of one record, a whole number or a time. Left out where the
    /// tap reads current states: there a later read is newer.
    #[serde(default)]
    pub revision: Option<String>,
    /// Where the tap's catalog comes from.
    #[serde(default)]
    pub catalog: Catalog,
}

/// Where a tap's catalog comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Catalog {
    /// The tap is asked (`--discover`) and the stream is selected.
    #[default]
    Discover,
    /// The tap takes none.
    None,
    /// A file in the folder of the channel.
    File(String),
}

fn timeout() -> Period {
    Period(Duration::from_secs(60))
}

fn memory() -> Size {
    Size(1 << 30)
}

fn page() -> u32 {
    500
}
