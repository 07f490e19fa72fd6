//! Buses: what stands between the two loops. All of them keep the promises of `suite`.

mod amqp;
mod broker;
mod chosen;
mod in_process;
pub mod suite;
#[cfg(test)]
mod tests;

pub use amqp::{Amqp, AmqpConsumer, AmqpPublisher, AmqpSettings};
pub use broker::{BrokerConsumer, BrokerPublisher, MemoryBroker};
pub use chosen::{Inlet, Outlet};
pub use in_process::{InProcessConsumer, InProcessPublisher, in_process};
