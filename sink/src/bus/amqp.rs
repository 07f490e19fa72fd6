//! The bus through a broker: RabbitMQ 3.10 or later, with the client library lapin. "Channel" alone means a
//! configured source; a channel of AMQP is called a lapin channel.
//!
//! A batch is confirmed when the broker has accepted all of its messages into their queues. These are quorum
//! queues, which RabbitMQ writes to disk and replicates. A message is acked only after the store has kept it.
//!
//! With a [`BusKey`], every message proves its sender, and the consumer believes no other one.
//!
//! Reading order: `topology.rs`, `publisher.rs`, `consumer.rs`, `proof.rs`, `feed.rs`.

mod connect;
mod consumer;
mod fault;
mod feed;
mod limit;
mod message;
mod proof;
mod publisher;
mod topology;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::{ChannelId, Fault};

pub use consumer::AmqpConsumer;
pub use feed::FeedPublisher;
pub use proof::BusKey;
pub use publisher::AmqpPublisher;
pub use topology::AmqpSettings;

use connect::Cluster;

/// A RabbitMQ broker. One connection publishes and another one consumes; each is opened when it is
/// first needed.
#[derive(Debug, Clone)]
pub struct Amqp(Arc<Cluster>);

impl Amqp {
    /// A broker with these settings. This does not connect yet, so the first use reports wrong settings.
    pub fn new(settings: AmqpSettings) -> Self {
        Self::with_key(settings, None)
    }

    /// Like [`Amqp::new`]. Messages are published with proofs by this key, and those that arrive without one go to
    /// quarantine, unless the books list them: they were published before there was a key. Without a key, every
    /// message is believed that looks like one of ours.
    pub fn with_key(settings: AmqpSettings, key: Option<BusKey>) -> Self {
        Self(Arc::new(Cluster::new(settings, key)))
    }

    /// A publisher for ingest; its clones share one connection.
    pub fn publisher(&self) -> AmqpPublisher {
        AmqpPublisher::new(Arc::clone(&self.0))
    }

    /// A consumer for the sink, for the messages of these channels; at least one channel is needed. Several
    /// consumers share the messages.
    pub fn consumer(&self, channels: impl IntoIterator<Item = ChannelId>) -> AmqpConsumer {
        AmqpConsumer::new(Arc::clone(&self.0), channels.into_iter().collect())
    }

    /// A publisher for the change feed, to the topic exchange of this name.
    pub fn feed(&self, exchange: String) -> FeedPublisher {
        FeedPublisher::new(Arc::clone(&self.0), exchange)
    }

    /// Deletes the exchanges, the queues of these channels and the dead queue, with all messages. Only
    /// for demonstrations and tests, which have queues of their own.
    ///
    /// # Errors
    /// The broker cannot be reached, or refuses.
    pub async fn delete(&self, channels: impl IntoIterator<Item = ChannelId>) -> Result<(), Fault> {
        let link = self.0.connect("deletes").await?;
        topology::delete(&link, &self.0.settings, channels).await
    }
}
