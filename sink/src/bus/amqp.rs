//! RabbitMQ, from version 3.10 on. Its quorum queues hold the messages and replicate them, so that
//! scaling out needs no code here.
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
    /// Connects to nothing yet: wrong settings are reported by the first use.
    pub fn new(settings: AmqpSettings) -> Self {
        Self(Arc::new(Cluster::new(settings)))
    }

    /// An ingest end; its clones share one connection.
    pub fn publisher(&self) -> AmqpPublisher {
        AmqpPublisher::new(Arc::clone(&self.0))
    }

    /// A sink end that takes the messages of these channels, at least one. Several sinks share them.
    pub fn consumer(&self, channels: impl IntoIterator<Item = ChannelId>) -> AmqpConsumer {
        AmqpConsumer::new(Arc::clone(&self.0), channels.into_iter().collect())
    }

    /// Deletes the queues of these channels and the dead queue, with all their messages: for
    /// demonstrations and tests, whose queues nobody else uses.
    ///
    /// # Errors
    /// The broker cannot be reached, or refuses.
    pub async fn delete(&self, channels: impl IntoIterator<Item = ChannelId>) -> Result<(), Fault> {
        let link = self.0.connect("deletes").await?;
        topology::delete(&link, &self.0.settings, channels).await
    }
}
