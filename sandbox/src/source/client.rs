//! The smallest client there is: one request, one connection. The mobile platform pushes with it,
//! and the tests ask the simulators with it, over the wire.

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::source::site::Ask;

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
