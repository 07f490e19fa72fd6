//! Connects to a node of the broker, and checks its version.
//!
//! A connection that broke is not repaired: its user drops it and connects again. The automatic recovery of
//! lapin is not used, because it does not restore lapin channels, and gives up after a while.

use std::{
    collections::HashSet,
    future::Future,
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use contract::{Fault, server_of};
use futures_util::{
    StreamExt,
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
};
use lapin::{
    Channel, Connection, ConnectionProperties, Event,
    options::ConfirmSelectOptions,
    runtime::default_runtime,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::{info, warn};

use super::{
    fault::{CANNOT_CONNECT, Node, ask, fault_of, no_answer, other_server},
    proof::BusKey,
    topology::AmqpSettings,
};

/// Time limit for opening the socket, with TLS. Opening and authentication together may take twice as long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The nodes of the broker, and what this process has learned about them.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) settings: AmqpSettings,
    /// Proves and verifies messages.
    pub(super) key: Option<BusKey>,
    /// Index of the node that the next connection tries first, modulo the number of nodes.
    next: AtomicUsize,
    /// Names of the nodes whose version was checked.
    checked_nodes: Mutex<HashSet<String>>,
}

impl Cluster {
    pub(super) fn new(settings: AmqpSettings, key: Option<BusKey>) -> Self {
        // Processes that start together begin with different nodes.
        let next = AtomicUsize::new(std::process::id() as usize);
        Self { settings, key, next, checked_nodes: Mutex::default() }
    }

    /// Connects to the first node that accepts the connection. Each call begins with the next node: so
    /// connections are spread over the nodes, and not every call waits for the same dead node. `purpose`
    /// appears in the log and in the broker's list of connections.
    ///
    /// # Errors
    /// No node accepts the connection. The fault is the first transient one, or else that of the last node.
    pub(super) async fn connect(&self, purpose: &str) -> Result<Link, Fault> {
        let mut nodes = self.settings.nodes()?;
        let first = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(nodes.len()).unwrap_or(0);
        nodes.rotate_left(first);
        let mut reported: Option<Fault> = None;
        for (uri, node) in nodes {
            match Box::pin(self.open(uri, node, purpose)).await {
                Ok(link) => return Ok(link),
                Err(fault) if reported.as_ref().is_some_and(Fault::is_transient) => drop(fault),
                Err(fault) => reported = Some(fault),
            }
        }
        Err(reported.unwrap_or_else(|| Fault::stopped("no broker is configured")))
    }

    async fn open(&self, uri: AMQPUri, node: Node, purpose: &str) -> Result<Link, Fault> {
        let failed = |error| fault_of(&node, CANNOT_CONNECT, error);
        let timed_out = |_| no_answer(&node, CANNOT_CONNECT, CONNECT_TIMEOUT * 2);
        let runtime = default_runtime().map_err(failed)?;
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.settings.ca.clone() };
        if !self.checked_nodes().contains(&node.name) {
            let connecting = uri.connect_with_config_async(tls.as_ref(), &runtime);
            let check = async { check_version(&node, limit_time(connecting).await?).await };
            let checked = timeout(CONNECT_TIMEOUT * 2, Box::pin(check)).await.map_err(timed_out)?;
            checked.map_err(|error| failed(error.into()))??;
            self.checked_nodes().insert(node.name.clone());
        }
        let name = format!("tonghui {purpose}");
        let options = ConnectionProperties::default().with_connection_name(name.into());
        let socket = async move |uri: AMQPUri, runtime| {
            Ok(limit_time(uri.connect_with_config_async(tls.as_ref(), &runtime)).await?)
        };
        let connecting = Connection::connector(uri, runtime, socket, options);
        let connected = timeout(CONNECT_TIMEOUT * 2, connecting).await.map_err(timed_out)?;
        let connection = connected.map_err(failed)?;
        info!(target: "tonghui", broker = node.name, purpose, "connected");
        let (blocked, _watcher) = watch_blocking(&connection, node.place());
        Ok(Link { connection, node, blocked, _watcher })
    }

    fn checked_nodes(&self) -> MutexGuard<'_, HashSet<String>> {
        self.checked_nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    pub(super) node: Node,
    /// Whether the broker is short of memory or disk space, and so accepts no messages.
    pub(super) blocked: watch::Receiver<bool>,
    _watcher: JoinSet<()>,
}

impl Link {
    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Opens a lapin channel. Only one task may use it.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) async fn channel(&self) -> Result<Channel, Fault> {
        ask(&self.node, "no AMQP channel was opened", self.connection.create_channel()).await
    }

    /// Opens a lapin channel in confirm mode: the broker confirms each message.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) async fn confirm_channel(&self) -> Result<Channel, Fault> {
        let lapin = self.channel().await?;
        let call = lapin.confirm_select(ConfirmSelectOptions::default());
        ask(&self.node, "confirm mode was not enabled", call).await?;
        Ok(lapin)
    }
}

/// Limits the time for opening a socket. The caller's own limit is not enough: lapin opens the socket on
/// another thread, which would continue after the caller has stopped waiting.
async fn limit_time<T>(connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let timed_out = || Err(io::ErrorKind::TimedOut.into());
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| timed_out())
}

/// Logs when the broker stops accepting messages, and when it accepts them again. Returns whether it is
/// blocked now and from then on, and the task that watches it.
fn watch_blocking(connection: &Connection, broker: String) -> (watch::Receiver<bool>, JoinSet<()>) {
    let mut events = Box::pin(connection.events_listener());
    // Subscribed before the status is read, so that no change is missed.
    let status = connection.status().clone();
    let (sender, blocked) = watch::channel(status.blocked());
    let mut watcher = JoinSet::new();
    watcher.spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => {
                    warn!(target: "tonghui", broker, reason, "the broker is blocked and accepts no messages");
                    sender.send_replace(true);
                }
                Event::ConnectionUnblocked => {
                    warn!(target: "tonghui", broker, "the broker accepts messages again");
                    sender.send_replace(false);
                }
                // The connection has ended, not only one lapin channel. Returning drops the sender,
                // which wakes the tasks that wait until the broker is not blocked.
                Event::Error(_) if !status.connected() => return,
                _ => {}
            }
        }
    });
    (blocked, watcher)
}

/// The oldest supported version of RabbitMQ. An older one ignores `x-dead-letter-strategy`, so a message
/// could be lost on the way from its queue to the dead queue. A broker sends its version in its first frame,
/// which lapin does not expose. So this module reads that frame once for each node, on a separate connection.
const MIN_VERSION: (u32, u32) = (3, 10);
/// What a client must send first (AMQP 0-9-1, 4.2.2).
const PROTOCOL_HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// The type of a frame with a method, with which a broker begins (4.2.3).
const METHOD_FRAME: u8 = 1;
/// Length of the header of a frame: type, channel and size (4.2.3).
const FRAME_HEADER_LEN: usize = 7;
/// Maximum number of bytes to read of a frame. The properties of a broker need far less.
const MAX_FRAME_LEN: usize = 64 * 1024;

/// Checks that the broker is not RabbitMQ before [`MIN_VERSION`].
///
/// # Errors
/// The outer error: the connection failed. The inner error: the broker is too old.
async fn check_version(
    node: &Node,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<Result<(), Fault>> {
    stream.write_all(PROTOCOL_HEADER).await?;
    stream.flush().await?;
    let mut header = [0; FRAME_HEADER_LEN];
    // A server that greets or refuses in another protocol may say less.
    let n_bytes = read_up_to(&mut stream, &mut header).await?;
    if n_bytes < header.len() || header.first() != Some(&METHOD_FRAME) {
        let who = header.get(..n_bytes).and_then(server_of);
        return Ok(Err(other_server(who).at(node.place())));
    }
    let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
    let mut frame = vec![0; usize::try_from(size).map_or(MAX_FRAME_LEN, |n| n.min(MAX_FRAME_LEN))];
    stream.read_exact(&mut frame).await?;
    let is_old = property(&frame, "product").is_some_and(|product| product == "RabbitMQ")
        && property(&frame, "version")
            .and_then(parse_version)
            .is_some_and(|version| version < MIN_VERSION);
    if !is_old {
        return Ok(Ok(()));
    }
    let (version, (major, minor)) = (property(&frame, "version").unwrap_or_default(), MIN_VERSION);
    let what = format!("RabbitMQ {version} may lose dead-lettered messages");
    let remedy = format!("upgrade it to {major}.{minor} or later");
    Ok(Err(Fault::stopped(what).at(node.place()).remedy(remedy)))
}

/// Reads until the buffer is full or the stream ends. Returns the number of bytes.
async fn read_up_to(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<usize> {
    let mut n_bytes = 0;
    while let Some(rest) = buffer.get_mut(n_bytes..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest).await? {
            0 if n_bytes == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            0 => break,
            n => n_bytes += n,
        }
    }
    Ok(n_bytes)
}

/// Finds a property of the broker in its first frame. Such a property is written as the length of its name,
/// the name, `S`, the length of its value, and the value (4.2.5.5).
fn property<'a>(frame: &'a [u8], name: &str) -> Option<&'a str> {
    let length = u8::try_from(name.len()).ok()?;
    let key = [&[length], name.as_bytes(), b"S"].concat();
    let start = frame.windows(key.len()).position(|window| window == key)? + key.len();
    let (size, value) = frame.get(start..)?.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    std::str::from_utf8(value.get(..size)?).ok()
}

fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_old) in [("3.9.29", true), ("3.10.8", false), ("4.0.1", false)] {
            let found = parse_version(version).unwrap();
            assert_eq!(found < MIN_VERSION, is_old, "{version}");
        }
        assert_eq!(parse_version("unknown"), None);
    }

    #[test]
    fn a_property_that_is_cut_off_is_none() {
        let frame = b"\x07versionS\0\0\0\x063.9.29";
        assert_eq!(property(frame, "version"), Some("3.9.29"));
        assert_eq!(property(&frame[..frame.len() - 1], "version"), None);
        assert_eq!(property(&frame[..10], "version"), None);
        assert_eq!(property(frame, "product"), None);
    }
}
