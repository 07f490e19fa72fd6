//! Takes messages from the broker and acks them: one connection consumes the queues of all channels, and the
//! dead queue, to which the broker moves messages that it has delivered too often.
//!
//! Any failure ends the connection. The next `take` opens another one, and the broker delivers unacked
//! messages again. A message leaves its queue only after it was kept and acked.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
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
use tokio::time::Instant;
use tracing::error;

use super::{
    connect::{Cluster, Link},
    fault::{ask, fault_of},
    message,
    proof::BusKey,
    topology,
};

/// Maximum number of unacked messages of one queue that the broker delivers: twice the number that the sink
/// keeps at once, so that the next messages are there when those are acked. A greater number would leave
/// nothing for other sinks.
const PREFETCH: u16 = 64;

/// The consumer for the sink. It does not share the connection of the publisher: a broker that is short of
/// memory stops reading from connections that publish, but the acks must still arrive.
#[derive(Debug)]
pub struct AmqpConsumer {
    cluster: Arc<Cluster>,
    channels: Vec<ChannelId>,
    session: Option<Session>,
    /// The greatest delivery tag of all sessions so far: a new session adds it to its own tags, so that no tag
    /// is used twice.
    last_tag: u64,
    alarm: Alarm,
}

impl AmqpConsumer {
    pub(super) fn new(cluster: Arc<Cluster>, channels: Vec<ChannelId>) -> Self {
        Self { cluster, channels, session: None, last_tag: 0, alarm: Alarm::default() }
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
            let what = "no channel is configured, so there is no queue to consume";
            return Err(Fault::stopped(what).remedy("add a channel"));
        };
        let settings = &self.cluster.settings;
        let link = self.cluster.connect("consumes").await?;
        topology::ensure(&link, settings, &self.channels).await?;
        let lapin = link.channel().await?;
        let call = lapin.basic_qos(PREFETCH, BasicQosOptions::default());
        ask(&link.node, "the prefetch was not set", call).await?;
        let mut arrivals = SelectAll::new();
        let dead = Queue::Dead(Arc::clone(&self.cluster), fallback.clone());
        let queues = self
            .channels
            .iter()
            .map(|channel| (settings.queue(channel), Queue::Channel(channel.clone())));
        for (name, queue) in queues.chain([(settings.dead_queue(), dead)]) {
            arrivals.push(consume(&link, &lapin, &name, queue).await?);
        }
        Ok(Session { arrivals, lapin, link, base: self.last_tag })
    }
}

impl Consumer for AmqpConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        let session = self.session().await?;
        // Once a message has arrived, nothing is awaited: so dropping this future loses no message.
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
                let key = self.cluster.key.as_ref();
                let arrived = arrived.into_iter().map(|arrived| arrived.read(base, key));
                let deliveries: Vec<Delivery> = arrived.collect();
                let foreign = deliveries.iter().filter(|each| each.message.is_foreign());
                self.alarm.count(foreign.count());
                Ok(Intake::of(deliveries))
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

/// The shortest time between two lines of the log about foreign messages.
const ALARM_INTERVAL: Duration = Duration::from_secs(60);

/// Logs foreign messages: the first at once, those after it summed, because anybody may send millions.
#[derive(Debug, Default)]
struct Alarm {
    logged_at: Option<Instant>,
    n_unlogged: usize,
}

impl Alarm {
    fn count(&mut self, n_messages: usize) {
        self.n_unlogged += n_messages;
        let is_due = self.logged_at.is_none_or(|at| at.elapsed() >= ALARM_INTERVAL);
        if is_due && self.n_unlogged > 0 {
            let n = std::mem::take(&mut self.n_unlogged);
            self.logged_at = Some(Instant::now());
            error!(
                target: "tonghui", n,
                "{n} messages on the broker do not prove that this gateway published them; those that the books do not \
                 list are in quarantine. Find out who may write to its queues, and whether all processes have the same \
                 bus key"
            );
        }
    }
}

/// A connection with a consumer for each queue, and the messages that arrive on it.
struct Session {
    // Fields are dropped in this order: the consumers, then their lapin channel, then the connection.
    arrivals: SelectAll<BoxStream<'static, Result<RawMessage, Fault>>>,
    lapin: Channel,
    link: Link,
    /// The number to add to the delivery tags of the broker, which begin at 1 in each session.
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

/// The queue that a message was taken from, which decides how the message is read.
#[derive(Clone)]
enum Queue {
    /// The queue of this channel.
    Channel(ChannelId),
    /// The dead queue. A message that does not say from which queue it came counts as one of this channel.
    Dead(Arc<Cluster>, ChannelId),
}

/// A message as the broker sent it. It is decoded only when it is taken, because it then needs more memory.
struct RawMessage {
    queue: Queue,
    delivery_tag: u64,
    properties: lapin::BasicProperties,
    body: Vec<u8>,
}

impl RawMessage {
    fn read(self, base: u64, key: Option<&BusKey>) -> Delivery {
        let (tag, Self { queue, properties, body, .. }) = (base + self.delivery_tag, self);
        let body = Bytes::from(body).into();
        match queue {
            Queue::Channel(channel) => message::read(tag, &channel, &properties, body, key),
            Queue::Dead(cluster, fallback) => message::read_dead_letter(
                tag,
                &properties,
                body,
                key,
                |queue| cluster.settings.channel(queue),
                &fallback,
            ),
        }
    }
}

/// Begins to consume a queue; returns its messages. If the queue is deleted, the broker ends the consumer,
/// and the last item is an error: without it, nobody would notice while messages of other queues arrive.
async fn consume(
    link: &Link,
    lapin: &Channel,
    name: &str,
    queue: Queue,
) -> Result<BoxStream<'static, Result<RawMessage, Fault>>, Fault> {
    let what = format!("cannot consume queue {name}");
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let call = lapin.basic_consume(name.into(), "".into(), options, arguments);
    let consumer = ask(&link.node, &what, call).await?;
    let node = link.node.clone();
    let ended = Fault::transient(format!("queue {name} was deleted, or its node has stopped"));
    let ended = ended.at(node.place());
    let arrivals = consumer
        .map_err(move |error| fault_of(&node, &what, error))
        .map_ok(move |delivery| RawMessage {
            queue: queue.clone(),
            delivery_tag: delivery.delivery_tag,
            properties: delivery.properties,
            body: delivery.data,
        })
        .chain(once(async { Err(ended) }));
    Ok(arrivals.boxed())
}
