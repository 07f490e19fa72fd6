//! Goes through the history of demands, behind the sink: for the indexes, and for the change feed. A lease ensures that
//! this happens in one process at a time. After a fault, it waits and tries again.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use contract::{Fault, Retry, Timestamp};
use futures_util::FutureExt as _;
use sink::store::{Claim, Database};

use crate::{clock, lease::LeaseHolder, log, stop::Stop, supervise::panic_fault};

/// How often an idle walk checks for new history, or tries to claim its lease.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// How often progress is checked while a caller or a stop waits for it.
pub(crate) const WAITING_INTERVAL: Duration = Duration::from_millis(50);

/// What is done with history, and how far it is done.
pub(crate) trait Follow {
    /// The name of its lease. It contains a blank, so it is not the name of an upstream.
    fn lease(&self) -> String;

    /// Does the next stretch of history and stores the new position; false if there is nothing to do.
    fn step(&mut self) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// The number of the row of history up to which everything is done.
    fn position(&self) -> impl Future<Output = Result<i64, Fault>> + Send;
}

/// Follows history.
pub(crate) struct Walk<'a, F> {
    pub(crate) follow: F,
    pub(crate) store: &'a Database,
    pub(crate) leases: &'a LeaseHolder,
    /// Requests that it ends once it has done the history that exists at that time.
    pub(crate) finish: &'a Stop,
    /// Requests that it ends now.
    pub(crate) stop: &'a Stop,
    pub(crate) retry: Retry,
}

impl<F: Follow> Walk<'_, F> {
    /// Claims the lease and works under it, until `finish` or `stop` ends it.
    pub(crate) async fn run(mut self) {
        let lease = self.follow.lease();
        while !self.stop.is_requested() {
            let fault = match self.leases.claim(&lease).await {
                Ok(Claim::Ours(lease)) => {
                    let leases = self.leases;
                    let work = AssertUnwindSafe(self.work()).catch_unwind();
                    match Box::pin(leases.hold(&lease, work)).await {
                        Some(Ok(Ok(()))) => return,
                        Some(Ok(Err(fault))) => fault,
                        Some(Err(_)) => panic_fault(),
                        None => continue,
                    }
                }
                // The holder of the lease also does what this process stored.
                Ok(Claim::Held(_) | Claim::Lost) if self.finish.is_requested() => return,
                Ok(Claim::Held(_) | Claim::Lost) => {
                    self.finish.or_sleep(IDLE_INTERVAL).await;
                    continue;
                }
                Err(fault) => fault,
            };
            let wait = self.retry.wait(fault.kind());
            log::retry(None, &fault.at(lease.clone()), wait);
            if self.finish.is_requested() {
                return; // the next process continues
            }
            self.finish.or_sleep(wait).await;
        }
    }

    /// Follows history until stop is requested, or until everything is done that was stored before `finish` was
    /// requested.
    async fn work(&mut self) -> Result<(), Fault> {
        let Self { follow, store, finish, stop, retry, .. } = self;
        let mut target = None;
        while !stop.is_requested() {
            if target.is_none() && finish.is_requested() {
                target = Some(store.history_end().await?);
            }
            if follow.step().await? {
                retry.reset();
                continue;
            }
            match target {
                None => finish.or_sleep(IDLE_INTERVAL).await,
                Some(target) if follow.position().await? >= target => break,
                Some(_) => stop.or_sleep(WAITING_INTERVAL).await,
            }
        }
        Ok(())
    }
}

/// The seconds that have passed since then; 0 if there is no such time.
pub(crate) fn seconds_since(since: Option<Timestamp>) -> u64 {
    let age = since.map_or(0, |since| (clock::now() - since).num_seconds());
    u64::try_from(age).unwrap_or(0)
}
