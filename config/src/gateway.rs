//! `gateway.toml`: what all channels share.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use chrono_tz::Tz;
use contract::{ChannelId, Period, Proxy, Secret, Size};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    allow::Allow,
    door::{Door, Tls},
    problem::Problems,
    settings::{ChannelSettings, KeySource, Settings, StoreSettings},
};

/// The settings of the gateway.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "gateway.toml")]
pub(crate) struct GatewayFile {
    /// Time zone of schedules and output, and of source times that name none.
    #[schemars(with = "String", extend("format" = "timezone"))]
    zone: Tz,
    /// Where demands are kept.
    store: Store,
    /// The broker between ingest and sink; leave it out to run both in one process without a broker.
    bus: Option<BusSettings>,
    /// Tells other systems of each stored version of a demand, through the broker; leave it out to tell nobody.
    feed: Option<FeedSettings>,
    /// Where the keys that seal personal values come from.
    keys: Keys,
    /// Where push channels receive requests.
    #[serde(default)]
    intake: Intake,
    /// HTTP interface for monitoring; leave it out to have none.
    console: Option<Console>,
    /// The audit log: who viewed or erased personal values, or changed something that matters.
    #[serde(default)]
    audit: Audit,
    /// The network between the gateway and its sources.
    // `resolve` hands it on to the channels.
    #[serde(default)]
    #[expect(dead_code, reason = "its schema is what matters")]
    network: Network,
    /// Limits of the process.
    #[serde(default)]
    limits: Limits,
    /// What channels may use; if left out, everything.
    #[serde(default)]
    pub(crate) allow: Allow,
}

/// HTTP interface for monitoring: `/health/live`, `/health/ready`, `/metrics` for Prometheus,
/// `/api/v1/channels`, `/api/v1/index`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Console {
    /// Address and port to listen on. If other machines can reach it, `tls` or `proxy` is needed.
    #[serde(default = "default_console_address")]
    #[schemars(with = "String", extend("format" = "address"))]
    listen: SocketAddr,
    /// Token that a client sends as `Authorization: Bearer …`; not needed for
    /// `/health`. Without a token, `listen` must be a loopback address. A secret.
    token: Option<Secret>,
    /// Host names by which clients may ask, besides `localhost` and addresses. Asked by any other name, the console
    /// refuses: a page of a stranger may have pointed that name here.
    #[serde(default)]
    hosts: Vec<String>,
    /// Certificate and key to answer by HTTPS.
    tls: Option<Tls>,
    /// Set it to `true` if a proxy with TLS stands in front of `listen`, and nobody else can reach that.
    #[serde(default)]
    proxy: bool,
}

fn default_console_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8420))
}

/// Where push channels receive requests: `POST /intake/<channel>`. The gateway listens only if
/// there is a push channel.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Intake {
    /// Address and port to listen on. If other machines can reach it, `tls` or `proxy` is needed.
    #[schemars(with = "String", extend("format" = "address"))]
    listen: SocketAddr,
    /// Certificate and key to receive by HTTPS.
    tls: Option<Tls>,
    /// Set it to `true` if a proxy with TLS stands in front of `listen`, and nobody else can reach that.
    proxy: bool,
}

impl Default for Intake {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8421)), tls: None, proxy: false }
    }
}

/// The settings of the HTTP interface for monitoring.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// Where it listens.
    pub door: Door,
    /// What a client sends as a bearer token.
    pub token: Option<Secret>,
    /// Host names by which clients may ask.
    pub hosts: Vec<String>,
}

/// Where demands are kept (either `sqlite` or `postgres`), and for how long history is kept.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["sqlite", "postgres"]))]
struct Store {
    /// File of the embedded database, relative to the configuration folder.
    #[schemars(length(min = 1))]
    sqlite: Option<String>,
    /// URL of a PostgreSQL database; name several hosts if there is a standby:
    /// `postgres://USER:PASSWORD@HOST1,HOST2/DATABASE`. A secret.
    postgres: Option<Secret>,
    /// Allows a connection to another machine that is not encrypted, or whose server is not verified. Everybody
    /// on the network path can then read and change what is sent, and may get the password.
    #[serde(default)]
    insecure: bool,
    /// How long history is kept: earlier states of demands, and raw records. Whole months are dropped
    /// once they are older. If left out, history is kept for ever. The current state of a demand is
    /// never dropped, but its raw record is, once it is older.
    #[schemars(extend("formatMinimum" = "31d"))]
    history: Option<Period>,
}

/// A RabbitMQ broker.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusSettings {
    /// URL of the broker, `amqp://USER:PASSWORD@HOST/VHOST` or `amqps://…`; for a cluster, the URLs
    /// of its nodes, separated by spaces. A secret.
    pub amqp: Secret,
    /// PEM file of the authority that signed the broker's certificate, relative to the configuration
    /// folder. If left out, the system's authorities are trusted.
    // The format `content` makes the reader of the configuration put the content of the file here.
    #[schemars(extend("format" = "content"))]
    pub ca: Option<String>,
    /// Allows a connection to another machine that is not encrypted. Everybody on the network path can then read
    /// and change what is sent, and may get the password.
    #[serde(default)]
    pub insecure: bool,
    /// Name of the exchange, and prefix of the names of all queues.
    #[serde(default = "default_prefix")]
    #[schemars(length(min = 1, max = 100))]
    pub prefix: String,
    /// Size limit of one queue. When it is full, the broker refuses messages and reading waits.
    #[serde(default = "default_queue_size")]
    #[schemars(extend("formatMinimum" = "16MiB"))]
    pub queue: Size,
    /// Who declares exchanges and queues.
    #[serde(default)]
    pub topology: Topology,
}

/// Who declares exchanges and queues.
#[derive(Debug, Deserialize, JsonSchema, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// The gateway, when it starts.
    #[default]
    Declare,
    /// An administrator; the gateway checks that they exist.
    Check,
}

/// The change feed: an event for each stored version of a demand.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeedSettings {
    /// The topic exchange to which events are published. Whoever wants them binds a queue to it, by a key like
    /// `hotline.#` (channel.region.kind.status).
    #[schemars(length(min = 1, max = 100))]
    pub exchange: String,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self { exchange: "tonghui.feed".to_owned() }
    }
}

fn default_prefix() -> String {
    "tonghui".to_owned()
}

fn default_queue_size() -> Size {
    Size(1 << 30)
}

/// Where the keys that seal personal values come from: a file or the environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("exactlyOne" = ["file", "env"]))]
struct Keys {
    /// Key file, relative to the configuration folder; created with mode 600 at the first start of an
    /// embedded store.
    file: Option<String>,
    /// Environment variable that holds the content of a key file.
    #[schemars(with = "Option<String>", extend("format" = "variable"))]
    env: Option<Secret>,
    /// Algorithms of new keys; sealed values keep the algorithms of their keys.
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
    /// SM4-GCM and HMAC-SM3, China's national algorithms.
    Sm,
}

/// The audit log, which is in the store.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Audit {
    /// File to which every row is copied, relative to the configuration folder; `audit verify` compares both. Put it
    /// where nobody who may write to the store can change it. A command that cannot write it fails.
    #[schemars(length(min = 1))]
    copy: Option<String>,
}

/// The network between the gateway and its sources.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Network {
    /// The proxy for all channels that do not set one themselves; a channel whose source it cannot reach sets
    /// `proxy = "none"`. Variables of the environment, like `https_proxy`, are ignored.
    proxy: Option<Proxy>,
}

/// Limits of the process.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory for what was read or pushed and is not stored yet, in all channels together; one record can take 16 MiB.
    #[schemars(extend("formatMinimum" = "16MiB"))]
    pub memory: Size,
    /// How long a stop waits for running batches to finish.
    #[schemars(extend("formatMinimum" = "1s", "formatMaximum" = "5m"))]
    pub grace: Period,
    /// How long a message may wait to be stored: if one of a channel waits longer, the channel is in trouble, and
    /// `flight write-off` may give it up.
    #[schemars(extend("formatMinimum" = "1s"))]
    pub flight: Period,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Size(256 << 20),
            grace: Period(Duration::from_secs(20)),
            flight: Period(Duration::from_mins(15)),
        }
    }
}

impl GatewayFile {
    /// The settings; relative paths are resolved against the configuration folder `dir`.
    pub(crate) fn into_settings(
        self,
        dir: &Path,
        channels: Vec<ChannelSettings>,
        broken: BTreeMap<ChannelId, Problems>,
    ) -> Settings {
        let Self { zone, store, bus, feed, keys, intake, console, audit, limits, .. } = self;
        Settings {
            zone,
            history: store.history.map(|Period(history)| history),
            has_insecure_store: store.insecure,
            // The schema ensures that exactly one key of each pair is set.
            store: match store.postgres {
                Some(url) => StoreSettings::Postgres(url),
                None => StoreSettings::Sqlite(dir.join(store.sqlite.unwrap_or_default())),
            },
            bus,
            feed,
            keys: match keys.env {
                Some(content) => KeySource::Env(content),
                None => KeySource::File(dir.join(keys.file.unwrap_or_default())),
            },
            uses_national_algorithms: matches!(keys.suite, Suite::Sm),
            intake: Door { listen: intake.listen, tls: intake.tls, proxy: intake.proxy },
            console: console.map(|Console { listen, token, hosts, tls, proxy }| ConsoleSettings {
                door: Door { listen, tls, proxy },
                token,
                hosts,
            }),
            audit_copy: audit.copy.map(|file| dir.join(file)),
            limits,
            channels,
            broken,
            codes_dir: dir.join("codes"),
        }
    }
}
