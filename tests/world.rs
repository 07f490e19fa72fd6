//! A simulated hotline and the configuration of a gateway that reads it, in a temporary folder. Also a small
//! HTTP server, whose answers a test decides.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::Context;
use contract::Fault;
use gateway::{
    assemble,
    registry::section_schemas,
    service::{Role, serve},
    stop::Stop,
};
use normalizer::{Keys, Sealer};
use sandbox::Hotline;
use sink::store::{Database, Postgres};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The environment variable with the URL of the hotline's database.
pub const SOURCE: &str = "HOTLINE_DATABASE_URL";
/// The environment variable with the URL of the store.
pub const STORE: &str = "TONGHUI_STORE_URL";
/// The environment variable with the URL of the broker.
pub const BROKER: &str = "TONGHUI_BROKER_URL";

/// A hotline and the configuration of a gateway that reads it.
pub struct World {
    folder: TempDir,
    environment: BTreeMap<&'static str, String>,
    /// The hotline.
    pub hotline: Hotline,
}

impl World {
    /// Creates the hotline and the configuration. Does not start the gateway.
    ///
    /// # Errors
    /// The folder or the database of the hotline cannot be created.
    pub async fn open(settings: sandbox::Settings) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-").tempdir()?;
        let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await?;
        gateway::shipped::write(&folder.path().join("config"), &["hotline"])?;
        let environment = BTreeMap::from([(SOURCE, hotline.url().to_owned())]);
        Ok(Self { folder, environment, hotline })
    }

    /// Uses servers instead of the embedded store (PostgreSQL at `store`) or bus (RabbitMQ at `broker`): a
    /// new schema, and queues with a prefix of their own. Call it before the gateway starts.
    ///
    /// # Errors
    /// A server cannot be reached, or the folder cannot be written.
    pub async fn use_servers(
        &mut self,
        store: Option<&str>,
        broker: Option<&str>,
    ) -> anyhow::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if let Some(url) = store {
            Postgres::create_schema(url, &name).await?;
            gateway::keys::make(
                &self.config().join("data/keys.json"),
                normalizer::Suite::default(),
            )?;
            self.environment.insert(STORE, Postgres::in_schema(url, &name));
        }
        if let Some(url) = broker {
            self.environment.insert(BROKER, url.to_owned());
        }
        let (store, broker) = (store.map(|_| STORE), broker.map(|_| (BROKER, name.as_str())));
        Ok(gateway::shipped::set_servers(&self.config(), store, broker)?)
    }

    /// Sets an environment variable that the configuration uses.
    pub fn set(&mut self, variable: &'static str, value: String) {
        self.environment.insert(variable, value);
    }

    /// The environment variables that the configuration uses.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Replaces the first `from` in the channel file of the hotline with `to`.
    ///
    /// # Errors
    /// The file does not contain `from`, or cannot be written.
    pub fn edit_channel(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.config().join("channels/hotline/channel.toml");
        let text = fs::read_to_string(&path)?;
        anyhow::ensure!(text.contains(from), "the channel file does not contain `{from}`");
        Ok(fs::write(path, text.replacen(from, to, 1))?)
    }

    /// The configuration folder of the gateway.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// The checked settings.
    ///
    /// # Errors
    /// The configuration has problems.
    pub fn settings(&self) -> anyhow::Result<config::Settings> {
        let environment = |name: &str| self.environment.get(name).cloned();
        Ok(config::resolve(&self.config(), &section_schemas(), &environment)?)
    }

    /// The store and its keys; the first call creates them.
    ///
    /// # Errors
    /// As [`assemble::open`].
    pub async fn store(&self) -> anyhow::Result<(Database, Keys)> {
        Ok(assemble::open(&self.settings()?).await?)
    }

    /// Runs the gateway in this process until it has caught up with the hotline.
    ///
    /// # Errors
    /// The channel failed.
    pub async fn pull(&self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        let (store, keys) = assemble::open(&settings).await?;
        let channels = assemble::channels(&settings, &keys)?.into_iter();
        let channels = channels.map(|channel| channel.with_schedule(None)).collect();
        let stop = Stop::default();
        let ended = Box::pin(serve(&settings, Role::All, channels, &store, &stop)).await?;
        let ends: Result<Vec<()>, Fault> = ended.into_iter().map(|(_, end)| end).collect();
        ends.context("the channel failed")?;
        Ok(())
    }

    /// All differences between what the hotline served and what the store contains.
    ///
    /// # Errors
    /// The city or the store cannot be read.
    pub async fn differences(&self) -> anyhow::Result<Vec<String>> {
        let (store, keys) = self.store().await?;
        let case_history = self.hotline.case_history().await?;
        crate::compare::differences(&case_history, &store, &Sealer::new(&keys)).await
    }
}

/// The parts of a request that tests need.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// Path and query.
    pub target: String,
    headers: BTreeMap<String, String>,
}

impl ReceivedRequest {
    /// The value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }
}

/// An answer of [`TestServer`].
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Additional headers; every answer has `content-length` and `connection`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// An answer with status 200 and JSON.
    pub fn json(body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status: 200, headers, body: body.into() }
    }
}

/// The function of a test that answers requests.
type Handler = dyn Fn(&ReceivedRequest) -> Reply + Send + Sync;

/// An HTTP server that runs until it is dropped.
pub struct TestServer {
    url: String,
    _server: JoinSet<()>,
}

impl TestServer {
    /// Starts the server on a free port of this machine.
    ///
    /// # Errors
    /// No port is free.
    pub async fn open(
        answer: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer: Arc<Handler> = Arc::new(answer);
        let mut server = JoinSet::new();
        server.spawn(async move {
            // One connection after the other: tests open few, and each is closed after one answer.
            while let Ok((stream, _)) = listener.accept().await {
                let _ = handle_connection(stream, &*answer).await;
            }
        });
        Ok(Self { url, _server: server })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn handle_connection(stream: TcpStream, answer: &Handler) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let Reply { status, headers, body } = answer(&ReceivedRequest { target, headers });
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
