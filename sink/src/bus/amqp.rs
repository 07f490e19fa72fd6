//! RabbitMQ, from version 3.10 on: quorum queues that carry and replicate, so that scale-out is
//! somebody else's engine.
//!
//! What counts as confirmed: the lapin channel is in confirm mode, the message persistent and
//! mandatory, its queue a quorum queue, and *all* of its batch are acked with none returned. What
//! counts as kept is the store's word; only then a message is acked.
//!
//! Reading order: `topology.rs`, `publisher.rs`, `consumer.rs`.

mod connect;
mod consumer;
mod fault;
mod message;
mod patience;
mod publisher;
mod topology;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::{ChannelId, Fault};

pub use consumer::AmqpConsumer;
pub use publisher::AmqpPublisher;
pub use topology::AmqpSettings;

use connect::Turn;

/// A broker that can be reached. Two connections are opened when they are needed, one to publish and
/// one to consume.
#[derive(Debug, Clone)]
pub struct Amqp {
    settings: Arc<AmqpSettings>,
    turn: Arc<Turn>,
}

impl Amqp {
    /// Touches no network; what is wrong with the settings is said by the first use.
    pub fn new(settings: AmqpSettings) -> Self {
        // Processes that start together begin with different nodes.
        let turn = Turn::from(std::process::id());
        Self { settings: Arc::new(settings), turn: Arc::new(turn) }
    }

    /// An ingest end; its clones share one connection.
    pub fn publisher(&self) -> AmqpPublisher {
        AmqpPublisher::new(Arc::clone(&self.settings), Arc::clone(&self.turn))
    }

    /// A sink end that takes the messages of these channels, at least one; several compete.
    pub fn consumer(&self, channels: impl IntoIterator<Item = ChannelId>) -> AmqpConsumer {
        let channels = channels.into_iter().collect();
        AmqpConsumer::new(Arc::clone(&self.settings), Arc::clone(&self.turn), channels)
    }

    /// Deletes the queues of these channels with all that is in them, the dead ones too: for a corner
    /// of a broker that only demonstrations or tests use.
    ///
    /// # Errors
    /// The broker cannot be reached, or does not let us.
    pub async fn delete(&self, channels: impl IntoIterator<Item = ChannelId>) -> Result<(), Fault> {
        let link = self.turn.connect(&self.settings, "deletes").await?;
        topology::delete(&link, &self.settings, channels).await
    }
}
