//! A city and a gateway's folder in a temporary place; and the smallest source over HTTP, a server
//! that answers what a test says.

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

/// The variable of the hotline's database.
pub const SOURCE: &str = "HOTLINE_DATABASE_URL";
/// The variable of the store.
pub const STORE: &str = "TONGHUI_STORE_URL";
/// The variable of the broker.
pub const BROKER: &str = "TONGHUI_BROKER_URL";

/// A hotline and the configuration of a gateway that pulls it.
pub struct World {
    folder: TempDir,
    environment: BTreeMap<&'static str, String>,
    /// The hotline.
    pub hotline: Hotline,
}

impl World {
    /// Opens the city; the gateway has not begun.
    ///
    /// # Errors
    /// The folder or the hotline's database cannot be made.
    pub async fn open(settings: sandbox::Settings) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tonghui-").tempdir()?;
        let hotline = Hotline::create(&folder.path().join("hotline.db"), settings).await?;
        gateway::shipped::write(&folder.path().join("config"), &["hotline"])?;
        let environment = BTreeMap::from([(SOURCE, hotline.url().to_owned())]);
        Ok(Self { folder, environment, hotline })
    }

    /// Puts the demands into a corner of a database of its own, and the messages through queues of
    /// their own, before anything has begun.
    ///
    /// # Errors
    /// A server cannot be reached, or the folder not be written.
    pub async fn use_servers(
        &mut self,
        store: Option<&str>,
        broker: Option<&str>,
    ) -> anyhow::Result<()> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let corner = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if let Some(url) = store {
            Postgres::create_schema(url, &corner).await?;
            gateway::keys::make(
                &self.config().join("data/keys.json"),
                normalizer::Suite::default(),
            )?;
            self.environment.insert(STORE, Postgres::in_schema(url, &corner));
        }
        if let Some(url) = broker {
            self.environment.insert(BROKER, url.to_owned());
        }
        let (store, broker) = (store.map(|_| STORE), broker.map(|_| (BROKER, corner.as_str())));
        Ok(gateway::shipped::set_servers(&self.config(), store, broker)?)
    }

    /// Gives a variable that the configuration names another value.
    pub fn set(&mut self, variable: &'static str, value: String) {
        self.environment.insert(variable, value);
    }

    /// The variables that the configuration names.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Changes the text of the hotline's channel file.
    ///
    /// # Errors
    /// The file does not contain `from`, or cannot be written.
    pub fn edit_channel(&self, from: &str, to: &str) -> anyhow::Result<()> {
        let path = self.config().join("channels/hotline/channel.toml");
        let text = fs::read_to_string(&path)?;
        anyhow::ensure!(text.contains(from), "the channel file does not contain `{from}`");
        Ok(fs::write(path, text.replacen(from, to, 1))?)
    }

    /// The gateway's folder.
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

    /// The store and its keys, made at first use.
    ///
    /// # Errors
    /// As [`assemble::open`].
    pub async fn store(&self) -> anyhow::Result<(Database, Keys)> {
        Ok(assemble::open(&self.settings()?).await?)
    }

    /// Pulls the hotline within this process until it has caught up.
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

    /// Everything that differs between what the city served and what the store holds.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub async fn differences(&self) -> anyhow::Result<Vec<String>> {
        let (store, keys) = self.store().await?;
        let oracle = self.hotline.oracle().await?;
        crate::compare::differences(&oracle, &store, &Sealer::new(&keys)).await
    }
}

/// A request, as far as tests look at it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    headers: BTreeMap<String, String>,
}

impl Asked {
    /// The value of a header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// 200 with JSON.
    pub fn json(body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status: 200, headers, body: body.into() }
    }
}

type Answering = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A server that answers until it is dropped.
pub struct Site {
    url: String,
    _serving: JoinSet<()>,
}

impl Site {
    /// Opens it on a free port of this machine.
    ///
    /// # Errors
    /// There is none.
    pub async fn open(
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer: Arc<Answering> = Arc::new(answer);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            // One connection after the other: those of tests are few, and each is closed.
            while let Ok((stream, _)) = listener.accept().await {
                let _ = answer_all(stream, &*answer).await;
            }
        });
        Ok(Self { url, _serving: serving })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn answer_all(stream: TcpStream, answer: &Answering) -> std::io::Result<()> {
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
    let Reply { status, headers, body } = answer(&Asked { target, headers });
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} -\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
