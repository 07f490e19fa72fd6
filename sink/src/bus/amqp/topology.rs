//! The settings of the broker, and the queues and exchanges on it.
//!
//! Each channel has a quorum queue, so that many messages of one channel do not delay another. One exchange
//! routes a message to the queue of its channel. A full queue refuses messages (`reject-publish`) and never
//! drops any. The broker moves a message that it has delivered too often to the dead queue; if that is full,
//! the message stays in its own queue.

use std::fmt;

use contract::{ChannelId, Fault};
use lapin::{
    Channel, ExchangeKind,
    options::{
        ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable, LongString},
    uri::AMQPUri,
};

use super::{
    connect::Link,
    fault::{Node, ask},
};

/// Broker and gateway send a sign of life at least this often. A connection that is silent for twice as long
/// counts as lost.
const HEARTBEAT_SECONDS: u16 = 10;

/// How to reach a RabbitMQ broker.
#[derive(Clone)]
pub struct AmqpSettings {
    /// `amqp://` or `amqps://user:password@host:port/virtual%20host`, one for each node of a
    /// cluster; they are tried in turn.
    pub urls: Vec<String>,
    /// Certificates in PEM format that are trusted in addition to those of the system.
    pub ca: Option<String>,
    /// Prefix of the names of our queues and exchanges.
    pub prefix: String,
    /// Maximum size of a queue in bytes; a full queue refuses messages.
    pub queue_bytes: u64,
    /// Whether to declare missing queues and exchanges, or only to check that they exist.
    pub declare: bool,
}

impl AmqpSettings {
    /// The exchange that routes a message to the queue of its channel.
    pub(super) fn exchange(&self) -> String {
        self.prefix.clone()
    }

    /// The queue of a channel.
    pub(super) fn queue(&self, channel: &ChannelId) -> String {
        format!("{}.{channel}", self.prefix)
    }

    /// The channel of a queue; `None` if it is not the queue of a channel.
    pub(super) fn channel(&self, queue: &str) -> Option<ChannelId> {
        queue.strip_prefix(&self.prefix)?.strip_prefix('.')?.parse().ok()
    }

    /// The exchange that routes messages that were delivered too often to the dead queue.
    pub(super) fn dead_exchange(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The dead queue. No queue of a channel has this name, because the name of a channel contains no dot.
    pub(super) fn dead_queue(&self) -> String {
        format!("{}.dead.letters", self.prefix)
    }

    /// The nodes, and how to connect to each.
    pub(super) fn nodes(&self) -> Result<Vec<(AMQPUri, Node)>, Fault> {
        let nodes: Vec<_> = (1..)
            .zip(&self.urls)
            .map(|(n, url)| parse_url(n, url, self.declare))
            .collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            return Err(Fault::stopped("no broker is configured").remedy("set `amqp` under [bus]"));
        }
        Ok(nodes)
    }
}

impl fmt::Debug for AmqpSettings {
    // A URL holds a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSettings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn parse_url(number: usize, url: &str, declare: bool) -> Result<(AMQPUri, Node), Fault> {
    // Leaves out the error of the parser, because it quotes the URL with its password.
    let malformed = |what: &str| {
        Fault::stopped(format!("URL {number} of the broker {what}"))
            .remedy("write amqp://user:password@host:port/virtual-host; %2f stands for `/`")
    };
    let mut uri: AMQPUri = url.parse().map_err(|_| malformed("is malformed"))?;
    if url.contains('[') {
        // lapin would use localhost instead.
        return Err(malformed("names an IPv6 address; give a host name"));
    }
    uri.query.heartbeat = uri.query.heartbeat.or(Some(HEARTBEAT_SECONDS));
    let name = format!("{}:{}", uri.authority.host, uri.authority.port);
    Ok((uri, Node { name, declare }))
}

/// The broker moves a message that was delivered more often to the dead queue. The limit is high, because
/// each lost connection counts as a delivery of every message that was unacked on it.
const MAX_DELIVERIES: i32 = 1_000;

/// Makes sure that the exchanges and queues for these channels exist: declares them, or only checks
/// them, as configured.
///
/// # Errors
/// A queue or exchange is missing or has other arguments, or the user may not create it.
pub(super) async fn ensure(
    link: &Link,
    settings: &AmqpSettings,
    channels: &[ChannelId],
) -> Result<(), Fault> {
    // A refusal closes a lapin channel, so this one is used for nothing else.
    let broker = Declarations { node: &link.node, lapin: link.channel().await?, settings };
    let (dead_exchange, dead_queue) = (settings.dead_exchange(), settings.dead_queue());
    broker.exchange(&dead_exchange, ExchangeKind::Fanout).await?;
    broker.queue(&dead_queue, arguments(settings, &[])).await?;
    broker.bind(&dead_queue, &dead_exchange, "").await?;
    broker.exchange(&settings.exchange(), ExchangeKind::Direct).await?;
    for channel in channels {
        let queue = settings.queue(channel);
        let own_arguments = [
            ("x-delivery-limit", AMQPValue::LongInt(MAX_DELIVERIES)),
            ("x-dead-letter-exchange", text(&dead_exchange)),
            ("x-dead-letter-strategy", text("at-least-once")),
        ];
        broker.queue(&queue, arguments(settings, &own_arguments)).await?;
        broker.bind(&queue, &settings.exchange(), channel.as_str()).await?;
    }
    Ok(())
}

/// Makes sure that the exchange of the change feed exists, like [`ensure`]. Whoever wants the feed binds a queue to it.
///
/// # Errors
/// It is missing or of another type, or the user may not create it.
pub(super) async fn ensure_feed(
    link: &Link,
    settings: &AmqpSettings,
    exchange: &str,
) -> Result<(), Fault> {
    let broker = Declarations { node: &link.node, lapin: link.channel().await?, settings };
    broker.exchange(exchange, ExchangeKind::Topic).await
}

/// Deletes the exchanges and queues with all their messages. A missing one is not an error.
///
/// # Errors
/// The user may not delete them.
pub(super) async fn delete(
    link: &Link,
    settings: &AmqpSettings,
    channels: impl IntoIterator<Item = ChannelId>,
) -> Result<(), Fault> {
    let lapin = link.channel().await?;
    let queues = channels.into_iter().map(|channel| settings.queue(&channel));
    for queue in queues.chain([settings.dead_queue()]) {
        let call = lapin.queue_delete(queue.as_str().into(), QueueDeleteOptions::default());
        ask(&link.node, &format!("queue {queue} was not deleted"), call).await?;
    }
    for exchange in [settings.exchange(), settings.dead_exchange()] {
        let options = ExchangeDeleteOptions::default();
        let call = lapin.exchange_delete(exchange.as_str().into(), options);
        ask(&link.node, &format!("exchange {exchange} was not deleted"), call).await?;
    }
    Ok(())
}

/// The remedy if the queue of a channel is missing and the gateway may not declare it.
pub(super) fn manual_steps(settings: &AmqpSettings, channel: &ChannelId) -> String {
    let (queue, exchange) = (settings.queue(channel), settings.exchange());
    format!(
        "set topology = \"declare\" under [bus] in gateway.toml, or declare the durable quorum queue \
         {queue} with x-overflow = reject-publish and bind it to the direct exchange {exchange} with the key {channel}"
    )
}

/// Declares queues and exchanges, or only checks that they exist, as configured.
struct Declarations<'a> {
    node: &'a Node,
    lapin: Channel,
    settings: &'a AmqpSettings,
}

impl Declarations<'_> {
    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), Fault> {
        let passive = !self.settings.declare;
        let options =
            ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let call = self.lapin.exchange_declare(name.into(), kind, options, FieldTable::default());
        ask(self.node, &self.failure("exchange", name), call).await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<(), Fault> {
        let passive = !self.settings.declare;
        let options =
            QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let call = self.lapin.queue_declare(name.into(), options, arguments);
        ask(self.node, &self.failure("queue", name), call).await.map(drop)
    }

    /// Binds a queue to an exchange, if the gateway declares queues. Otherwise nothing is checked, because AMQP
    /// cannot check a binding; the broker returns a message that has none.
    async fn bind(&self, queue: &str, exchange: &str, key: &str) -> Result<(), Fault> {
        if !self.settings.declare {
            return Ok(());
        }
        let options = QueueBindOptions::default();
        let (name, arguments) = (queue.into(), FieldTable::default());
        let call = self.lapin.queue_bind(name, exchange.into(), key.into(), options, arguments);
        ask(self.node, &format!("queue {queue} was not bound to {exchange}"), call).await
    }

    fn failure(&self, what: &str, name: &str) -> String {
        let problem = if self.settings.declare { "was not created" } else { "was not found" };
        format!("{what} {name} {problem}")
    }
}

/// The arguments of a queue that is replicated and refuses messages when it is full, and `extra` ones.
fn arguments(settings: &AmqpSettings, extra: &[(&str, AMQPValue)]) -> FieldTable {
    let bytes = i64::try_from(settings.queue_bytes).unwrap_or(i64::MAX);
    let common = [
        ("x-queue-type", text("quorum")),
        ("x-max-length-bytes", AMQPValue::LongLongInt(bytes)),
        ("x-overflow", text("reject-publish")),
    ];
    let mut table = FieldTable::default();
    for (name, value) in common.iter().chain(extra) {
        table.insert((*name).into(), value.clone());
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> AmqpSettings {
        let (urls, prefix) = (vec![url.to_owned()], "tonghui".to_owned());
        AmqpSettings { urls, ca: None, prefix, queue_bytes: 1 << 30, declare: true }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        for url in ["amqp://me:geheim@broker:5673/v", "amqp://me:geheim@broker:bad", "geheim"] {
            let settings = settings(url);
            let mut shown = format!("{settings:?}");
            if let Err(fault) = settings.nodes() {
                shown += &format!("{fault} {fault:?}");
            }
            assert!(!shown.contains("geheim"), "{shown}");
        }
    }

    #[test]
    fn a_url_that_would_mean_another_host_is_refused() {
        let fault = settings("amqp://[::1]:5672").nodes().err().unwrap();
        assert!(fault.to_string().contains("IPv6"), "{fault}");
        assert!(AmqpSettings { urls: Vec::new(), ..settings("") }.nodes().is_err());
    }

    #[test]
    fn a_queue_tells_its_channel() {
        let settings = settings("");
        let hotline: ChannelId = "hotline".parse().unwrap();
        assert_eq!(settings.queue(&hotline), "tonghui.hotline");
        assert_eq!(settings.channel("tonghui.hotline"), Some(hotline));
        assert_eq!(settings.channel("other.hotline"), None);
        assert_eq!(settings.channel(&settings.dead_queue()), None);
    }
}
