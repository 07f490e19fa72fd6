//! Taking and acking: one lapin channel that consumes the queues of all channels, and the dead queue.
//!
//! A session is a connection with its consumers. Any failure ends it, the next `take` opens another,
//! and the messages that were delivered on the old one and not acked are delivered again. So nothing is
//! ever nacked: a message leaves its queue only after it was kept.

use std::sync::Arc;

use contract::{ChannelId, Consumer, Delivery, Fault, Intake, Kept};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::try_join_all,
    stream::{BoxStream, SelectAll, once},
};
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};

use super::{
    connect::{Cluster, Link},
    fault::{ask, fault_of},
    message, topology,
};

/// Unacked messages of one queue on this consumer: twice the number that the sink keeps at once, so that
/// the next ones have arrived when those are acked. No more, so that several sinks share the messages.
const PREFETCH: u16 = 64;

/// The sink end. It has a connection of its own: a broker that is short of memory stops reading from
/// connections that publish, and it must still receive the acks.
#[derive(Debug)]
pub struct AmqpConsumer {
    cluster: Arc<Cluster>,
    channels: Vec<ChannelId>,
    session: Option<Session>,
    /// The greatest tag of all sessions so far: no tag is used twice.
    last_tag: u64,
}

impl AmqpConsumer {
    pub(super) fn new(cluster: Arc<Cluster>, channels: Vec<ChannelId>) -> Self {
        Self { cluster, channels, session: None, last_tag: 0 }
    }

    async fn session(&mut self) -> Result<&mut Session, Fault> {
        match self.session {
            Some(ref mut session) => Ok(session),
            None => {
                let session = Box::pin(self.open()).await?;
                Ok(self.session.insert(session))
            }
        }
    }

    async fn open(&mut self) -> Result<Session, Fault> {
        let Some(fallback) = self.channels.first() else {
            return Err(Fault::stopped(
                "no channel is configured, so there is no queue to consume",
            ));
        };
        let settings = &self.cluster.settings;
        let link = self.cluster.connect("consumes").await?;
        topology::ensure(&link, settings, &self.channels).await?;
        let lapin = link.channel().await?;
        let limited = lapin.basic_qos(PREFETCH, BasicQosOptions::default());
        ask(&link.node, "the prefetch was not set", limited).await?;
        let mut arrivals = SelectAll::new();
        let dead = Origin::DeadQueue(Arc::clone(&self.cluster), fallback.clone());
        let queues = self
            .channels
            .iter()
            .map(|channel| (settings.queue(channel), Origin::ChannelQueue(channel.clone())));
        for (queue, origin) in queues.chain([(settings.dead_queue(), dead)]) {
            arrivals.push(consume(&link, &lapin, &queue, origin).await?);
        }
        Ok(Session { arrivals, lapin, link, base: self.last_tag })
    }
}

impl Consumer for AmqpConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        let session = self.session().await?;
        // Nothing is awaited once something has arrived: a dropped `take` has taken nothing.
        let taken = match session.arrivals.next().await {
            Some(first) => first.and_then(|first| session.take_more(first, max)),
            None => {
                let place = session.link.node.place();
                Err(Fault::transient("the broker ended all consumers").at(place))
            }
        };
        let base = session.base;
        match taken {
            Ok(arrived) => {
                let tags = arrived.iter().map(|arrived| base + arrived.delivery_tag);
                self.last_tag = self.last_tag.max(tags.max().unwrap_or(0));
                Ok(Intake::of(arrived.into_iter().map(|arrived| arrived.read(base))))
            }
            Err(fault) => {
                self.session = None;
                Err(fault)
            }
        }
    }

    /// Acks each message by its own tag: an ack of everything up to a tag would include prefetched
    /// messages that are not kept.
    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let acked = match &mut self.session {
            Some(session) => Box::pin(session.ack(kept.tags())).await,
            None => Err(connection_lost()),
        };
        if acked.is_err() {
            self.session = None;
        }
        acked
    }
}

/// A connection, and the messages that arrive on it.
struct Session {
    // Dropped in this order: first the consumers, then their lapin channel, then the connection.
    arrivals: SelectAll<BoxStream<'static, Result<RawMessage, Fault>>>,
    lapin: Channel,
    link: Link,
    /// Added to the delivery tags of this session, which begin at 1.
    base: u64,
}

impl Session {
    fn take_more(&mut self, first: RawMessage, max: usize) -> Result<Vec<RawMessage>, Fault> {
        let mut arrived = vec![first];
        while arrived.len() < max
            && let Some(Some(next)) = self.arrivals.next().now_or_never()
        {
            arrived.push(next?);
        }
        Ok(arrived)
    }

    async fn ack(&mut self, tags: &[u64]) -> Result<(), Fault> {
        let tags: Option<Vec<u64>> =
            tags.iter().map(|tag| tag.checked_sub(self.base).filter(|tag| *tag > 0)).collect();
        let tags = tags.ok_or_else(connection_lost)?;
        let acks = tags.iter().map(|tag| self.lapin.basic_ack(*tag, BasicAckOptions::default()));
        ask(&self.link.node, "the messages were not acked", try_join_all(acks)).await.map(drop)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("link", &self.link).finish_non_exhaustive()
    }
}

fn connection_lost() -> Fault {
    Fault::transient(
        "the connection was lost before these messages were acked; they will be delivered again",
    )
}

/// The queue of a message, which decides how the message is read.
#[derive(Clone)]
enum Origin {
    ChannelQueue(ChannelId),
    /// With the channel of messages that do not say which queue they were in.
    DeadQueue(Arc<Cluster>, ChannelId),
}

/// A message as the broker sent it. It is decoded when it is taken: until then it uses less memory.
struct RawMessage {
    origin: Origin,
    delivery_tag: u64,
    properties: lapin::BasicProperties,
    body: Vec<u8>,
}

impl RawMessage {
    fn read(self, base: u64) -> Delivery {
        let (tag, Self { origin, properties, body, .. }) = (base + self.delivery_tag, self);
        match origin {
            Origin::ChannelQueue(channel) => message::read(tag, &channel, &properties, body),
            Origin::DeadQueue(cluster, fallback) => message::read_dead(
                tag,
                &properties,
                body,
                |queue| cluster.settings.channel(queue),
                &fallback,
            ),
        }
    }
}

/// The messages of a queue. The end of the stream is an error: the broker ends a consumer whose queue
/// was deleted, and nobody would notice while other queues are consumed.
async fn consume(
    link: &Link,
    lapin: &Channel,
    queue: &str,
    origin: Origin,
) -> Result<BoxStream<'static, Result<RawMessage, Fault>>, Fault> {
    let what = format!("queue {queue} is not consumed");
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let asked = lapin.basic_consume(queue.into(), "".into(), options, arguments);
    let consumer = ask(&link.node, &what, asked).await?;
    let node = link.node.clone();
    let ended =
        Fault::transient(format!("{what} any more: it was deleted, or its node has stopped"));
    let ended = ended.at(node.place());
    let arrivals = consumer
        .map_err(move |error| fault_of(&node, &what, error))
        .map_ok(move |delivery| RawMessage {
            origin: origin.clone(),
            delivery_tag: delivery.delivery_tag,
            properties: delivery.properties,
            body: delivery.data,
        })
        .chain(once(async { Err(ended) }));
    Ok(arrivals.boxed())
}
