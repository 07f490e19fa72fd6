//! The relay of the change feed: goes through history and publishes an event for each stored version. It runs beside the
//! sink, in one process at a time.
//!
//! The position moves after the broker has confirmed. A relay that ends between the two leaves it to the next one to
//! tell the same again, and what it tells for the first time is in order. So does a relay that has lost its lease without
//! noticing: it began where the next one begins, and what it tells first, the other one repeats.

use std::time::Duration;

use contract::{Fault, Retry};
use sink::{
    bus::FeedPublisher,
    store::{Behind, Database, Feed, FeedRow},
};
use tracing::debug;

use crate::{
    lease::LeaseHolder,
    stop::Stop,
    walk::{Follow, Walk, seconds_since},
};

/// The longest wait after a fault: whoever follows the feed waits as long when the broker is back.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// How far the feed is behind history.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lag {
    /// Number of stored versions that are not told yet, or more: states that are no change are counted too.
    pub(crate) versions_behind: u64,
    /// Age of the oldest of them: seconds since it was read from its source.
    pub(crate) seconds_behind: u64,
}

/// How far the feed is behind.
pub(crate) async fn lag(store: &Database) -> Result<Lag, Fault> {
    let Behind { rows, since } = store.feed_lag().await?;
    Ok(Lag { versions_behind: rows, seconds_behind: seconds_since(since) })
}

/// Publishes what history holds with `publisher`, until stop is requested, and then for at most `grace`. When `finish`
/// is requested, it tells what history holds at that time, and returns. Without a publisher there is no feed.
pub(crate) async fn serve(
    publisher: Option<FeedPublisher>,
    store: &Database,
    finish: &Stop,
    stop: &Stop,
    grace: Duration,
) {
    let Some(publisher) = publisher else { return };
    let store = &store.separate_handle();
    let leases = &LeaseHolder::new(store.clone(), false);
    let (relay, retry) = (Relay { publisher, store }, Retry::up_to(MAX_WAIT));
    let walk = Walk { follow: relay, store, leases, finish, stop, retry };
    tokio::select! {
        () = Box::pin(walk.run()) => {}
        () = stop.grace_over(grace) => {}
    }
}

/// Publishes the events.
struct Relay<'a> {
    publisher: FeedPublisher,
    store: &'a Database,
}

impl Follow for Relay<'_> {
    fn lease(&self) -> String {
        "change feed".to_owned()
    }

    async fn step(&mut self) -> Result<bool, Fault> {
        let Some(Feed { from, rows, upto }) = self.store.next_feed().await? else {
            return Ok(false);
        };
        let mut told = from;
        for row in &rows {
            if let Err(fault) = self.tell(row).await {
                // What is confirmed is not told again.
                if told > from {
                    self.store.advance_feed(from, told).await?;
                }
                return Err(fault);
            }
            told = row.seq;
        }
        debug!(target: "tonghui", n = rows.len(), "told");
        self.store.advance_feed(from, upto).await?;
        Ok(true)
    }

    async fn position(&self) -> Result<i64, Fault> {
        self.store.feed_position().await
    }
}

impl Relay<'_> {
    /// Publishes the event of a row of history.
    async fn tell(&mut self, row: &FeedRow) -> Result<(), Fault> {
        let Some(change) = self.store.change(row).await? else { return Ok(()) };
        let event = change.event().map_err(|error| {
            let what = format!("the change of demand {} cannot be written as JSON", change.id);
            Fault::stopped(what).because(error).remedy("report this defect")
        })?;
        self.publisher.publish(&event).await
    }
}
