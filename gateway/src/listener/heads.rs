//! Finds requests whose body has a length and comes in chunks, too. Of the two, hyper takes the chunks and hides the
//! length, but a proxy before the gateway may take the length: then the request of another sender would become a part of
//! this body. RFC 9112 §6.3 lets a server refuse them.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than hyper reads of a head.
const MAX_HEAD_BYTES: usize = 1 << 20;

/// The stream of a connection; sees the heads of the requests that are read from it.
pub(super) struct Heads<S> {
    stream: S,
    place: Place,
    has_two_lengths: Arc<AtomicBool>,
}

/// What comes next on the connection.
enum Place {
    /// The rest of a head, after these bytes.
    Head(Vec<u8>),
    /// So many bytes of a body, and then a head.
    Body(usize),
    /// It is not known: after a body in chunks, the listener closes the connection.
    Unknown,
}

impl<S> Heads<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, place: Place::Head(Vec::new()), has_two_lengths: Arc::default() }
    }

    /// Whether a head said a length and chunks; this is known before the request can be answered.
    pub(super) fn has_two_lengths(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_two_lengths)
    }

    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Head(head) => {
                    let line_end = bytes.iter().position(|byte| *byte == b'\n');
                    let (part, rest) = bytes.split_at(line_end.map_or(bytes.len(), |at| at + 1));
                    head.extend_from_slice(part);
                    bytes = rest;
                    if head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n") {
                        let lengths = Lengths::of(head);
                        if lengths.is_chunked && lengths.has_length {
                            self.has_two_lengths.store(true, Relaxed);
                        }
                        self.place = lengths.place_after();
                    } else if head.len() > MAX_HEAD_BYTES {
                        self.place = Place::Unknown;
                    }
                }
                Place::Body(n_bytes) => {
                    let n_seen = bytes.len().min(*n_bytes);
                    *n_bytes -= n_seen;
                    bytes = bytes.split_at(n_seen).1;
                    if *n_bytes == 0 {
                        self.place = Place::Head(Vec::new());
                    }
                }
                Place::Unknown => return,
            }
        }
    }
}

/// What a head says about its body.
#[derive(Default)]
struct Lengths {
    is_chunked: bool,
    has_length: bool,
    /// The length, if it can be read.
    length: Option<usize>,
}

impl Lengths {
    fn of(head: &[u8]) -> Self {
        let mut lengths = Self::default();
        for line in head.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at(colon);
            if name.eq_ignore_ascii_case(b"transfer-encoding") {
                lengths.is_chunked = true;
            } else if name.eq_ignore_ascii_case(b"content-length") {
                let value = str::from_utf8(value).unwrap_or_default();
                lengths.has_length = true;
                lengths.length = value.trim_start_matches(':').trim().parse().ok();
            }
        }
        lengths
    }

    /// What comes after the head.
    fn place_after(&self) -> Place {
        match self {
            Self { is_chunked: true, .. } => Place::Unknown,
            Self { has_length: true, length, .. } => length.map_or(Place::Unknown, Place::Body),
            Self { .. } => Place::Head(Vec::new()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.see(buffer.filled().get(n_before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether two lengths are found in a connection, if its bytes come in parts of this size.
    fn finds(connection: &str, part: usize) -> bool {
        let mut heads = Heads::new(());
        connection.as_bytes().chunks(part).for_each(|part| heads.see(part));
        heads.has_two_lengths().load(Relaxed)
    }

    #[test]
    fn two_lengths_are_found_in_any_head_and_not_in_a_body() {
        let both = "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        let other = "POST / HTTP/1.1\nhost: h\nTRANSFER-ENCODING:chunked\ncontent-length:5\n\n";
        let length = "POST / HTTP/1.1\r\nHost: h:1\r\ncontent-length: 5\r\n\r\n";
        let long = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{both}", both.len());
        let get = "GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n";
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n";
        let unreadable = "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n";
        for (connection, expected) in [
            (both.to_owned(), true),
            (other.to_owned(), true),
            (format!("\r\n\r\n{both}"), true),
            (format!("{length}12345{get}{length}12345{both}"), true),
            (format!("{long}{both}"), true),
            (long.clone(), false),
            (format!("{long}{long}{length}1234"), false),
            (format!("{chunked}{both}"), false), // the listener closes the connection before
            (format!("{unreadable}{both}"), false), // hyper answers 400 and closes it
            (String::new(), false),
        ] {
            for part in [1, 2, 7, 1_000] {
                assert_eq!(finds(&connection, part), expected, "{connection:?} in parts of {part}");
            }
        }
    }
}
