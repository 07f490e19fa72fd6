//! What a test has to be able to do to a source.
//!
//! Not every source can be made to do everything: each ability is a trait of its own, so that a
//! promise which nobody can ask of a source is missing from its type and not skipped in silence.

use std::{future::Future, time::Duration};

use contract::Connector;

/// A source that can be read: all that a stranger's plugin offers.
pub trait Asked: Send + Sync {
    /// The kind.
    type Connector: Connector;

    /// A new connector for this source. Called outside of any await, so it cannot touch a network.
    fn ask(&self) -> Self::Connector;
}

/// A source of one kind, under the hands of a test. Every one is fresh and empty.
pub trait Source: Send + Sync {
    /// The kind.
    type Connector: Connector;

    /// How late a record may become visible after its own time and still be found by its time.
    const LATE: Duration;

    /// A new connector for this source. Called outside of any await, so it cannot touch a network.
    fn connector(&self) -> Self::Connector;

    /// How old a record may be and still be within what the channel says that it wants.
    fn reach(&self) -> Duration {
        Duration::from_secs(10 * 365 * 86_400)
    }

    /// Adds records with these keys, all of the same moment, `age` ago by the source's clock.
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

/// Records may bear a time that has not come yet.
pub trait Dates: Source {
    /// As [`Source::add`], with a time `ahead` of the source's clock.
    fn add_ahead(&mut self, keys: &[String], ahead: Duration) -> impl Future<Output = ()> + Send;
}

/// Its clock can be turned, and records that cannot be found by their time are found otherwise.
pub trait Clocked: Source {
    /// Turns the clock that dates the records.
    fn turn_clock(&mut self, by: Turn) -> impl Future<Output = ()> + Send;
}

/// How a clock is turned.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// Forward.
    Ahead(Duration),
    /// Back.
    Back(Duration),
}

/// It gives pages, and may slip.
pub trait Paged: Source {
    /// The next page but one is wrong in this way, once.
    fn slip(&mut self, slip: Slip) -> impl Future<Output = ()> + Send;
}

/// What a source does wrong with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// It holds less than was asked for, and more follows.
    Short,
    /// It is the page before, once more.
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

/// Asked too often (429): come again after this long.
#[derive(Debug, Clone, Copy)]
pub struct Throttled(pub Duration);

/// The source itself fails (500).
#[derive(Debug, Clone, Copy)]
pub struct Broken;

/// It takes the question and never answers.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

/// Its answer is no answer of such a source.
#[derive(Debug, Clone, Copy)]
pub struct Garbage;

/// The connector waits for an answer for this long at most.
pub trait Patient: Refuses<Silent> {
    /// How long.
    const PATIENCE: Duration;
}

/// The connector holds a secret.
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
