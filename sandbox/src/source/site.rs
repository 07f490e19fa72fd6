//! The address of a simulated source: a server on a free port of this machine.
//!
//! A source answers a request as a function of what it holds, without waiting for anything, so that
//! the same answers can be asked for over the wire and, by the tests beside it, directly.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A request as a source sees it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// As it came, without the question mark.
    pub(crate) query: String,
    /// Names in lower case, values as text.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// A server that answers until it is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    url: String,
    _server: JoinSet<()>,
    // Connections that are open belong to the server's own tasks: these are told.
    _stop: DropGuard,
}

type Answering = dyn Fn(&Ask) -> Reply + Send + Sync;

impl Site {
    /// Opens a server on a free port of 127.0.0.1.
    pub(crate) async fn open(
        answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(any).await.context("no free port on 127.0.0.1")?;
        let url = format!("http://{}", listener.local_addr()?);
        let answer: Arc<Answering> = Arc::new(answer);
        let router = Router::new().fallback(respond).with_state(answer);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let mut server = JoinSet::new();
        server.spawn(async move {
            // It ends with an error only when the listener does, and then nobody is answered.
            let _ = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
        });
        Ok(Self { url, _server: server, _stop: stop.drop_guard() })
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Ask {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a query parameter, decoded.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| *known == name).map(|(_, value)| value.into_owned())
    }
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// 200 with JSON.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/json;charset=UTF-8", body)
    }

    /// The same with another header.
    pub(crate) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A page for people.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page = format!("<!DOCTYPE html><html><head><title>{title}</title></head></html>");
        Self::new(status, "text/html;charset=UTF-8", page)
    }
}

async fn respond(
    State(answer): State<Arc<Answering>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let ask = Ask {
        method: method.as_str().to_owned(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_vec(),
    };
    let reply = answer(&ask);
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or_default();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lines of the head as they came.
    pub(crate) head: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "a push is answered by its status alone"))]
    pub(crate) body: Vec<u8>,
}

/// Sends the request to `url`, an `http://host:port` without a path.
///
/// # Errors
/// When nobody answers, or not with HTTP.
pub(crate) async fn send(url: &str, ask: &Ask) -> anyhow::Result<Answer> {
    let host = url.strip_prefix("http://").context("only http:// is spoken here")?;
    let mut stream = TcpStream::connect(host).await.context("cannot connect")?;
    let query = if ask.query.is_empty() { String::new() } else { format!("?{}", ask.query) };
    let mut head = format!("{} {}{query} HTTP/1.1\r\n", ask.method, ask.path);
    head.push_str(&format!("host: {host}\r\nconnection: close\r\n"));
    for (name, value) in &ask.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", ask.body.len()));
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&ask.body).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no HTTP answer")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("no status")?;
    Ok(Answer { status, head, body: bytes.split_off(end + 4) })
}
