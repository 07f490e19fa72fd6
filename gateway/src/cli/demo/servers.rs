//! Where the demo puts its demands, and what goes between, if not into one file.
//!
//! The demo keeps to a corner of its own: a schema in the database, queues with their own prefix.
//! Both are emptied when it begins, as its folder is.

use std::path::Path;

use config::{Settings, StoreSettings};
use normalizer::Suite;
use sink::{bus::Amqp, store::Postgres};

use crate::{assemble, keys, shipped};

/// Schema in the database, and beginning of the names on the broker.
const CORNER: &str = "tonghui_demo";
const STORE: &str = "TONGHUI_DEMO_STORE";
const BROKER: &str = "TONGHUI_DEMO_BROKER";

#[derive(Debug, clap::Args)]
pub(super) struct Servers {
    /// RabbitMQ between the two halves: amqp://USER:PASSWORD@HOST/VHOST.
    #[arg(long, value_name = "URL", env = BROKER, hide_env_values = true)]
    broker: Option<String>,
    /// PostgreSQL instead of a file: postgres://USER:PASSWORD@HOST/DATABASE. Only the schema
    /// `tonghui_demo` is touched; what an earlier demo left in it is replaced.
    #[arg(long, value_name = "URL", env = STORE, hide_env_values = true)]
    store: Option<String>,
}

impl Servers {
    /// Names the servers in the configuration and clears the corner.
    pub(super) async fn prepare(&self, config: &Path) -> anyhow::Result<()> {
        if let Some(url) = &self.store {
            Postgres::make_schema(url, CORNER).await?;
            // A store that processes share never gets keys by itself; this one is only the demo's.
            keys::make(&config.join("data/keys.json"), Suite::default())?;
        }
        let store = self.store.as_ref().map(|_| STORE);
        let broker = self.broker.as_ref().map(|_| (BROKER, CORNER));
        Ok(shipped::name_servers(config, store, broker)?)
    }

    /// Empties the queues of an earlier demo.
    pub(super) async fn clear(settings: &Settings) -> anyhow::Result<()> {
        if let Some(broker) = &settings.bus {
            let channels: Vec<_> = settings.channels.iter().map(|each| each.id.clone()).collect();
            Amqp::new(assemble::broker(broker)?).delete(channels).await?;
        }
        Ok(())
    }

    /// What the configuration finds in these variables.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        match name {
            STORE => self.store.as_deref().map(|url| Postgres::in_schema(url, CORNER)),
            BROKER => self.broker.clone(),
            _ => None,
        }
    }

    /// Where the demands go, in words.
    pub(super) fn place(settings: &Settings) -> String {
        match &settings.store {
            StoreSettings::Sqlite(file) => file.display().to_string(),
            StoreSettings::Postgres(_) => format!("PostgreSQL, schema {CORNER}"),
        }
    }

    /// Queries worth trying.
    pub(super) fn queries(settings: &Settings) -> String {
        let (shell, schema) = match &settings.store {
            StoreSettings::Sqlite(file) => (format!("sqlite3 {}", file.display()), String::new()),
            StoreSettings::Postgres(_) => ("psql $STORE -c".to_owned(), format!("{CORNER}.")),
        };
        let place = Self::place(settings);
        format!(
            "\nthe demand database is {place}; three queries worth trying:\n\n\
             {shell} \"SELECT region, kind, count(*) FROM {schema}demand GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10\"\n\
             {shell} \"SELECT received_at, status, title FROM {schema}demand ORDER BY received_at DESC LIMIT 10\"\n\
             {shell} \"SELECT d.source_no, h.changed, h.seen_at FROM {schema}demand_history h JOIN {schema}demand d ON d.seq = h.demand ORDER BY h.seq DESC LIMIT 10\"\n"
        )
    }
}
