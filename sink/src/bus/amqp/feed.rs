//! Publishes the events of the change feed, one after another: the next one is sent after the broker has confirmed the
//! one before it. If several were on their way, a queue that is full for a moment could refuse the first of them and
//! take the second, and its consumer would get a demand's states in the wrong order.
//!
//! The exchange belongs to whoever wants to know. So an event that no queue takes is not missed by anybody, and counts
//! as told; an event that a queue refuses is not told to its consumer, and is sent again.

use std::sync::Arc;

use contract::{FEED_CONTENT_TYPE, Fault, FeedEvent};
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions};

use super::{
    connect::{Cluster, Link},
    fault::fault_of,
    limit::send_in_time,
    message::PERSISTENT,
    topology,
};

/// The publisher of the change feed. It has a connection of its own.
#[derive(Debug)]
pub struct FeedPublisher {
    cluster: Arc<Cluster>,
    exchange: String,
    session: Option<Session>,
}

/// A connection on which the exchange was declared or checked.
#[derive(Debug)]
struct Session {
    link: Link,
    /// In confirm mode.
    lapin: Channel,
}

impl FeedPublisher {
    pub(super) fn new(cluster: Arc<Cluster>, exchange: String) -> Self {
        Self { cluster, exchange, session: None }
    }

    /// Publishes an event; returns once the broker has confirmed it. If this future is dropped, the event may still be
    /// in queues.
    ///
    /// # Errors
    /// The broker cannot be reached, or did not confirm it; or a queue refused it, which other queues may have taken.
    pub async fn publish(&mut self, event: &FeedEvent) -> Result<(), Fault> {
        // Unless this succeeds, the session is dropped: a late confirm must not count for the next event.
        let session = match self.session.take() {
            Some(session) if session.is_usable() => session,
            _ => self.open().await?,
        };
        send_in_time(&session.link, self.send(&session, event)).await?;
        self.session = Some(session);
        Ok(())
    }

    async fn open(&self) -> Result<Session, Fault> {
        let link = self.cluster.connect("tells changes").await?;
        topology::ensure_feed(&link, &self.cluster.settings, &self.exchange).await?;
        let lapin = link.confirm_channel().await?;
        Ok(Session { link, lapin })
    }

    async fn send(
        &self,
        Session { link, lapin }: &Session,
        event: &FeedEvent,
    ) -> Result<(), Fault> {
        let failed = |error| fault_of(&link.node, "cannot tell a change", error);
        let properties = BasicProperties::default()
            .with_message_id(event.id.as_str().into())
            .with_content_type(FEED_CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT);
        let (exchange, key) = (self.exchange.as_str().into(), event.routing_key.as_str().into());
        let options = BasicPublishOptions::default();
        let written = lapin.basic_publish(exchange, key, options, &event.body, properties).await;
        match written.map_err(failed)?.await.map_err(failed)? {
            Confirmation::Ack(_) => Ok(()),
            // The lapin channel is in confirm mode, so `NotRequested` does not come.
            Confirmation::Nack(_) | Confirmation::NotRequested => {
                let exchange = format!("exchange {}", self.exchange);
                let fault = Fault::transient("a queue of the feed refused a change").at(exchange);
                Err(fault.at(link.node.place()).remedy(
                    "a queue that is bound there is full and rejects what comes: start its consumer, raise its limit, or \
                     unbind it; no other consumer gets a later change before",
                ))
            }
        }
    }
}

impl Session {
    fn is_usable(&self) -> bool {
        self.link.is_connected() && self.lapin.status().connected()
    }
}
