//! What tests can do with a source.
//!
//! Not every source can do everything. Each ability is a trait, so a promise that does not apply to a
//! source does not compile, instead of being skipped silently.

use std::{future::Future, time::Duration};

use contract::Connector;

/// A source that tests can only read, like the plugin of another team.
pub trait Asked: Send + Sync {
    /// Its connector.
    type Connector: Connector;

    /// A new connector for this source. Not called from async code, so it cannot use a network.
    fn ask(&self) -> Self::Connector;
}

/// A source of one kind that a test controls. Each is new and empty.
pub trait Source: Send + Sync {
    /// Its connector.
    type Connector: Connector;

    /// How late a record may become visible after its own time and still be found by its time.
    const LATE: Duration;

    /// A new connector for this source. Not called from async code, so it cannot use a network.
    fn connector(&self) -> Self::Connector;

    /// How old a record may be to be read by the channel.
    fn reach(&self) -> Duration {
        Duration::from_secs(10 * 365 * 86_400)
    }

    /// Adds records with these keys, all with the same time, `age` ago by the source's clock.
    fn add(&mut self, keys: &[String], age: Duration) -> impl Future<Output = ()> + Send;

    /// Changes the record with this key now.
    fn change(&mut self, key: &str) -> impl Future<Output = ()> + Send;
}

impl<S: Source> Asked for S {
    type Connector = S::Connector;

    fn ask(&self) -> S::Connector {
        self.connector()
    }
}

/// Records can be removed from it.
pub trait Deletes: Source {
    /// Removes the record with this key.
    fn delete(&mut self, key: &str) -> impl Future<Output = ()> + Send;
}

/// Records may have a time in the future.
pub trait Dates: Source {
    /// As [`Source::add`], with a time `ahead` of the source's clock.
    fn add_ahead(&mut self, keys: &[String], ahead: Duration) -> impl Future<Output = ()> + Send;
}

/// Its clock can be changed; the connector finds records whose time is wrong by other means.
pub trait Clocked: Source {
    /// Changes the clock that gives records their times.
    fn turn_clock(&mut self, by: Turn) -> impl Future<Output = ()> + Send;
}

/// How a clock is changed.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// Forward.
    Ahead(Duration),
    /// Back.
    Back(Duration),
}

/// It returns pages, and can return a wrong one.
pub trait Paged: Source {
    /// Makes the page after the next one wrong, once.
    fn slip(&mut self, slip: Slip) -> impl Future<Output = ()> + Send;
}

/// A mistake with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// It has fewer records than requested, and more follow.
    Short,
    /// It is the earlier page again.
    Repeated,
}

/// It can be made to refuse in the way `R`.
pub trait Refuses<R>: Source {
    /// Refuses from now on.
    fn refuse(&mut self, how: R) -> impl Future<Output = ()> + Send;

    /// Answers again.
    fn relent(&mut self) -> impl Future<Output = ()> + Send;
}

/// The credentials are wrong (401).
#[derive(Debug, Clone, Copy)]
pub struct Unauthorized;

/// The account may not read this (403).
#[derive(Debug, Clone, Copy)]
pub struct Forbidden;

/// Too many requests (429): retry after this time.
#[derive(Debug, Clone, Copy)]
pub struct Throttled(pub Duration);

/// The source itself fails (500).
#[derive(Debug, Clone, Copy)]
pub struct Broken;

/// It takes the request and never answers.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

/// Its answer is not in its format.
#[derive(Debug, Clone, Copy)]
pub struct Garbage;

/// The connector has a timeout for answers.
pub trait Patient: Refuses<Silent> {
    /// The timeout.
    const PATIENCE: Duration;
}

/// The connector has a secret.
pub trait Secretive: Refuses<Unauthorized> {
    /// The secret.
    fn secret(&self) -> String;
}

/// Its channel has at least 200 partitions, and one of them may fail.
pub trait Partitioned: Source {
    /// As [`Source::add`], to the partition with this number.
    fn add_to(
        &mut self,
        partition: usize,
        keys: &[String],
        age: Duration,
    ) -> impl Future<Output = ()> + Send;

    /// The partition with this number fails from now on.
    fn fail(&mut self, partition: usize) -> impl Future<Output = ()> + Send;
}
