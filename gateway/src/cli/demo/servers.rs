//! The database and the broker that the demo can use instead of one SQLite file.
//!
//! The demo uses a schema of its own in the database, and queues with a prefix of its own on the broker.
//! It empties both when it starts.

use std::path::Path;

use config::{Settings, StoreSettings};
use normalizer::Suite;
use sink::store::Postgres;

use crate::{assemble, keys, shipped};

/// Schema in the database, and prefix of the names on the broker.
const SCHEMA: &str = "tonghui_demo";
/// Environment variables that hold the URLs of the database and of the broker.
const STORE_VARIABLE: &str = "TONGHUI_DEMO_STORE";
const BROKER_VARIABLE: &str = "TONGHUI_DEMO_BROKER";

#[derive(Debug, clap::Args)]
pub(super) struct Servers {
    /// Use this RabbitMQ broker: amqp://USER:PASSWORD@HOST/VHOST.
    #[arg(long, value_name = "URL", env = BROKER_VARIABLE, hide_env_values = true)]
    broker: Option<String>,
    /// Use this PostgreSQL database: postgres://USER:PASSWORD@HOST/DATABASE. The demo writes only to
    /// the schema `tonghui_demo`, and replaces what an earlier demo left in it.
    #[arg(long, value_name = "URL", env = STORE_VARIABLE, hide_env_values = true)]
    store: Option<String>,
}

impl Servers {
    /// Writes the servers into the configuration, and empties the schema of the demo.
    pub(super) async fn prepare(&self, config: &Path) -> anyhow::Result<()> {
        if let Some(url) = &self.store {
            Postgres::create_schema(url, SCHEMA).await?;
            // The keys of a shared store are never created automatically, but this store belongs to the
            // demo.
            keys::make(&config.join("data/keys.json"), Suite::default())?;
        }
        let store = self.store.as_ref().map(|_| STORE_VARIABLE);
        let broker = self.broker.as_ref().map(|_| (BROKER_VARIABLE, SCHEMA));
        Ok(shipped::set_servers(config, store, broker)?)
    }

    /// Deletes the queues of an earlier demo.
    pub(super) async fn delete_queues(settings: &Settings) -> anyhow::Result<()> {
        if let Some(broker) = &settings.bus {
            let channels: Vec<_> = settings.channels.iter().map(|each| each.id.clone()).collect();
            assemble::broker(broker, None).delete(channels).await?;
        }
        Ok(())
    }

    /// The value of an environment variable to which the configuration refers.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match name {
            STORE_VARIABLE => self.store.as_deref().map(|url| Postgres::in_schema(url, SCHEMA)),
            BROKER_VARIABLE => self.broker.clone(),
            _ => None,
        }
    }

    /// Where the demands are stored, as text.
    pub(super) fn location(settings: &Settings) -> String {
        match &settings.store {
            StoreSettings::Sqlite(file) => file.display().to_string(),
            StoreSettings::Postgres(_) => format!("PostgreSQL, schema {SCHEMA}"),
        }
    }

    /// Example queries.
    pub(super) fn queries(settings: &Settings) -> String {
        let (shell, schema) = match &settings.store {
            StoreSettings::Sqlite(file) => (format!("sqlite3 {}", file.display()), String::new()),
            StoreSettings::Postgres(_) => ("psql URL -c".to_owned(), format!("{SCHEMA}.")),
        };
        let location = Self::location(settings);
        format!(
            "\nthe demand database is {location}; three queries to try:\n\n\
             {shell} \"SELECT region, kind, count(*) FROM {schema}demand GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10\"\n\
             {shell} \"SELECT received_at, status, title FROM {schema}demand ORDER BY received_at DESC LIMIT 10\"\n\
             {shell} \"SELECT d.source_no, h.changed, h.seen_at FROM {schema}demand_history h JOIN {schema}demand d ON d.seq = h.demand ORDER BY h.seq DESC LIMIT 10\"\n"
        )
    }
}
