//! Other programs that read the same JSON pages: dlt and faucet into PostgreSQL, and airbyte-cdk, which only
//! reads. Each runs in the fastest settings that its documentation names; none goes through a broker, masks
//! or seals.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, ensure};
use sink::store::Postgres;
use sqlx::{Connection as _, PgConnection};
use system_tests::gateway_process::server;

use crate::{
    process::{self, LIMIT, Usage},
    records::Pages,
    report::{Comparison, Figures, real},
    site::{SCHEMA_BYTES, Servers, drop_schema},
};

/// The name of the schema of a peer.
const SCHEMA: &str = "bench_peer";

/// The other programs, and which of them cannot be measured.
pub(crate) struct Peers {
    servers: Servers,
    records: u64,
    failed: Vec<&'static str>,
}

impl Peers {
    pub(crate) fn new(servers: Servers, records: u64) -> Self {
        Self { servers, records, failed: Vec::new() }
    }

    /// Runs each of them once. One that fails is reported, and not tried again.
    pub(crate) async fn run(&mut self, pages: &Pages, into: &mut Comparison) {
        for name in ["dlt, merge", "dlt, append", "faucet", "airbyte-cdk, read only"] {
            if self.failed.contains(&name) {
                continue;
            }
            let run = match name {
                "dlt, merge" => self.dlt(pages.url(), "merge").await,
                "dlt, append" => self.dlt(pages.url(), "append").await,
                "faucet" => self.faucet(pages.url()).await,
                _ => self.airbyte(pages.url()).await,
            };
            match run {
                Ok((figures, note)) => into.add(name, &note, Some(figures)),
                Err(error) => {
                    crate::say(&format!("{name} cannot be measured: {error:#}"));
                    let why = error.to_string();
                    let why = why.lines().next().unwrap_or_default();
                    into.add(name, &format!("not measured: {why}"), None);
                    self.failed.push(name);
                }
            }
        }
    }

    async fn dlt(&self, pages: &str, disposition: &str) -> anyhow::Result<(Figures, String)> {
        let home = tempfile::tempdir()?;
        let script = home.path().join("bench.py");
        std::fs::write(&script, include_str!("peer_dlt.py"))?;
        drop_schema(&self.servers.store, SCHEMA).await?;
        let mut command = Command::new(server("TONGHUI_BENCH_PYTHON")?);
        let credentials = self.servers.store.replace("postgres://", "postgresql://");
        command
            .arg(script)
            .args([pages, SCHEMA, disposition])
            .env("PIPELINES_DIR", home.path())
            .env("DESTINATION__POSTGRES__CREDENTIALS", credentials)
            .env("DATA_WRITER__DISABLE_COMPRESSION", "true")
            .env("EXTRACT__DATA_WRITER__FILE_MAX_ITEMS", "10000")
            .env("NORMALIZE__WORKERS", "2")
            .env("RUNTIME__DLTHUB_TELEMETRY", "false");
        let usage = process::run(&mut command, LIMIT).await?;
        let figures = self.stored(&usage).await?;
        let version = usage.text()?.lines().last().unwrap_or_default().to_owned();
        let settings = "CSV loaded with COPY, uncompressed files of 10,000 rows, 2 workers";
        Ok((figures, format!("version {version}; {settings}; no broker")))
    }

    async fn faucet(&self, pages: &str) -> anyhow::Result<(Figures, String)> {
        let program = std::env::var("TONGHUI_BENCH_FAUCET")
            .ok()
            .context("it was not built (see the output of `cargo xtask bench` above)")?;
        let home = tempfile::tempdir()?;
        let config = home.path().join("bench.yaml");
        std::fs::write(&config, include_str!("peer_faucet.yaml"))?;
        Postgres::create_schema(&self.servers.store, SCHEMA).await?;
        let store = Postgres::in_schema(&self.servers.store, SCHEMA);
        let mut connection = PgConnection::connect(&store).await?;
        sqlx::query("CREATE TABLE work_orders (data jsonb NOT NULL)")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        let mut command = Command::new(&program);
        command
            .args(["--log-level", "warn", "run"])
            .arg(&config)
            .current_dir(home.path())
            .env("BENCH_SOURCE", pages)
            .env("BENCH_STORE", &store);
        let usage = process::run(&mut command, LIMIT).await?;
        let figures = self.stored(&usage).await?;
        let version = process::run(Command::new(&program).arg("--version"), LIMIT).await?.text()?;
        let settings = "append as jsonb, batches of 1,000; slim build; no broker";
        Ok((figures, format!("{}; {settings}", version.trim())))
    }

    async fn airbyte(&self, pages: &str) -> anyhow::Result<(Figures, String)> {
        let python = server("TONGHUI_BENCH_PYTHON")?;
        let program = Path::new(&python).with_file_name("source-declarative-manifest");
        let home = tempfile::tempdir()?;
        let file = |name: &str, text: &str| -> anyhow::Result<_> {
            let path = home.path().join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let config = file("config.json", &serde_json::json!({ "url": pages }).to_string())?;
        let catalog = file("catalog.json", CATALOG)?;
        let manifest = file("manifest.yaml", include_str!("peer_airbyte.yaml"))?;
        let mut command = Command::new(program);
        command.arg("read").arg("--config").arg(config).arg("--catalog").arg(catalog);
        let usage = process::run(command.arg("--manifest-path").arg(manifest), LIMIT).await?;
        let figures = Figures::new(&usage, self.records, usage.wall);
        let lines = BufReader::new(&usage.output).lines();
        let records =
            lines.map_while(Result::ok).filter(|line| line.contains("\"type\":\"RECORD\""));
        self.ensure_all(records.count().try_into()?)?;
        let version = "import importlib.metadata as m; print(m.version('airbyte-cdk'))";
        let version =
            process::run(Command::new(python).args(["-c", version]), LIMIT).await?.text()?;
        Ok((figures, format!("version {}; stores nothing, writes to a file", version.trim())))
    }

    /// The figures of a run that has filled the table `work_orders` in its schema.
    async fn stored(&self, usage: &Usage) -> anyhow::Result<Figures> {
        let store = Postgres::in_schema(&self.servers.store, SCHEMA);
        let mut store = PgConnection::connect(&store).await?;
        let rows: i64 =
            sqlx::query_scalar("SELECT count(*) FROM work_orders").fetch_one(&mut store).await?;
        self.ensure_all(rows.try_into()?)?;
        let bytes: i64 = sqlx::query_scalar(SCHEMA_BYTES).fetch_one(&mut store).await?;
        store.close().await?;
        drop_schema(&self.servers.store, SCHEMA).await?;
        let bytes = real(bytes.try_into()?) / real(self.records);
        let figures = Figures::new(usage, self.records, usage.wall);
        Ok(Figures { bytes_per_demand: Some(bytes), ..figures })
    }

    fn ensure_all(&self, records: u64) -> anyhow::Result<()> {
        ensure!(records == self.records, "{records} of {} records came", self.records);
        Ok(())
    }
}

/// What airbyte-cdk is to read.
const CATALOG: &str = r#"{"streams": [{
    "stream": {"name": "work_orders", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
    "sync_mode": "full_refresh",
    "destination_sync_mode": "overwrite"
}]}"#;
