//! Holding the lease of an upstream while its channels are read.
//!
//! A lease that cannot be renewed in time is given up before it ends, and what was under way is
//! dropped. Should that come too late (a machine that slept), the fence of the next holder makes
//! everything fail that the earlier one still tries.

use std::{future::Future, time::Duration};

use connector_wire::gate::Limits;
use contract::Fault;
use futures_util::FutureExt as _;
use sink::store::{Claim, Database, Holding, Lease};
use tokio::time::Instant;
use tracing::warn;

use crate::instance::{self, Instance};

/// How long a lease lasts that is not renewed.
const PERIOD: Duration = Duration::from_secs(15);
const RENEW_EVERY: Duration = Duration::from_secs(4);
/// A holder that has not been able to renew stops this long before the end.
const MARGIN: Duration = Duration::from_secs(3);

/// Claims and keeps leases in the name of this process.
#[derive(Debug, Clone)]
pub struct LeaseHolder {
    store: Database,
    me: Instance,
    serves: bool,
}

impl LeaseHolder {
    /// For a service, which takes requests, or for a single run.
    pub fn new(store: Database, serves: bool) -> Self {
        Self { store, me: Instance::own(), serves }
    }

    /// Asks for the lease of `upstream`; takes it over from a process that is known to be gone.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn claim(&self, upstream: &str) -> Result<Claim, Fault> {
        match self.ask(upstream, None).await? {
            Claim::Held(Holding { holder, fence, .. }) if instance::is_gone(&holder) => {
                self.ask(upstream, Some(fence)).await
            }
            claim => Ok(claim),
        }
    }

    /// The same as [`LeaseHolder::hold`] for work that asks an upstream: what it asks is booked within
    /// `limits`.
    pub async fn during<T>(
        &self,
        lease: &Lease,
        limits: &Limits,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.open_books(lease, limits).await;
        let work = async {
            let done = work.await;
            self.close_books(lease, limits).await;
            done
        };
        self.hold(lease, work).await
    }

    /// Does `work` under the lease and gives it back. `None` where the lease was lost: the work was
    /// dropped.
    pub async fn hold<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> Option<T> {
        let done = tokio::select! {
            done = work => Some(done),
            () = self.lost(lease) => None,
        };
        if done.is_some()
            && let Err(fault) = self.store.release_lease(lease).await
        {
            warn!(
                "the lease of upstream {} cannot be given back: {fault}; it expires by itself",
                lease.upstream
            );
        }
        done
    }

    /// What other holders, or this process before, have sent today counts.
    async fn open_books(&self, lease: &Lease, limits: &Limits) {
        if let Some((day, n_requests)) = lease.booked {
            limits.restore(day, n_requests);
        }
        let (store, lease) = (self.store.clone(), lease.clone());
        let book = move |day, n_requests| {
            let (store, lease) = (store.clone(), lease.clone());
            async move { store.book_requests(&lease, day, n_requests).await }.boxed()
        };
        limits.book_with(Some(Box::new(book))).await;
    }

    /// What was booked and not sent may be sent by the next holder.
    async fn close_books(&self, lease: &Lease, limits: &Limits) {
        limits.book_with(None).await;
        let Some((day, n_requests)) = limits.booked_today() else { return };
        if let Err(fault) = self.store.book_requests(lease, day, n_requests).await {
            warn!(
                "the requests of upstream {} cannot be booked: {fault}; a few of today stay unused",
                lease.upstream
            );
        }
    }

    async fn ask(&self, upstream: &str, expired: Option<u64>) -> Result<Claim, Fault> {
        let (me, serves) = (self.me.as_str(), self.serves);
        self.store.claim_lease(upstream, me, serves, PERIOD, expired).await
    }

    /// Renews again and again; ends when the lease is lost.
    async fn lost(&self, lease: &Lease) {
        let mut safe_until = Instant::now() + PERIOD - MARGIN;
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            // Counted from before the question: it is the earliest end the answer can mean.
            let asked = Instant::now();
            let renewing = self.store.renew_lease(lease, PERIOD);
            match tokio::time::timeout_at(safe_until, renewing).await {
                Ok(Ok(true)) => safe_until = asked + PERIOD - MARGIN,
                Ok(Ok(false)) => {
                    warn!("another process holds the lease of upstream {} now", lease.upstream);
                    return;
                }
                Ok(Err(fault)) if Instant::now() < safe_until => {
                    warn!(
                        "the lease of upstream {} cannot be renewed: {fault}; retry in 4 s",
                        lease.upstream
                    );
                }
                Ok(Err(_)) | Err(_) => {
                    warn!(
                        "the lease of upstream {} was not renewed in time; its channels stop",
                        lease.upstream
                    );
                    return;
                }
            }
        }
    }
}
