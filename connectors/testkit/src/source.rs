//! What tests can do with a source: one trait for each ability.
//!
//! Not every source has every ability. A promise that needs a missing one does not compile, so that
//! no promise is skipped silently.

use std::{future::Future, time::Duration};

use contract::Connector;

/// A source that tests can only read, such as the plugin of another team.
pub trait Readable: Send + Sync {
    /// Its connector.
    type Connector: Connector;

    /// A new connector for this source. It is called outside async code, so it cannot use the network.
    fn new_connector(&self) -> Self::Connector;
}

/// A source that a test controls. It is new and empty.
pub trait Source: Send + Sync {
    /// Its connector.
    type Connector: Connector;

    /// A record that becomes visible at most this long after its own time must still be found.
    const MAX_DELAY: Duration;

    /// A new connector for this source. It is called outside async code, so it cannot use the network.
    fn connector(&self) -> Self::Connector;

    /// The maximum age of records that the channel reads.
    fn max_age(&self) -> Duration {
        Duration::from_secs(10 * 365 * 86_400)
    }

    /// Adds records with these keys and the same time: `age` ago, by the source's clock.
    fn add(&mut self, keys: &[String], age: Duration) -> impl Future<Output = ()> + Send;

    /// Changes the record with this key now.
    fn change(&mut self, key: &str) -> impl Future<Output = ()> + Send;
}

impl<S: Source> Readable for S {
    type Connector = S::Connector;

    fn new_connector(&self) -> S::Connector {
        self.connector()
    }
}

/// A source from which records can be deleted.
pub trait Deletes: Source {
    /// Deletes the record with this key.
    fn delete(&mut self, key: &str) -> impl Future<Output = ()> + Send;
}

/// A source whose records may have a time in the future.
pub trait DatesAhead: Source {
    /// Like [`Source::add`], with a time that is `ahead` of the source's clock.
    fn add_ahead(&mut self, keys: &[String], ahead: Duration) -> impl Future<Output = ()> + Send;
}

/// A source whose clock can be changed. The connector must find records with a wrong time by other
/// means.
pub trait ShiftsClock: Source {
    /// Changes the clock that gives records their times.
    fn shift_clock(&mut self, by: Shift) -> impl Future<Output = ()> + Send;
}

/// A shift of a clock.
#[derive(Debug, Clone, Copy)]
pub enum Shift {
    /// The clock jumps ahead by this time.
    Forward(Duration),
    /// The clock is set back by this time.
    Back(Duration),
}

/// A source that returns its records in pages, and can be made to return a wrong page.
pub trait Paged: Source {
    /// Makes the page after the next one wrong, once.
    fn spoil_page(&mut self, mistake: WrongPage) -> impl Future<Output = ()> + Send;
}

/// What is wrong with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongPage {
    /// The page has fewer records than requested, but more pages follow.
    Short,
    /// The page is the previous one again.
    Repeated,
}

/// A source that can be made to refuse requests in the way `R`.
pub trait Refuses<R>: Source {
    /// Refuses requests from now on.
    fn refuse(&mut self, how: R) -> impl Future<Output = ()> + Send;

    /// Answers requests again.
    fn stop_refusing(&mut self) -> impl Future<Output = ()> + Send;
}

/// The credentials are wrong (401).
#[derive(Debug, Clone, Copy)]
pub struct Unauthorized;

/// The account has no permission to read (403).
#[derive(Debug, Clone, Copy)]
pub struct Forbidden;

/// There were too many requests (429). The answer asks to retry after this time.
#[derive(Debug, Clone, Copy)]
pub struct Throttled(pub Duration);

/// The source itself fails (500).
#[derive(Debug, Clone, Copy)]
pub struct Broken;

/// The source accepts a request and never answers.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

/// The source answers in a wrong format.
#[derive(Debug, Clone, Copy)]
pub struct WrongFormat;

/// A source whose connector has a timeout for answers.
pub trait HasTimeout: Refuses<Silent> {
    /// The timeout.
    const TIMEOUT: Duration;
}

/// A source whose connector has a secret.
pub trait HasSecret: Refuses<Unauthorized> {
    /// The secret.
    fn secret(&self) -> String;
}

/// A source whose channel has at least 200 partitions, one of which may fail.
pub trait Partitioned: Source {
    /// Like [`Source::add`], in the partition with this number.
    fn add_to(
        &mut self,
        partition: usize,
        keys: &[String],
        age: Duration,
    ) -> impl Future<Output = ()> + Send;

    /// Makes all reads of the partition with this number fail from now on.
    fn fail(&mut self, partition: usize) -> impl Future<Output = ()> + Send;
}
