//! `gateway.toml`: what all channels share.

use std::{path::Path, time::Duration};

use chrono_tz::Tz;
use contract::{Period, Secret};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    format::{Size, Zone},
    settings::{KeySource, Limits, StoreSettings},
};

/// The settings of the gateway, as written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "gateway.toml")]
pub(crate) struct GatewayFile {
    /// Zone of source times that name none, and of what people see.
    zone: Zone,
    /// Where demands are kept.
    store: Store,
    /// Where the keys that seal personal values come from.
    keys: Keys,
    /// What the process may use.
    #[serde(default)]
    limits: LimitsFile,
}

/// Where demands are kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Store {
    /// File of the embedded database, relative to the configuration folder.
    #[schemars(length(min = 1))]
    sqlite: String,
}

/// Where the keys that seal personal values come from: one of the two.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
struct Keys {
    /// File of the keys, relative to the configuration folder; made at the first start, mode 600.
    file: Option<String>,
    /// Environment variable that holds the content of such a file.
    #[schemars(with = "Option<String>", extend("format" = "variable"))]
    env: Option<Secret>,
}

/// What the process may use.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct LimitsFile {
    /// Bytes of all batches in flight together; one record may have 16 MiB.
    #[schemars(extend("formatMinimum" = "16MiB"))]
    memory: Size,
    /// How long a stop waits for the batch border.
    #[schemars(extend("formatMinimum" = "1s", "formatMaximum" = "5m"))]
    grace: Period,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self { memory: Size(256 << 20), grace: Period(Duration::from_secs(20)) }
    }
}

impl GatewayFile {
    /// The same in rich types; paths are relative to `dir`.
    pub(crate) fn into_settings(self, dir: &Path) -> (Tz, StoreSettings, KeySource, Limits) {
        let Self { zone: Zone(zone), store, keys, limits } = self;
        let store = StoreSettings { sqlite: dir.join(store.sqlite) };
        // The schema lets exactly one of the two through.
        let keys = match keys.env {
            Some(content) => KeySource::Env(content),
            None => KeySource::File(dir.join(keys.file.unwrap_or_default())),
        };
        let limits = Limits { memory_bytes: limits.memory.0, grace: limits.grace.0 };
        (zone, store, keys, limits)
    }
}
