//! The `[process]` section of a channel file. Editors show the comments below.

use std::collections::BTreeMap;

use contract::{Period, Secret, Size};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A program of your own that reads the source (a plugin), or a Singer tap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The program and its arguments. The program runs in the folder of the channel, so the file of
    /// `["python3", "plugin.py"]` is beside channel.toml.
    #[schemars(length(min = 1), extend("allow" = "command"))]
    pub(crate) command: Vec<String>,
    /// The protocol of the program.
    #[serde(default)]
    pub(crate) protocol: Protocol,
    /// Settings for the program, which it gets unchanged. With other ones, it is read from its start again.
    #[serde(default)]
    pub(crate) config: Map<String, Value>,
    /// Secret settings for the program.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// Maximum time for one answer of a plugin, or for one line of a tap.
    #[serde(default = "Period::seconds::<60>")]
    #[schemars(extend("formatMinimum" = "1ms", "formatMaximum" = "10m"))]
    pub(crate) timeout: Period,
    /// Maximum address space of each process of the program.
    #[serde(default = "default_memory")]
    #[schemars(extend("formatMinimum" = "16MiB"))]
    pub(crate) memory: Size,
    /// Maximum number of records in one answer. Set a smaller number for large records: all records of
    /// an answer together may have at most 64 MiB.
    #[serde(default = "contract::default_number::<500>")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) page: u32,
    /// What to read from a Singer tap. Required for taps, and allowed only for them.
    pub(crate) singer: Option<Singer>,
}

/// The protocol of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// Requests and answers, one JSON object per line.
    #[default]
    Tonghui,
    /// Messages of the Singer specification.
    Singer,
}

/// What to read from a Singer tap.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Singer {
    /// The stream whose records are demands. Records of other streams are ignored.
    #[schemars(length(min = 1))]
    pub(crate) stream: String,
    /// The key fields of a record; by default, the `key_properties` of the tap's SCHEMA. If they change, the channel
    /// stops.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// The field that orders the states of one record: a whole number or a time. If absent, the state
    /// that is read later is newer.
    pub(crate) revision: Option<String>,
    /// Where the tap's catalog comes from.
    #[serde(default)]
    pub(crate) catalog: Catalog,
}

/// Where a tap's catalog comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Catalog {
    /// From the tap, by `--discover`; the gateway selects the stream in it.
    #[default]
    Discover,
    /// The tap has none.
    None,
    /// A file in the folder of the channel.
    File(String),
}

fn default_memory() -> Size {
    Size(1 << 30)
}
