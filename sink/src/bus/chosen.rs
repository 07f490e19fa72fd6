//! The bus that the configuration chose. Closed and chosen once: enums, so that nothing above them is
//! generic over buses.

use contract::{Consumer, Fault, Intake, Kept, Message, Publisher};

use super::{AmqpConsumer, AmqpPublisher, InProcessConsumer, InProcessPublisher};

/// The ingest end of one of the two. Clones lead to the same one.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// Within this process.
    InProcess(InProcessPublisher),
    /// Through a broker.
    Amqp(AmqpPublisher),
}

/// The sink end of one of the two.
#[derive(Debug)]
pub enum Inlet {
    /// Within this process.
    InProcess(InProcessConsumer),
    /// From a broker.
    Amqp(Box<AmqpConsumer>),
}

impl Publisher for Outlet {
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

impl Consumer for Inlet {
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
