//! What a test has to be able to do to a source.

use std::{future::Future, time::Duration};

use contract::Connector;

/// A source of one kind, under the hands of a test. Every one is fresh and empty.
pub trait Source: Send + Sync {
    /// The kind.
    type Connector: Connector;

    /// How late a record may become visible after its own time and still be found by its time.
    const LATE: Duration;

    /// A new connector for this source. Called outside of any await, so it cannot touch a network.
    fn connector(&self) -> Self::Connector;

    /// Adds records with these keys, all of the same moment, `age` ago by the source's clock.
    fn add(&mut self, keys: &[String], age: Duration) -> impl Future<Output = ()> + Send;

    /// Changes the record with this key now.
    fn change(&mut self, key: &str) -> impl Future<Output = ()> + Send;
}
