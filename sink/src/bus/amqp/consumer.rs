//! Taking and acking: one lapin channel that consumes the queues of all channels, and the dead queue.
//!
//! A session is a connection with its consumers. Anything that goes wrong ends it, the next `take`
//! opens another, and what was given out on the old one comes again. So nothing is ever nacked: a
//! message leaves its queue by being kept.

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
    connect::{Link, Turn},
    fault::{ask, at, fault},
    message,
    topology::{self, AmqpSettings},
};

/// Unacked messages of one queue on this consumer: twice what the sink keeps at once, so that the next
/// have arrived when those are acked, and the same for all sinks, so that they share.
const PREFETCH: u16 = 64;

/// The sink end. It has a connection of its own: a broker that is short of memory stops reading from
/// those that publish, and acks must still get through.
#[derive(Debug)]
pub struct AmqpConsumer {
    settings: Arc<AmqpSettings>,
    turn: Arc<Turn>,
    channels: Vec<ChannelId>,
    session: Option<Session>,
    /// The greatest tag of all sessions so far: no tag is used twice.
    last_tag: u64,
}

impl AmqpConsumer {
    pub(super) fn new(
        settings: Arc<AmqpSettings>,
        turn: Arc<Turn>,
        channels: Vec<ChannelId>,
    ) -> Self {
        Self { settings, turn, channels, session: None, last_tag: 0 }
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
        let link = self.turn.connect(&self.settings, "consumes").await?;
        topology::ensure(&link, &self.settings, &self.channels).await?;
        let lapin = link.channel().await?;
        let limited = lapin.basic_qos(PREFETCH, BasicQosOptions::default());
        ask(&link.place, "the prefetch was not set", limited).await?;
        let mut arrivals = SelectAll::new();
        for channel in &self.channels {
            let queue = self.settings.queue(channel);
            let origin = Origin::Queue(channel.clone());
            arrivals.push(consume(&link, &lapin, &queue, origin).await?);
        }
        let dead = self.settings.dead_queue();
        let origin = Origin::Dead(Arc::clone(&self.settings), fallback.clone());
        arrivals.push(consume(&link, &lapin, &dead, origin).await?);
        Ok(Session { arrivals, lapin, link, base: self.last_tag })
    }
}

impl Consumer for AmqpConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        let session = self.session().await?;
        // Nothing is awaited once something has arrived: a dropped `take` has taken nothing.
        let taken = match session.arrivals.next().await {
            Some(first) => first.and_then(|first| session.with_more(first, max)),
            None => {
                Err(Fault::transient("the broker ended all consumers").at(at(&session.link.place)))
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

    /// Acks each by its own tag: an ack of all up to a tag would include prefetched messages that are
    /// not kept.
    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        let acked = match &mut self.session {
            Some(session) => Box::pin(session.ack(kept.tags())).await,
            None => Err(gone()),
        };
        if acked.is_err() {
            self.session = None;
        }
        acked
    }
}

/// A connection and what arrives on it.
struct Session {
    // Dropped in this order: first the consumers, then their lapin channel, then the connection.
    arrivals: SelectAll<BoxStream<'static, Result<Arrived, Fault>>>,
    lapin: Channel,
    link: Link,
    /// Added to the delivery tags of this session, which begin at 1.
    base: u64,
}

impl Session {
    fn with_more(&mut self, first: Arrived, max: usize) -> Result<Vec<Arrived>, Fault> {
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
        let tags = tags.ok_or_else(gone)?;
        let acks = tags.iter().map(|tag| self.lapin.basic_ack(*tag, BasicAckOptions::default()));
        ask(&self.link.place, "the messages were not acked", try_join_all(acks)).await.map(drop)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("link", &self.link).finish_non_exhaustive()
    }
}

/// The messages were delivered on a connection that is gone.
fn gone() -> Fault {
    Fault::transient(
        "the connection was lost before these messages were acked; they will be delivered again",
    )
}

/// Where a message came from decides how it is read.
#[derive(Clone)]
enum Origin {
    Queue(ChannelId),
    Dead(Arc<AmqpSettings>, ChannelId),
}

/// A message as it arrived. It is decoded when it is taken, so that waiting messages use less
/// memory.
struct Arrived {
    origin: Origin,
    delivery_tag: u64,
    properties: lapin::BasicProperties,
    body: Vec<u8>,
}

impl Arrived {
    fn read(self, base: u64) -> Delivery {
        let (tag, Self { origin, properties, body, .. }) = (base + self.delivery_tag, self);
        match origin {
            Origin::Queue(channel) => message::read(tag, &channel, &properties, body),
            Origin::Dead(settings, fallback) => message::read_dead(
                tag,
                &properties,
                body,
                |queue| settings.channel(queue),
                &fallback,
            ),
        }
    }
}

/// The messages of a queue. Its end is an error: the broker ends a consumer whose queue was deleted,
/// and nobody would notice while the others go on.
async fn consume(
    link: &Link,
    lapin: &Channel,
    queue: &str,
    origin: Origin,
) -> Result<BoxStream<'static, Result<Arrived, Fault>>, Fault> {
    let what = format!("queue {queue} is not consumed");
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let asked = lapin.basic_consume(queue.into(), "".into(), options, arguments);
    let consumer = ask(&link.place, &what, asked).await?;
    let place = link.place.clone();
    let ended =
        Fault::transient(format!("{what} any more: it was deleted, or its node has stopped"));
    let ended = ended.at(at(&place));
    let arrivals = consumer
        .map_err(move |error| fault(&place, &what, error))
        .map_ok(move |delivery| Arrived {
            origin: origin.clone(),
            delivery_tag: delivery.delivery_tag,
            properties: delivery.properties,
            body: delivery.data,
        })
        .chain(once(async { Err(ended) }));
    Ok(arrivals.boxed())
}
