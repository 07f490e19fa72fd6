//! HTTP as hostile people speak it: requests that no client library sends, and a source that answers what it
//! likes.

use std::{
    fmt,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status; 0 if there was no answer.
    pub(super) status: u16,
    /// The head and the body.
    pub(super) text: String,
    pub(super) took: Duration,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {:.2} s", self.status, self.took.as_secs_f64())
    }
}

/// Asks for a path of this machine, with a token if there is one.
pub(super) fn get(port: u16, path: &str, token: Option<&str>) -> Answer {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let authorization = authorization.unwrap_or_default();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{authorization}\r\n"
    );
    send(port, &[head.as_bytes()])
}

/// Sends JSON to a path of this machine.
pub(super) fn post(port: u16, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{headers}\r\n",
        body.len()
    );
    send(port, &[head.as_bytes(), body])
}

/// Sends bytes, and reads until the other side closes.
pub(super) fn send(port: u16, parts: &[&[u8]]) -> Answer {
    let begin = Instant::now();
    let mut bytes = Vec::new();
    if let Ok(mut stream) = connect(port, PATIENCE) {
        // An answer may come before all is sent.
        let _ = parts.iter().try_for_each(|part| stream.write_all(part));
        let _ = stream.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: status(&text), text, took: begin.elapsed() }
}

/// A connection to a port of this machine.
pub(super) fn connect(port: u16, patience: Duration) -> Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

fn status(answer: &str) -> u16 {
    let word = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// A source that answers what a function says. It ends with this process.
pub(super) struct Source {
    pub(super) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a source answers: further lines of the head, and the body.
pub(super) type Reply = (String, Vec<u8>);

impl Source {
    /// Starts a source that answers each path with what `answer` says; a reply whose head begins with a status
    /// has that one instead of 200.
    pub(super) fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let source = Self { port: listener.local_addr()?.port(), asked: Arc::default() };
        let (asked, answer) = (Arc::clone(&source.asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || answer_one(stream, &asked, &*answer));
            }
        });
        Ok(source)
    }

    /// All requests so far, as they came.
    pub(super) fn asked(&self) -> String {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

fn answer_one(mut stream: TcpStream, asked: &Mutex<Vec<String>>, answer: &dyn Fn(&str) -> Reply) {
    let Some(request) = read_request(&mut stream) else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let (head, body) = answer(&path);
    let status =
        if head.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "200 OK\r\n" };
    let head = format!(
        "HTTP/1.1 {status}{head}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// The head of a request, and its body if the head says how long that is.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        let n = stream.read(&mut buffer).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(buffer.get(..n)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_hears_a_whole_request_and_answers_what_it_likes() {
        let source = Source::start(|path| match path {
            "/moved" => ("302 Found\r\nLocation: /x\r\n".to_owned(), Vec::new()),
            _ => (String::new(), b"[]".to_vec()),
        });
        let source = source.unwrap();
        let answer = post(source.port, "/x", &["A: b"], b"{\"n\":1}");
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.text.ends_with("[]"), "{answer:?}");
        assert!(source.asked().contains("A: b\r\n\r\n{\"n\":1}"), "{}", source.asked());
        assert_eq!(get(source.port, "/moved", Some("t")).status, 302);
        assert!(source.asked().contains("Bearer t"));
    }
}
