//! The checked configuration. Each value has its own type, and is an `Option` only if it is still
//! optional after defaults are filled in.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    time::Duration,
};

use chrono_tz::Tz;
use contract::{Budget, ChannelId, Secret, Window};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    config_file::{ConfigFile, Finding},
    door::Door,
    gateway::{BusSettings, ConsoleSettings, FeedSettings, Limits},
    problem::{Problem, Problems},
};

/// All settings of the gateway.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Time zone of schedules and output, and of source times that name none.
    pub zone: Tz,
    /// Where demands are kept.
    pub store: StoreSettings,
    /// Whether the connection to a store on another machine may be unprotected.
    pub has_insecure_store: bool,
    /// Retention of earlier states and raw records; `None` keeps them for ever.
    pub history: Option<Duration>,
    /// The broker; `None` if the bus is in the process.
    pub bus: Option<BusSettings>,
    /// The change feed; `None` if there is none.
    pub feed: Option<FeedSettings>,
    /// Where the keys come from.
    pub keys: KeySource,
    /// Whether new keys use China's national algorithms (SM3, SM4).
    pub uses_national_algorithms: bool,
    /// Where push channels receive requests.
    pub intake: Door,
    /// HTTP interface for monitoring; `None` if there is none.
    pub console: Option<ConsoleSettings>,
    /// File to which the audit log is copied; `None` if it is not copied.
    pub audit_copy: Option<PathBuf>,
    /// Limits of the process.
    pub limits: Limits,
    /// The channels without problems, sorted by id.
    pub channels: Vec<ChannelSettings>,
    /// The channels that cannot be used, with the problems of their files.
    pub broken: BTreeMap<ChannelId, Problems>,
    /// Folder of the code tables.
    pub codes_dir: PathBuf,
}

impl Settings {
    /// The ids of all channels that have a folder, sorted.
    pub fn channel_ids(&self) -> Vec<ChannelId> {
        let usable = self.channels.iter().map(|channel| &channel.id);
        let ids: BTreeSet<_> = usable.chain(self.broken.keys()).cloned().collect();
        ids.into_iter().collect()
    }

    /// The doors, with their sections of gateway.toml.
    pub fn doors(&self) -> impl Iterator<Item = (&'static str, &Door)> {
        let console = self.console.as_ref().map(|console| ("console", &console.door));
        [("intake", &self.intake)].into_iter().chain(console)
    }

    /// The problems of all broken channels; `None` if there are none.
    pub fn all_problems(&self) -> Option<Problems> {
        Problems::from_found(self.broken.values().flat_map(Problems::as_slice).cloned())
    }
}

/// Where demands are kept.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreSettings {
    /// The file of the embedded store. The file and its folder may not exist yet.
    Sqlite(PathBuf),
    /// The URL of a database that several processes share.
    Postgres(Secret),
}

/// Where the keys that seal personal values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// A file; with an embedded store, the first start creates it.
    File(PathBuf),
    /// The content of such a file, from an environment variable.
    Env(Secret),
}

/// One channel.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// The name of its folder.
    pub id: ChannelId,
    /// Display name; unique among the channels.
    pub name: String,
    /// Kind of its connector.
    pub connector: String,
    /// When to read.
    pub schedule: ScheduleSettings,
    /// Limits on requests to its upstream.
    pub budget: Budget,
    /// Name of its upstream in the settings. Channels that set the same upstream share one budget. `None`
    /// if no other channel reads the upstream.
    pub upstream: Option<String>,
    /// The settings of its connector.
    pub section: Section,
    /// The mapping; the normaliser parses it.
    pub demand: Value,
    /// Saved pages of the source, with the demands expected from them.
    pub examples: Vec<Example>,
    /// Its folder.
    pub dir: PathBuf,
    /// The text of the channel file, for the places of problems.
    pub(crate) file: ConfigFile,
}

/// When a channel reads its source.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSettings {
    /// What starts a read.
    pub trigger: Trigger,
    /// The hours of the day during which it may read, in the gateway's time zone.
    pub window: Option<Window>,
    /// What to do about missed cron times.
    pub misfire: Misfire,
    /// Maximum random delay of a read, so that channels do not all start at once.
    pub jitter: Duration,
}

/// What starts a read.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A pause after the end of the last pass.
    Every(Duration),
    /// Cron times, in the gateway's time zone.
    Cron(Box<croner::Cron>),
}

/// What to do about cron times that passed while the gateway was down or was still reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Misfire {
    /// Read once for all of them, immediately.
    #[default]
    Once,
    /// Skip them.
    Skip,
}

/// A page of the source and the demands expected from it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// File of the page, relative to the channel's folder.
    #[schemars(with = "String", extend("format" = "fixture"))]
    pub page: PathBuf,
    /// File of the expected demands, as JSON.
    #[schemars(with = "String", extend("format" = "fixture"))]
    pub expected: PathBuf,
}

impl ChannelSettings {
    /// The name of its upstream; the channel's id if none is set.
    pub fn upstream(&self) -> &str {
        self.upstream.as_deref().unwrap_or(self.id.as_str())
    }

    /// A problem with the value at `path` that was found after the configuration was resolved. The path
    /// consists of keys and list positions, like `["demand", "title", "at"]`; if it does not exist, the
    /// problem is placed at the last part that does.
    pub fn problem(&self, path: &[&str], message: impl Into<String>) -> Problem {
        self.file.problem(Finding::new(self.file.locate(path), message.into(), None))
    }
}

/// The settings of a connector, with secrets filled in. Only the connector reads them.
#[derive(Clone, PartialEq)]
pub struct Section {
    pub(crate) value: Value,
    pub(crate) secrets: Vec<String>,
}

impl Section {
    /// Whether one of its secrets has this value.
    pub fn has_secret(&self, value: &str) -> bool {
        self.secrets.iter().any(|secret| secret == value)
    }

    /// Deserialises the settings into the connector's type.
    ///
    /// # Errors
    /// The settings break a rule that a schema cannot express. The text contains no secret.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, String> {
        T::deserialize(&self.value).map_err(|error| {
            let text = error.to_string();
            self.secrets.iter().fold(text, |text, secret| text.replace(secret.as_str(), "…"))
        })
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Section(…)")
    }
}
