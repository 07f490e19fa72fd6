//! What runs: PostgreSQL and RabbitMQ, proxies before them, four processes of the gateway with the accounts of
//! docs/rights, and the commands that an operator would use.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use contract::Timestamp;
use gateway::{assemble, registry::section_schemas, shipped};
use normalizer::Keys;
use serde_json::Value;
use sink::store::{Database, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use system_tests::{
    gateway_process::{self, Queue, Server, signal},
    world::{BROKER, STORE},
};
use tokio::{
    task::block_in_place,
    time::{MissedTickBehavior, interval},
};

use super::{
    proxy::Proxy,
    source::{LISTS, Source},
};

/// The name of the schema, and the prefix of the queues.
const NAME: &str = "soak";
/// How long to wait for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);
const POLL: Duration = Duration::from_millis(50);
/// After this time, no message arrives any more that was sent before.
const ARRIVED: Duration = Duration::from_secs(1);
const TEMPLATES: [&str; 2] = [include_str!("changes.toml"), include_str!("pages.toml")];
/// The roles of the processes, and the accounts of the store that they use.
const ROLES: [(&str, &str); 4] =
    [("ingest", "ingest"), ("sink", "sink"), ("sink", "sink"), ("console", "reader")];

/// Which process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Ingest,
    FirstSink,
    SecondSink,
    Console,
}

/// Everything that runs.
pub(crate) struct Plant {
    folder: PathBuf,
    postgres: Option<Server>,
    broker: Option<Server>,
    /// The URLs of the servers themselves: of PostgreSQL, of the schema in it, and of the broker.
    urls: [String; 3],
    pub(crate) store_link: Proxy,
    pub(crate) broker_link: Proxy,
    processes: BTreeMap<Who, Child>,
    /// How often a process ended by itself.
    pub(crate) n_ended: u64,
    log: File,
}

impl Plant {
    /// Starts the servers, makes tables, roles and configuration, and starts the processes.
    pub(crate) async fn start(folder: &Path, source: &Source) -> anyhow::Result<Self> {
        let start = |name: &'static str| move || Server::start(name, folder);
        let (postgres, broker) = block_in_place(|| {
            std::thread::scope(|scope| {
                let postgres = scope.spawn(start("postgres"));
                let broker = start("rabbitmq")();
                let postgres = postgres.join().unwrap_or_else(|_| bail!("it panicked"));
                anyhow::Ok((postgres?, broker?))
            })
        })?;
        let url = postgres.property("TONGHUI_TEST_POSTGRES")?.to_owned();
        let queues = broker.property("TONGHUI_TEST_AMQP")?.to_owned();
        let links = (Proxy::open(&url).await?, Proxy::open(&queues).await?);
        fs::create_dir_all(folder.join("logs"))?;
        let mut plant = Self {
            folder: folder.to_owned(),
            postgres: Some(postgres),
            broker: Some(broker),
            urls: [url.clone(), Postgres::in_schema(&url, NAME), queues],
            store_link: links.0,
            broker_link: links.1,
            processes: BTreeMap::new(),
            n_ended: 0,
            log: File::create(folder.join("logs/soak.log"))?,
        };
        Postgres::create_schema(&url, NAME).await?;
        plant.configure(source)?;
        plant.run(&["index", "rebuild"])?;
        let mut owner = plant.connect().await?;
        let rights = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/rights/postgres.sql");
        tell(&mut owner, &fs::read_to_string(rights)?).await?;
        for role in ["ingest", "sink", "reader"] {
            let sql = format!("CREATE ROLE {role}1 LOGIN IN ROLE tonghui_{role}");
            tell(&mut owner, &sql).await?;
        }
        for who in [Who::Ingest, Who::FirstSink, Who::SecondSink, Who::Console] {
            plant.start_process(who)?;
        }
        Ok(plant)
    }

    fn configure(&self, source: &Source) -> anyhow::Result<()> {
        let config = self.config();
        shipped::write(&config, &[])?;
        gateway::keys::make(&config.join("data/keys.json"), normalizer::Suite::default())?;
        shipped::set_servers(&config, Some(STORE), Some((BROKER, NAME)))?;
        let file = config.join("gateway.toml");
        let text = fs::read_to_string(&file)?;
        fs::write(file, text + "\n[console]\nlisten = \"127.0.0.1:0\"\n")?;
        for (name, template) in LISTS.into_iter().zip(TEMPLATES) {
            let file = self.channel_file(name);
            fs::create_dir_all(file.parent().context("no folder")?)?;
            fs::write(file, template.replace("http://127.0.0.1:1", source.url()))?;
        }
        Ok(())
    }

    fn config(&self) -> PathBuf {
        self.folder.join("config")
    }

    fn channel_file(&self, channel: &str) -> PathBuf {
        self.config().join("channels").join(channel).join("channel.toml")
    }

    fn log_file(&self, who: Who) -> PathBuf {
        self.folder.join(format!("logs/{who:?}.log"))
    }

    /// Replaces `one` with `other` in the file of a channel, or the other way round.
    pub(crate) fn toggle(&self, channel: &str, one: &str, other: &str) -> anyhow::Result<()> {
        let file = self.channel_file(channel);
        let text = fs::read_to_string(&file)?;
        let (from, to) = if text.contains(one) { (one, other) } else { (other, one) };
        ensure!(text.contains(from), "the channel file does not contain `{from}`");
        Ok(fs::write(file, text.replace(from, to))?)
    }

    /// The field of the source that the file of a channel maps to the grid.
    pub(crate) fn grid(&self, channel: &str) -> anyhow::Result<&'static str> {
        let text = fs::read_to_string(self.channel_file(channel))?;
        let named = |field: &&str| text.contains(&format!("\"$.{field}\""));
        ["grid", "office"].into_iter().find(named).context("the channel file maps no grid")
    }

    /// Writes a line to the log of the run and to standard error.
    pub(crate) fn say(&mut self, text: &str) {
        let line = format!("soak: {} {text}\n", gateway::clock::now().format("%H:%M:%S%.3f"));
        let _ = self.log.write_all(line.as_bytes());
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    /// Runs a command of the operator, which must succeed; returns what it printed.
    pub(crate) fn run(&mut self, arguments: &[&str]) -> anyhow::Result<Value> {
        let (code, printed, said) = self.try_run(arguments)?;
        ensure!(code == Some(0), "`tonghui {}` ended with {code:?}: {said}", arguments.join(" "));
        Ok(printed)
    }

    /// Runs a command of the operator, who is the owner of the store and at no proxy; returns its exit code, what
    /// it printed, and what else it said.
    pub(crate) fn try_run(
        &mut self,
        arguments: &[&str],
    ) -> anyhow::Result<(Option<i32>, Value, String)> {
        let mut command = gateway_process::command()?;
        command.args(arguments).args(["--format", "json", "--config"]).arg(self.config());
        command.env(STORE, &self.urls[1]).env(BROKER, &self.urls[2]).stdin(Stdio::null());
        let Output { status, stdout, stderr } = block_in_place(|| command.output())?;
        let said = String::from_utf8_lossy(&stderr).into_owned();
        self.say(&format!("`tonghui {}`: {:?}", arguments.join(" "), status.code()));
        let _ = self.log.write_all(said.as_bytes());
        Ok((status.code(), serde_json::from_slice(&stdout).unwrap_or_default(), said))
    }

    /// The store and its keys.
    pub(crate) async fn store(&self) -> anyhow::Result<(Database, Keys)> {
        let environment = |name: &str| match name {
            STORE => self.urls.get(1).cloned(),
            BROKER => self.urls.get(2).cloned(),
            _ => None,
        };
        let settings = config::resolve(&self.config(), &section_schemas(), &environment)?;
        Ok(Box::pin(assemble::open(&settings)).await?)
    }

    /// A connection to the store, as its owner.
    pub(crate) async fn connect(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.urls[1]).await?)
    }

    /// Executes statements as the owner of the store.
    pub(crate) async fn tell(&self, sql: &str) -> anyhow::Result<()> {
        tell(&mut self.connect().await?, sql).await
    }

    /// Starts a process. It writes its log to the end of a file.
    pub(crate) fn start_process(&mut self, who: Who) -> anyhow::Result<()> {
        let (role, account) = ROLES[who as usize];
        let store = self.store_link.through(&self.urls[1]);
        let (_, server) = store.split_once('@').context("the URL names no account")?;
        let log = File::options().create(true).append(true).open(self.log_file(who))?;
        let child = gateway_process::command()?
            .args(["run", "--role", role, "--config"])
            .arg(self.config())
            .env(STORE, format!("postgres://{account}1@{server}"))
            .env(BROKER, self.broker_link.through(&self.urls[2]))
            .env("TONGHUI_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.processes.insert(who, child);
        Ok(())
    }

    /// Kills a process (SIGKILL) and waits for its end.
    pub(crate) fn kill(&mut self, who: Who) -> anyhow::Result<()> {
        let mut child = self.processes.remove(&who).context("it does not run")?;
        if let Some(status) = child.try_wait()? {
            self.n_ended += 1;
            self.say(&format!("{who:?} had ended by itself: {status}"));
        }
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    pub(crate) fn signal(&self, who: Who, name: &str) -> anyhow::Result<()> {
        signal(name, self.processes.get(&who).context("it does not run")?.id())
    }

    /// Starts what has ended by itself, as a service manager does, and counts it.
    pub(crate) fn revive(&mut self) -> anyhow::Result<()> {
        let mut ended = Vec::new();
        for (who, child) in &mut self.processes {
            ended.extend(child.try_wait()?.map(|status| (*who, status)));
        }
        for (who, status) in ended {
            self.n_ended += 1;
            self.say(&format!("{who:?} ended by itself: {status}"));
            self.start_process(who)?;
        }
        Ok(())
    }

    /// Whether `status` shows that a process is alive, and was seen since this time.
    pub(crate) fn is_alive(&mut self, who: Who, since: Timestamp) -> anyhow::Result<bool> {
        let id = self.processes.get(&who).context("it does not run")?.id().to_string();
        let shown = self.run(&["status", "--processes"])?;
        let rows = shown.as_array().context("`status` shows no processes")?;
        Ok(rows.iter().any(|row| {
            let seen_at = serde_json::from_value::<Timestamp>(row["last_seen_at"].clone());
            row["process"] == id && row["alive"] == true && seen_at.is_ok_and(|at| at >= since)
        }))
    }

    /// Whether the console answers.
    pub(crate) fn console_answers(&self) -> anyhow::Result<bool> {
        let log = fs::read_to_string(self.log_file(Who::Console))?;
        let address = log.rsplit("the console listens").next().and_then(|rest| {
            rest.split("http://").nth(1)?.split(|c: char| c.is_whitespace() || c == '/').next()
        });
        let address = address.context("the console has not started")?.parse()?;
        let limit = Duration::from_secs(2);
        block_in_place(|| {
            let mut stream = TcpStream::connect_timeout(&address, limit)?;
            stream.set_read_timeout(Some(limit))?;
            let request = "GET /health/ready HTTP/1.1\r\nConnection: close\r\nHost:";
            write!(stream, "{request} {address}\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer.starts_with("HTTP/1.1 200"))
        })
    }

    /// Ends PostgreSQL by a signal and starts it again on the same data.
    pub(crate) fn restart_postgres(&mut self, signal: &str) -> anyhow::Result<()> {
        let server = self.postgres.take().context("it does not run")?;
        block_in_place(|| server.end_by(signal))?;
        self.postgres = Some(block_in_place(|| Server::start("postgres", &self.folder))?);
        Ok(())
    }

    /// Ends the broker by a signal and starts it again on the same data.
    pub(crate) fn restart_broker(&mut self, signal: &str) -> anyhow::Result<()> {
        let server = self.broker.take().context("it does not run")?;
        block_in_place(|| server.end_by(signal))?;
        self.broker = Some(block_in_place(|| Server::start("rabbitmq", &self.folder))?);
        Ok(())
    }

    pub(crate) fn rabbitmqctl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let broker = self.broker.as_ref().context("the broker does not run")?;
        block_in_place(|| gateway_process::rabbitmqctl(broker, arguments))
    }

    /// Deletes the queue of a channel once messages wait in it; returns how many.
    pub(crate) async fn delete_full_queue(&mut self, channel: &str) -> anyhow::Result<u32> {
        let queue = Queue::open(&self.urls[2], &format!("{NAME}.{channel}")).await?;
        let is_filled = async |_: &mut Self| Ok(queue.n_messages().await? > 0);
        until(self, "messages wait in the queue", is_filled).await?;
        // What arrives at the moment of the deletion would be lost too, and not counted.
        self.signal(Who::Ingest, "STOP")?;
        let (mut n_messages, mut since) = (0, Instant::now());
        until(self, "all messages have arrived in the queue", async |_| {
            let now = queue.n_messages().await?;
            if now != n_messages {
                (n_messages, since) = (now, Instant::now());
            }
            Ok(since.elapsed() > ARRIVED)
        })
        .await?;
        let deleted = queue.delete().await?;
        self.signal(Who::Ingest, "CONT")?;
        Ok(deleted)
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        for child in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Repeats a check until it is true. An error means that it is not true yet, and is named if it stays.
pub(crate) async fn until(
    plant: &mut Plant,
    what: &str,
    mut is_so: impl AsyncFnMut(&mut Plant) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut again = interval(POLL);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut why = String::new();
    while began.elapsed() < PATIENCE {
        again.tick().await;
        plant.revive()?;
        match is_so(plant).await {
            Ok(true) => return Ok(()),
            Ok(false) => why.clear(),
            Err(error) => why = format!(": {error:#}"),
        }
    }
    bail!("waited {} s in vain: {what}{why}", PATIENCE.as_secs())
}

async fn tell(connection: &mut PgConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await?;
    Ok(())
}
