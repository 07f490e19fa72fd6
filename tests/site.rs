//! The smallest source over HTTP: a server that answers what a test says.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

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
                let _ = serve(stream, &*answer).await;
            }
        });
        Ok(Self { url, _serving: serving })
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn serve(stream: TcpStream, answer: &Answering) -> std::io::Result<()> {
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
