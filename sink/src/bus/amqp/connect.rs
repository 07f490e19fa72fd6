//! One connection to one node of the broker, whichever answers.
//!
//! The library's own recovery is off: it brings back connections and no lapin channels, and gives up
//! after a while. Whoever finds a connection broken drops it and connects again.

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

use contract::Fault;
use futures_util::{
    StreamExt,
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
};
use lapin::{
    Channel, Connection, ConnectionProperties, Event,
    runtime::default_runtime,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tracing::{info, warn};

use super::{
    fault::{CONNECT, Place, ask, at, fault, silent},
    topology::{AmqpSettings, Node},
};

/// The time limit for socket and TLS, and again for authentication.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The next node to try, and which nodes are known to be new enough.
#[derive(Debug)]
pub(super) struct Turn {
    next: AtomicUsize,
    probed: Mutex<HashSet<String>>,
}

impl From<u32> for Turn {
    fn from(first: u32) -> Self {
        Self { next: AtomicUsize::new(first as usize), probed: Mutex::default() }
    }
}

impl Turn {
    /// Connects to the first node that accepts us. Every call begins with another one, so that many
    /// processes spread over a cluster, and none waits for the same dead node each time.
    ///
    /// # Errors
    /// No node accepts us: a transient fault if there is one, else the last one.
    pub(super) async fn connect(
        &self,
        settings: &AmqpSettings,
        purpose: &str,
    ) -> Result<Link, Fault> {
        let mut nodes = settings.nodes()?;
        let first = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(nodes.len()).unwrap_or(0);
        nodes.rotate_left(first);
        let mut worst: Option<Fault> = None;
        for node in nodes {
            match Box::pin(self.open(settings, node, purpose)).await {
                Ok(link) => return Ok(link),
                Err(fault) if worst.as_ref().is_some_and(Fault::is_transient) => drop(fault),
                Err(fault) => worst = Some(fault),
            }
        }
        Err(worst.unwrap_or_else(|| Fault::stopped("no broker is named")))
    }

    async fn open(
        &self,
        settings: &AmqpSettings,
        node: Node,
        purpose: &str,
    ) -> Result<Link, Fault> {
        let Node { uri, place } = node;
        let failed = |error| fault(&place, CONNECT, error);
        let late = |_| silent(&place, CONNECT, CONNECT_WITHIN * 2);
        let runtime = default_runtime().map_err(failed)?;
        let tls = OwnedTLSConfig { identity: None, cert_chain: settings.ca.clone() };
        if !self.probed().contains(&place.name) {
            let connecting = uri.connect_with_config_async(tls.as_ref(), &runtime);
            let probing = async { refuse_old(&place, in_time(connecting).await?).await };
            let probed = timeout(CONNECT_WITHIN * 2, Box::pin(probing)).await.map_err(late)?;
            probed.map_err(|error| failed(error.into()))??;
            self.probed().insert(place.name.clone());
        }
        let name = format!("tonghui {purpose}");
        let options = ConnectionProperties::default().with_connection_name(name.into());
        let socket = async move |uri: AMQPUri, runtime| {
            Ok(in_time(uri.connect_with_config_async(tls.as_ref(), &runtime)).await?)
        };
        let connecting = Connection::connector(uri, runtime, socket, options);
        let connected = timeout(CONNECT_WITHIN * 2, connecting).await.map_err(late)?;
        let connection = connected.map_err(failed)?;
        info!(target: "tonghui", broker = place.name, purpose, "connected");
        let (blocked, _listener) = listen(&connection, at(&place));
        Ok(Link { connection, place, blocked, _listener })
    }

    fn probed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    /// The node.
    pub(super) place: Place,
    /// Whether the broker has stopped reading what we publish.
    pub(super) blocked: watch::Receiver<bool>,
    _listener: JoinSet<()>,
}

impl Link {
    /// Whether it is still connected.
    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected()
    }

    /// A lapin channel of its own for one task.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) async fn channel(&self) -> Result<Channel, Fault> {
        ask(&self.place, "no channel was opened", self.connection.create_channel()).await
    }
}

/// The limit for a socket and its TLS. Also for the one that lapin opens: it connects in a thread of
/// its own, which outlives the patience of who waits for it.
async fn in_time<T>(connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || Err(io::ErrorKind::TimedOut.into());
    timeout(CONNECT_WITHIN, connecting).await.unwrap_or_else(|_| late())
}

/// Logs once when the broker stops accepting messages, and once when it accepts them again.
fn listen(connection: &Connection, broker: String) -> (watch::Receiver<bool>, JoinSet<()>) {
    let mut events = Box::pin(connection.events_listener());
    // Subscribed before the status is read, so that no change is missed.
    let status = connection.status().clone();
    let (teller, blocked) = watch::channel(status.blocked());
    let mut listener = JoinSet::new();
    listener.spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => {
                    warn!(target: "tonghui", broker, reason, "the broker is blocked and accepts no messages");
                    teller.send_replace(true);
                }
                Event::ConnectionUnblocked => {
                    warn!(target: "tonghui", broker, "the broker accepts messages again");
                    teller.send_replace(false);
                }
                // The connection has ended, not only one lapin channel. Returning drops the sender,
                // which wakes up whoever waits for the end of a block.
                Event::Error(_) if !status.connected() => return,
                _ => {}
            }
        }
    });
    (blocked, listener)
}

/// The oldest RabbitMQ that will do. Before 3.10 a queue takes `x-dead-letter-strategy` without a word and
/// dead-letters at most once: a message could be lost between two queues, and nothing else would show
/// it. A broker says its version in its first frame; lapin reads that and does not tell, so it is asked
/// once per node, on a connection that goes no further.
const OLDEST: (u32, u32) = (3, 10);
/// AMQP 0-9-1, 4.2.2.
const HEADER: &[u8] = b"AMQP\0\0\x09\x01";
/// Type, channel and size (4.2.3).
const FRAME_HEADER: usize = 7;
/// Far more than the properties of a broker take.
const MOST: usize = 64 * 1024;

/// Refuses RabbitMQ before 3.10.
///
/// # Errors
/// The connection failed; the inner result says that the broker is too old.
pub(super) async fn refuse_old(
    place: &Place,
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<Result<(), Fault>> {
    stream.write_all(HEADER).await?;
    stream.flush().await?;
    let mut header = [0; FRAME_HEADER];
    stream.read_exact(&mut header).await?;
    let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
    let mut said = vec![0; usize::try_from(size).unwrap_or(MOST).min(MOST)];
    stream.read_exact(&mut said).await?;
    let old = property(&said, "product").is_some_and(|product| product == "RabbitMQ")
        && property(&said, "version").and_then(numbers).is_some_and(|version| version < OLDEST);
    if !old {
        return Ok(Ok(()));
    }
    let (version, (major, minor)) = (property(&said, "version").unwrap_or_default(), OLDEST);
    let what = format!("RabbitMQ {version} cannot dead-letter without loss");
    let remedy = format!("upgrade it to {major}.{minor} or later");
    Ok(Err(Fault::stopped(what).at(at(place)).remedy(remedy)))
}

/// A text among the properties: name and value each behind their length, `S` between them (4.2.5.5).
fn property<'a>(said: &'a [u8], name: &str) -> Option<&'a str> {
    let length = u8::try_from(name.len()).ok()?;
    let key = [&[length], name.as_bytes(), b"S"].concat();
    let start = said.windows(key.len()).position(|window| window == key)? + key.len();
    let (size, rest) = said.get(start..)?.split_first_chunk::<4>()?;
    let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
    std::str::from_utf8(rest.get(..size)?).ok()
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, is_old) in [("3.9.29", true), ("3.10.8", false), ("4.0.1", false)] {
            let found = numbers(version).unwrap();
            assert_eq!(found < OLDEST, is_old, "{version}");
        }
        assert_eq!(numbers("unknown"), None);
    }

    #[test]
    fn a_property_that_is_cut_off_is_none() {
        let said = b"\x07versionS\0\0\0\x063.9.29";
        assert_eq!(property(said, "version"), Some("3.9.29"));
        assert_eq!(property(&said[..said.len() - 1], "version"), None);
        assert_eq!(property(&said[..10], "version"), None);
        assert_eq!(property(said, "product"), None);
    }
}
