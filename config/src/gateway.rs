//! `gateway.toml`: what all channels share.

use std::{net::SocketAddr, path::Path, time::Duration};

use chrono_tz::Tz;
use contract::{Period, Secret, Size};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    format::Zone,
    settings::{BusSettings, ConsoleSettings, KeySource, Limits, StoreSettings},
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
    /// The broker between the ingest side and the sink; leave out for one process that needs none.
    bus: Option<Bus>,
    /// Where the keys that seal personal values come from.
    keys: Keys,
    /// Where senders of push channels come in.
    #[serde(default)]
    intake: IntakeFile,
    /// Where programs of others ask how it stands; leave out where nobody may.
    console: Option<ConsoleFile>,
    /// What the process may use.
    #[serde(default)]
    limits: LimitsFile,
}

/// Where programs of others ask how it stands, over HTTP: `/health/live`, `/health/ready`,
/// `/metrics` for Prometheus, `/api/v1/channels`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ConsoleFile {
    /// Address and port, without TLS: what comes from outside comes through a proxy that has it.
    #[serde(default = "console")]
    #[schemars(with = "String", extend("format" = "address"))]
    listen: SocketAddr,
    /// What has to be shown as `Authorization: Bearer …`, except for `/health`. Left out, it listens
    /// on addresses of this machine only. A secret.
    token: Option<Secret>,
}

fn console() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

/// Where senders of push channels come in: `POST /intake/<channel>`. Listens only where there is
/// such a channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct IntakeFile {
    /// Address and port, without TLS: what comes from outside comes through a proxy that has it.
    #[schemars(with = "String", extend("format" = "address"))]
    listen: SocketAddr,
}

impl Default for IntakeFile {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8421)) }
    }
}

/// Where demands are kept, in one of the two, and for how long what they were before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["sqlite", "postgres"]))]
struct Store {
    /// File of the embedded database, relative to the configuration folder.
    #[schemars(length(min = 1))]
    sqlite: Option<String>,
    /// URL of a PostgreSQL database, with several hosts where there is a standby:
    /// `postgres://USER:PASSWORD@HOST1,HOST2/DATABASE`. A secret.
    postgres: Option<Secret>,
    /// How long states of a demand, and records as their sources said them, are kept in history:
    /// months that ended before go as a whole. For ever where it is left out. Demands as they are now
    /// stay; of one that has not changed since, only the record goes.
    #[schemars(extend("formatMinimum" = "31d"))]
    history: Option<Period>,
}

/// A RabbitMQ broker.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bus {
    /// URL of the broker, `amqp://USER:PASSWORD@HOST/VHOST` or `amqps://…`; the nodes of a cluster
    /// one after the other, with blanks between. A secret.
    amqp: Secret,
    /// PEM file of the authority that signs the broker's certificate, relative to the configuration
    /// folder; the system's authorities where it is left out.
    ca: Option<String>,
    /// Name of the exchange, and how the names of all queues begin.
    #[serde(default = "prefix")]
    #[schemars(length(min = 1, max = 100))]
    prefix: String,
    /// What one queue may hold; beyond it the broker refuses, and reading waits.
    #[serde(default = "queue")]
    #[schemars(extend("formatMinimum" = "16MiB"))]
    queue: Size,
    /// Who makes exchanges and queues.
    #[serde(default)]
    topology: Topology,
}

/// Who makes exchanges and queues.
#[derive(Deserialize, JsonSchema, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Topology {
    /// The gateway, at its start.
    #[default]
    Declare,
    /// Somebody else; the gateway looks whether they are there.
    Check,
}

fn prefix() -> String {
    "tonghui".to_owned()
}

fn queue() -> Size {
    Size(1 << 30)
}

/// Where the keys that seal personal values come from: a file or the environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["file", "env"]))]
struct Keys {
    /// File of the keys, relative to the configuration folder; made at the first start, mode 600.
    file: Option<String>,
    /// Environment variable that holds the content of such a file.
    #[schemars(with = "Option<String>", extend("format" = "variable"))]
    env: Option<Secret>,
    /// Algorithms of keys that are made from now on; old values keep theirs.
    #[serde(default)]
    suite: Suite,
}

/// Algorithms that seal personal values and make them comparable.
#[derive(Deserialize, JsonSchema, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Suite {
    /// AES-256-GCM and HMAC-SHA-256.
    #[default]
    Aes,
    /// SM4-GCM and HMAC-SM3, where national algorithms are required.
    Sm,
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

/// What becomes of a gateway file.
pub(crate) struct Parts {
    pub(crate) zone: Tz,
    pub(crate) store: StoreSettings,
    pub(crate) history: Option<Duration>,
    pub(crate) bus: Option<BusSettings>,
    pub(crate) keys: KeySource,
    pub(crate) national: bool,
    pub(crate) intake: SocketAddr,
    pub(crate) console: Option<ConsoleSettings>,
    pub(crate) limits: Limits,
}

impl GatewayFile {
    /// The same in rich types; paths are relative to `dir`.
    pub(crate) fn into_parts(self, dir: &Path) -> Parts {
        let Self { zone: Zone(zone), store, bus, keys, intake, console, limits } = self;
        // The schema lets exactly one key of each pair through.
        let history = store.history.map(|Period(history)| history);
        let store = match store.postgres {
            Some(url) => StoreSettings::Postgres(url),
            None => StoreSettings::Sqlite(dir.join(store.sqlite.unwrap_or_default())),
        };
        let bus = bus.map(|Bus { amqp, ca, prefix, queue, topology }| BusSettings {
            urls: amqp,
            ca: ca.map(|file| dir.join(file)),
            prefix,
            queue_bytes: queue.0,
            declare: topology == Topology::Declare,
        });
        let national = matches!(keys.suite, Suite::Sm);
        let keys = match keys.env {
            Some(content) => KeySource::Env(content),
            None => KeySource::File(dir.join(keys.file.unwrap_or_default())),
        };
        let console =
            console.map(|ConsoleFile { listen, token }| ConsoleSettings { listen, token });
        let limits = Limits { memory_bytes: limits.memory.0, grace: limits.grace.0 };
        let intake = intake.listen;
        Parts { zone, store, history, bus, keys, national, intake, console, limits }
    }
}
