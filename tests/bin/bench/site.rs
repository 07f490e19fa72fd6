//! A gateway to measure: its configuration and store, the run of `tonghui sync`, and the check that nothing
//! is missing.

use std::{
    any::Any,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use contract::{ChannelId, Timestamp};
use gateway::{assemble, registry::section_schemas, shipped};
use sandbox::{Clock, Settings, Storage};
use sink::{
    bus::{Amqp, AmqpSettings},
    store::{Database, Postgres},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use system_tests::{
    gateway_process,
    world::{BROKER, SOURCE, STORE, World},
};

use crate::{
    process::{self, LIMIT},
    records::Pages,
    report::{Figures, real},
};

/// The channel that reads JSON pages.
pub(crate) const JSON: &str = include_str!("json.toml");
/// The channel that reads XML pages.
pub(crate) const XML: &str = include_str!("xml.toml");
/// The name of these channels.
const CHANNEL: &str = "bench";

/// The servers that `cargo xtask bench` has started.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) store: String,
    pub(crate) broker: String,
}

impl Servers {
    pub(crate) fn started() -> anyhow::Result<Self> {
        let store = gateway_process::server("TONGHUI_TEST_POSTGRES")?;
        Ok(Self { store, broker: gateway_process::server("TONGHUI_TEST_AMQP")? })
    }
}

/// A configured gateway with a store of its own.
pub(crate) struct Site {
    config: PathBuf,
    environment: BTreeMap<&'static str, String>,
    channel: ChannelId,
    /// The servers, and the name of the schema and the prefix of the queues on them.
    servers: Option<(Servers, String)>,
    /// The folder, and perhaps the source; both are removed when this is dropped.
    _home: Box<dyn Any>,
}

impl Site {
    /// A gateway with one channel ([`JSON`] or [`XML`]) that reads `pages`, embedded.
    pub(crate) fn http(channel: &str, pages: &Pages) -> anyhow::Result<Self> {
        let site = Self::empty()?;
        site.add_channel(CHANNEL, &channel.replace("http://127.0.0.1:1", pages.url()))?;
        Ok(site)
    }

    /// A gateway without channels.
    pub(crate) fn empty() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-").tempdir()?;
        let config = folder.path().join("config");
        shipped::write(&config, &[])?;
        let (environment, channel) = (BTreeMap::new(), CHANNEL.parse()?);
        Ok(Self { config, environment, channel, servers: None, _home: Box::new(folder) })
    }

    /// Writes the file of a channel.
    pub(crate) fn add_channel(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let folder = self.config.join("channels").join(name);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join("channel.toml"), text)?)
    }

    /// A gateway that reads a front-end table (前置库) with this many demands, embedded.
    pub(crate) async fn table(records: u64) -> anyhow::Result<Self> {
        let mut settings = Settings::new(1, Clock::machine());
        settings.storage = Storage::Clob;
        let world = World::open(settings).await?;
        world.hotline.file(records).await?;
        let environment = BTreeMap::from([(SOURCE, world.hotline.url().to_owned())]);
        let (config, channel) = (world.config(), "hotline".parse()?);
        Ok(Self { config, environment, channel, servers: None, _home: Box::new(world) })
    }

    /// The same gateway with RabbitMQ and PostgreSQL, in a new schema.
    pub(crate) async fn through(mut self, servers: &Servers, name: &str) -> anyhow::Result<Self> {
        let name = format!("b{}_{name}", std::process::id());
        Postgres::create_schema(&servers.store, &name).await?;
        gateway::keys::make(&self.config.join("data/keys.json"), normalizer::Suite::default())?;
        self.environment.insert(STORE, Postgres::in_schema(&servers.store, &name));
        self.environment.insert(BROKER, servers.broker.clone());
        shipped::set_servers(&self.config, Some(STORE), Some((BROKER, &name)))?;
        self.servers = Some((servers.clone(), name));
        Ok(self)
    }

    /// The name of the queue on the broker.
    pub(crate) fn queue(&self) -> Option<String> {
        self.servers.as_ref().map(|(_, prefix)| format!("{prefix}.{}", self.channel))
    }

    /// The file of the embedded store.
    pub(crate) fn file(&self) -> PathBuf {
        self.config.join("data/tonghui.db")
    }

    /// The URL of the store in PostgreSQL.
    pub(crate) fn postgres(&self) -> anyhow::Result<&str> {
        self.environment.get(STORE).map(String::as_str).context("the store is embedded")
    }

    /// The program with these arguments and this configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = gateway_process::command()?;
        command.arg("--config").arg(&self.config).args(arguments).envs(&self.environment);
        command.env("TONGHUI_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null());
        Ok(command)
    }

    /// Runs `tonghui sync`, which reads all that is new, stores it, covers it with the indexes, and ends.
    /// Checks that the store then has `total` demands; `new` of them came with this run.
    pub(crate) async fn sync(&self, new: u64, total: u64) -> anyhow::Result<Figures> {
        let mut command = self.command(&["sync", self.channel.as_str(), "--deadline", "12h"])?;
        // The first load of a large store takes its time.
        let limit = LIMIT * u32::try_from(new / 50_000 + 1)?;
        let usage = process::run(&mut command, limit).await?;
        Box::pin(self.check(total)).await?;
        let stored = (self.stored_at().await? - usage.began_at).to_std()?;
        let bytes = self.bytes().await? / real(total);
        Ok(Figures { bytes_per_demand: Some(bytes), ..Figures::new(&usage, new, stored) })
    }

    /// The checked settings.
    pub(crate) fn settings(&self) -> anyhow::Result<config::Settings> {
        let environment = |name: &str| self.environment.get(name).cloned();
        Ok(config::resolve(&self.config, &section_schemas(), &environment)?)
    }

    /// The store, for its books.
    pub(crate) async fn store(&self) -> anyhow::Result<Database> {
        Ok(Box::pin(assemble::open(&self.settings()?)).await?.0)
    }

    /// Fails unless there is one demand for each record, and the books balance.
    async fn check(&self, total: u64) -> anyhow::Result<()> {
        const COUNT: &str = "SELECT count(*) FROM demand";
        let demands = self.number(COUNT, COUNT).await?;
        ensure!(u64::try_from(demands)? == total, "{demands} demands of {total} were stored");
        let books = self.store().await?.books(Some(&self.channel), None).await?;
        let is_balanced = books.iter().all(|book| {
            let missing = book.quarantined + book.rejected + book.lost + book.in_flight;
            book.balanced == Some(true) && missing + book.extra == 0
        });
        ensure!(is_balanced && !books.is_empty(), "the books do not balance: {books:?}");
        Ok(())
    }

    /// When the last receipt was written.
    async fn stored_at(&self) -> anyhow::Result<Timestamp> {
        let sqlite = "SELECT CAST(max(unixepoch(kept_at, 'subsec')) * 1e6 AS INTEGER) FROM receipt";
        let postgres = "SELECT CAST(extract(epoch FROM max(kept_at)) * 1e6 AS bigint) FROM receipt";
        let micros = self.number(sqlite, postgres).await?;
        Timestamp::from_timestamp_micros(micros).context("no receipt")
    }

    /// The size of the store: the pages of the file, or the tables with their indices.
    async fn bytes(&self) -> anyhow::Result<f64> {
        let sqlite = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        let bytes = self.number(sqlite, SCHEMA_BYTES).await?;
        Ok(real(u64::try_from(bytes)?))
    }

    /// A number from the store, by a statement for each database.
    async fn number(&self, sqlite: &'static str, postgres: &'static str) -> anyhow::Result<i64> {
        if self.servers.is_some() {
            let mut store = PgConnection::connect(self.postgres()?).await?;
            return Ok(sqlx::query_scalar(postgres).fetch_one(&mut store).await?);
        }
        let mut store = SqliteConnection::connect(&sqlite_url(&self.file())).await?;
        Ok(sqlx::query_scalar(sqlite).fetch_one(&mut store).await?)
    }

    /// Removes the schema and the queues.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        let Some((servers, name)) = &self.servers else { return Ok(()) };
        let settings = AmqpSettings {
            urls: vec![servers.broker.clone()],
            ca: None,
            prefix: name.clone(),
            queue_bytes: 0,
            declare: true,
        };
        Amqp::new(settings).delete([self.channel.clone()]).await?;
        drop_schema(&servers.store, name).await
    }
}

/// The size of all tables of a schema with their indices, in bytes.
pub(crate) const SCHEMA_BYTES: &str = "SELECT CAST(sum(pg_total_relation_size(oid)) AS bigint) \
     FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";

/// Drops a schema with all that is in it.
pub(crate) async fn drop_schema(store: &str, name: &str) -> anyhow::Result<()> {
    let mut store = PgConnection::connect(store).await?;
    let sql = format!("DROP SCHEMA IF EXISTS {name} CASCADE");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut store).await?;
    Ok(())
}

/// The URL of an SQLite file.
pub(crate) fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}
