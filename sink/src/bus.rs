//! Buses: the queues between ingest and sink. All buses pass the tests in `tests/suite.rs`.

mod amqp;
mod broker;
mod in_process;
#[cfg(test)]
mod tests;

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};

pub use amqp::{Amqp, AmqpConsumer, AmqpPublisher, AmqpSettings, BusKey, FeedPublisher};
pub use broker::{BrokerConsumer, MemoryBroker};
pub use in_process::{InProcessConsumer, InProcessPublisher, in_process};

/// A publisher to the configured bus: an enum, so that its users need no type parameter. Clones are handles
/// to the same bus.
#[derive(Debug, Clone)]
pub enum AnyPublisher {
    /// Within this process.
    InProcess(InProcessPublisher),
    /// Through a broker.
    Amqp(AmqpPublisher),
}

/// A consumer of the configured bus.
#[derive(Debug)]
pub enum AnyConsumer {
    /// Within this process.
    InProcess(InProcessConsumer),
    /// From a broker.
    Amqp(Box<AmqpConsumer>),
}

impl Publisher for AnyPublisher {
    async fn publish(&self, messages: &[Message]) -> Result<(), Fault> {
        match self {
            Self::InProcess(bus) => bus.publish(messages).await,
            Self::Amqp(bus) => bus.publish(messages).await,
        }
    }

    async fn ready(&self) -> Result<(), Fault> {
        match self {
            Self::InProcess(bus) => bus.ready().await,
            Self::Amqp(bus) => bus.ready().await,
        }
    }
}

impl Consumer for AnyConsumer {
    async fn take(&mut self, max: usize) -> Result<Intake, Fault> {
        match self {
            Self::InProcess(bus) => bus.take(max).await,
            Self::Amqp(bus) => bus.take(max).await,
        }
    }

    async fn ack(&mut self, kept: Kept) -> Result<(), Fault> {
        match self {
            Self::InProcess(bus) => bus.ack(kept).await,
            Self::Amqp(bus) => bus.ack(kept).await,
        }
    }
}
