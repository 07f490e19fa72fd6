//! The configuration after everything was checked: nothing optional by accident, nothing a string
//! that should be a type.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use chrono_tz::Tz;
use contract::{Budget, ChannelId, Secret, Window};
use schemars::JsonSchema;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    problem::Problem,
    source::{Finding, Source},
};

/// What the gateway runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Zone of source times that name none, and of what people see.
    pub zone: Tz,
    /// Where demands are kept.
    pub store: StoreSettings,
    /// How long earlier states and raw records are kept; `None` for ever.
    pub history: Option<Duration>,
    /// The broker; `None` for the bus within the process.
    pub bus: Option<BusSettings>,
    /// Where the keys come from.
    pub keys: KeySource,
    /// New keys are for China's national algorithms.
    pub national: bool,
    /// Where senders of push channels come in.
    pub intake: SocketAddr,
    /// Where programs of others ask how it stands; `None` where nobody may.
    pub console: Option<ConsoleSettings>,
    /// What the process may use.
    pub limits: Limits,
    /// In the order of their names; at least one.
    pub channels: Vec<ChannelSettings>,
    /// Folder of the code tables.
    pub codes_dir: PathBuf,
}

/// Where demands are kept.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreSettings {
    /// The file of the embedded store; its folder may not exist yet.
    Sqlite(PathBuf),
    /// The URL of a database that several processes share.
    Postgres(Secret),
}

/// A broker between the ingest side and the sink.
#[derive(Debug, Clone, PartialEq)]
pub struct BusSettings {
    /// Its URL, or those of the nodes of a cluster with blanks between.
    pub urls: Secret,
    /// PEM file of the authority that signs its certificate.
    pub ca: Option<PathBuf>,
    /// Name of the exchange, and how the names of all queues begin.
    pub prefix: String,
    /// What one queue may hold.
    pub queue_bytes: u64,
    /// Whether the gateway makes exchanges and queues, or only looks whether they are there.
    pub declare: bool,
}

/// Where programs of others ask how it stands.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// Address and port.
    pub listen: SocketAddr,
    /// What they have to show; `None` on this machine only.
    pub token: Option<Secret>,
}

/// The one rule for every listener: where other machines reach it, whoever comes has to show who it
/// is.
///
/// # Errors
/// It is broken; the text goes on after the name of the listener.
pub fn may_listen(listen: SocketAddr, asks_who: bool) -> Result<(), String> {
    if asks_who || listen.ip().is_loopback() {
        return Ok(());
    }
    Err(format!("listens on {listen}, where other machines reach it, and lets anybody in"))
}

/// Where the keys that seal personal values come from.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// A file, made at the first start of an embedded store.
    File(PathBuf),
    /// The content of such a file, from an environment variable.
    Env(Secret),
}

/// What the process may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes of all batches in flight together; at least the largest record.
    pub memory_bytes: u64,
    /// How long a stop waits for the batch border.
    pub grace: Duration,
}

/// One channel.
#[derive(Debug, Clone)]
pub struct ChannelSettings {
    /// The name of its folder.
    pub id: ChannelId,
    /// What people call it; no other channel is called so.
    pub name: String,
    /// Kind of its connector.
    pub connector: String,
    /// When to look.
    pub schedule: ScheduleSettings,
    /// What the source allows.
    pub budget: Budget,
    /// The upstream whose budget it is, as other channels name it too; `None` where the channel has
    /// its upstream to itself. Channels of one upstream have equal budgets.
    pub upstream: Option<String>,
    /// The settings of its connector.
    pub section: Section,
    /// The mapping, for the normalizer.
    pub demand: Value,
    /// Pages with the demands that must come out of them.
    pub examples: Vec<Example>,
    /// Its folder.
    pub dir: PathBuf,
    pub(crate) source: Source,
}

/// When a channel looks.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleSettings {
    /// What makes it look.
    pub trigger: Trigger,
    /// The hours of the day within which it may look, in the zone of the gateway.
    pub window: Option<Window>,
    /// What becomes of a clock time that nobody was there for.
    pub misfire: Misfire,
    /// A look may be this much later, so that many do not come at the same moment.
    pub jitter: Duration,
}

/// What makes a channel look.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// A pause once caught up.
    Every(Duration),
    /// Times of the clock, in the zone of the gateway.
    Cron(Box<croner::Cron>),
}

/// What becomes of clock times that passed while nothing ran, or while the look before went on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Misfire {
    /// They are made up for by one look at once.
    #[default]
    Once,
    /// They are left out.
    Skip,
}

/// A page of the source and the demands that must come out of it.
#[derive(Debug, Clone)]
pub struct Example {
    /// The page as the connector reads it.
    pub page: PathBuf,
    /// The demands, as JSON.
    pub expected: PathBuf,
}

impl ChannelSettings {
    /// The name of its upstream: its own where it names none.
    pub fn upstream(&self) -> &str {
        self.upstream.as_deref().unwrap_or(self.id.as_str())
    }

    /// A problem that the owner of a value found after everything was resolved, at the value that
    /// `path` leads to: keys and list positions, like `["demand", "title", "at"]`. Where the path
    /// leads nowhere, the last part that exists is meant.
    pub fn problem(&self, path: &[&str], message: impl Into<String>) -> Problem {
        self.source.problem(Finding {
            span: self.source.locate(path),
            message: message.into(),
            suggestion: None,
            absence: false,
        })
    }
}

/// The settings of a connector, secrets in their places. Only their owner looks inside.
#[derive(Clone, PartialEq)]
pub struct Section {
    pub(crate) value: Value,
    pub(crate) secrets: Vec<String>,
}

impl Section {
    /// Turns them into the owner's type.
    ///
    /// # Errors
    /// They do not fit it in a way its schema cannot say; no secret is quoted.
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
