//! Holds the lease of an upstream while its channels are read.
//!
//! A lease that cannot be renewed in time is given up before it expires, and the work under it is
//! dropped. If that happens too late (the machine was suspended), the fence of the next holder makes
//! every write of the earlier one fail.

use std::{future::Future, time::Duration};

use connector_wire::gate::Limits;
use contract::Fault;
use futures_util::FutureExt as _;
use sink::store::{Claim, Database, Holding, Lease};
use tokio::time::Instant;
use tracing::warn;

use crate::instance;

/// How long a lease is valid unless it is renewed.
const PERIOD: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// A holder that could not renew its lease stops this long before it expires.
const SAFETY_MARGIN: Duration = Duration::from_secs(3);

/// Claims and renews leases in the name of this process.
#[derive(Debug, Clone)]
pub struct LeaseHolder {
    store: Database,
    me: String,
    serves: bool,
}

impl LeaseHolder {
    /// `serves`: whether this process answers requests, as a service does and a single run does not.
    pub fn new(store: Database, serves: bool) -> Self {
        Self { store, me: instance::this_process(), serves }
    }

    /// Claims the lease of `upstream`; takes it over from a process of this machine that has ended.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn claim(&self, upstream: &str) -> Result<Claim, Fault> {
        match self.claim_for(upstream, None).await? {
            Claim::Held(Holding { holder, fence, .. }) if instance::is_gone(&holder) => {
                self.claim_for(upstream, Some(fence)).await
            }
            claim => Ok(claim),
        }
    }

    /// Like [`LeaseHolder::hold`] for work that sends requests to the upstream: the day's requests are
    /// recorded on the lease within `limits`.
    pub async fn during<T>(
        &self,
        lease: &Lease,
        limits: &Limits,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.start_counting(lease, limits).await;
        let work = async {
            let done = work.await;
            self.stop_counting(lease, limits).await;
            done
        };
        self.hold(lease, work).await
    }

    /// Does `work` under the lease, then releases it. `None` if the lease was lost: the work was dropped.
    pub async fn hold<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            done = work => Some(done),
            () = self.lost(lease) => None,
        };
        if done.is_some()
            && let Err(fault) = self.store.release_lease(lease).await
        {
            let wait = "another process can take it over in 15 s";
            report(lease, "cannot release the lease", &fault, PERIOD, wait);
        }
        done
    }

    /// Counts what other holders, or this process earlier, have sent today.
    async fn start_counting(&self, lease: &Lease, limits: &Limits) {
        if let Some((day, n_requests)) = lease.last_requests {
            limits.restore(day, n_requests);
        }
        let (store, lease) = (self.store.clone(), lease.clone());
        let book = move |day, n_requests| {
            let (store, lease) = (store.clone(), lease.clone());
            async move { store.book_requests(&lease, day, n_requests).await }.boxed()
        };
        limits.book_with(Some(Box::new(book))).await;
    }

    /// Gives back the requests that were recorded and not sent: the next holder may send them.
    async fn stop_counting(&self, lease: &Lease, limits: &Limits) {
        limits.book_with(None).await;
        let Some((day, n_requests)) = limits.booked_today() else { return };
        if let Err(fault) = self.store.book_requests(lease, day, n_requests).await {
            let wait = "some of today's requests stay unused";
            report(lease, "cannot record the requests sent", &fault, Duration::ZERO, wait);
        }
    }

    async fn claim_for(&self, upstream: &str, expired: Option<u64>) -> Result<Claim, Fault> {
        self.store.claim_lease(upstream, &self.me, self.serves, PERIOD, expired).await
    }

    /// Keeps renewing; returns when the lease is lost.
    async fn lost(&self, lease: &Lease) {
        let mut safe_until = Instant::now() + PERIOD - SAFETY_MARGIN;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            // Counted from before the request: the earliest expiry that the answer can mean.
            let asked = Instant::now();
            let renewing = self.store.renew_lease(lease, PERIOD);
            match tokio::time::timeout_at(safe_until, renewing).await {
                Ok(Ok(true)) => safe_until = asked + PERIOD - SAFETY_MARGIN,
                Ok(Ok(false)) => {
                    let upstream = &lease.upstream;
                    warn!(
                        upstream,
                        "another process has taken over the lease; its channels stop here"
                    );
                    return;
                }
                Ok(Err(fault)) if Instant::now() < safe_until => {
                    report(lease, "cannot renew the lease", &fault, RENEW_EVERY, "retry in 4 s");
                }
                Ok(Err(_)) | Err(_) => {
                    let upstream = &lease.upstream;
                    warn!(upstream, "the lease was not renewed in time; its channels stop here");
                    return;
                }
            }
        }
    }
}

/// Logs a failed operation on a lease; `next` says what happens now, after `wait`.
fn report(lease: &Lease, what: &str, fault: &Fault, wait: Duration, next: &str) {
    let (upstream, kind, wait_ms) = (&lease.upstream, fault.kind().name(), wait.as_millis());
    warn!(upstream, kind, wait_ms, "{what}: {fault}; {next}");
}
