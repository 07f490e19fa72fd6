//! RabbitMQ 3.10 or later. Its quorum queues store and replicate the messages, so replication needs no
//! code here.
//!
//! A batch is confirmed when the broker has acked all of its messages and returned none. Each message
//! is persistent and mandatory, its queue is a quorum queue, and the lapin channel is in confirm mode.
//! A message is acked only after the store has kept it.
//!
//! Reading order: `topology.rs`, `publisher.rs`, `consumer.rs`.

mod connect;
mod consumer;
mod fault;
mod limit;
mod message;
mod publisher;
mod topology;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::{ChannelId, Fault};

pub use consumer::AmqpConsumer;
pub use publisher::AmqpPublisher;
pub use topology::AmqpSettings;

use connect::Cluster;

/// A RabbitMQ broker. One connection publishes and another one consumes; each is opened when it is
/// first needed.
#[derive(Debug, Clone)]
pub struct Amqp(Arc<Cluster>);

impl Amqp {
    /// Does not connect yet: the first use reports wrong settings.
    pub fn new(settings: AmqpSettings) -> Self {
        Self(Arc::new(Cluster::new(settings)))
    }

    /// An ingest end; its clones share one connection.
    pub fn publisher(&self) -> AmqpPublisher {
        AmqpPublisher::new(Arc::clone(&self.0))
    }

    /// A sink end for the messages of these channels; there must be one. Several sinks share the messages.
    pub fn consumer(&self, channels: impl IntoIterator<Item = ChannelId>) -> AmqpConsumer {
        AmqpConsumer::new(Arc::clone(&self.0), channels.into_iter().collect())
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
