//! Where the broker is and what our things on it are called.

use std::fmt;

use contract::{ChannelId, Fault};
use lapin::uri::AMQPUri;

use super::fault::Place;

/// Names begin with this where nothing else is set.
const PREFIX: &str = "tonghui";
/// Bytes that a queue holds where nothing else is set: 1 GiB.
const QUEUE_BYTES: u64 = 1 << 30;
/// A broker that is silent for twice as long, in seconds, is gone.
const HEARTBEAT: u16 = 10;

/// How to reach a RabbitMQ broker.
#[derive(Clone)]
pub struct AmqpSettings {
    /// `amqp://` or `amqps://user:password@host:port/virtual%20host`, one for each node of a
    /// cluster; they are tried in turn.
    pub urls: Vec<String>,
    /// Certificates in PEM form that are trusted besides those of the system.
    pub ca: Option<String>,
    /// What the names of our queues and exchanges begin with.
    pub prefix: String,
    /// Bytes that the queue of one channel holds before it refuses more.
    pub queue_bytes: u64,
    /// Make queues and exchanges that are missing; else they are looked for only.
    pub declare: bool,
}

impl AmqpSettings {
    /// The usual settings for these nodes.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Self {
        Self {
            urls: urls.into_iter().collect(),
            ca: None,
            prefix: PREFIX.to_owned(),
            queue_bytes: QUEUE_BYTES,
            declare: true,
        }
    }

    /// The exchange that routes a message to the queue of its channel.
    pub(super) fn exchange(&self) -> String {
        self.prefix.clone()
    }

    /// The queue of a channel.
    pub(super) fn queue(&self, channel: &ChannelId) -> String {
        format!("{}.{channel}", self.prefix)
    }

    /// The channel of a queue.
    pub(super) fn channel(&self, queue: &str) -> Option<ChannelId> {
        queue.strip_prefix(&self.prefix)?.strip_prefix('.')?.parse().ok()
    }

    /// Where messages go that were given out too often.
    pub(super) fn dead_exchange(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The queue behind it. Two dots: it can be the queue of no channel.
    pub(super) fn dead_queue(&self) -> String {
        format!("{}.dead.letters", self.prefix)
    }

    /// The nodes, read.
    pub(super) fn nodes(&self) -> Result<Vec<Node>, Fault> {
        let nodes: Vec<_> = (1..)
            .zip(&self.urls)
            .map(|(n, url)| Node::read(n, url, self.declare))
            .collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            return Err(Fault::stopped("no broker is named").remedy("give its amqp:// URL"));
        }
        Ok(nodes)
    }
}

impl fmt::Debug for AmqpSettings {
    // A URL holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSettings")
            .field("nodes", &self.nodes().map_err(|fault| fault.to_string()))
            .field("prefix", &self.prefix)
            .field("queue_bytes", &self.queue_bytes)
            .field("declare", &self.declare)
            .finish_non_exhaustive()
    }
}

/// One node of the broker.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) uri: AMQPUri,
    pub(super) place: Place,
}

impl Node {
    fn read(number: usize, url: &str, declare: bool) -> Result<Self, Fault> {
        // The error underneath quotes the URL, and with it the password.
        let unreadable = |what: &str| {
            Fault::stopped(format!("URL {number} of the broker {what}"))
                .remedy("write amqp://user:password@host:port/virtual-host; %2f is the host `/`")
        };
        let mut uri: AMQPUri = url.parse().map_err(|_| unreadable("cannot be read"))?;
        if url.contains('[') {
            // The parser would take localhost instead.
            return Err(unreadable("names an IPv6 address; give a host name"));
        }
        uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT));
        let name = format!("{}:{}", uri.authority.host, uri.authority.port);
        Ok(Self { uri, place: Place { name, declare } })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_shown_nowhere() {
        for url in ["amqp://me:geheim@broker:5673/v", "amqp://me:geheim@broker:bad", "geheim"] {
            let settings = AmqpSettings::new([url.to_owned()]);
            let mut shown = format!("{settings:?}");
            if let Err(fault) = settings.nodes() {
                shown += &format!("{fault} {fault:?}");
            }
            assert!(!shown.contains("geheim"), "{shown}");
        }
    }

    #[test]
    fn a_url_that_would_mean_another_host_is_refused() {
        let fault = AmqpSettings::new(["amqp://[::1]:5672".to_owned()]).nodes().unwrap_err();
        assert!(fault.to_string().contains("IPv6"), "{fault}");
        assert!(AmqpSettings::new([]).nodes().is_err());
    }

    #[test]
    fn a_queue_tells_its_channel() {
        let settings = AmqpSettings::new([]);
        let hotline: ChannelId = "hotline".parse().unwrap();
        assert_eq!(settings.queue(&hotline), "tonghui.hotline");
        assert_eq!(settings.channel("tonghui.hotline"), Some(hotline));
        assert_eq!(settings.channel("other.hotline"), None);
        assert_eq!(settings.channel(&settings.dead_queue()), None);
    }
}
