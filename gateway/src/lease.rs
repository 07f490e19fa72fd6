//! Holds the lease of an upstream (the right of one process to read it) while its channels are read, or of
//! an index while it is built.
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

use crate::{instance, stop::Stop};

/// The lease of the running service. It is held whatever the service reads: push channels need no lease of an
/// upstream. No upstream has this name, because its name has no blanks.
const SERVICE: &str = "running service";

/// How long a lease is valid unless it is renewed.
const LEASE_PERIOD: Duration = Duration::from_secs(15);
/// How often the holder renews its lease.
const RENEW_INTERVAL: Duration = Duration::from_secs(4);
/// A holder that could not renew its lease stops this long before it expires.
const SAFETY_MARGIN: Duration = Duration::from_secs(3);

/// Claims and renews leases in the name of this process.
#[derive(Debug, Clone)]
pub struct LeaseHolder {
    store: Database,
    /// The name of this process.
    process: String,
    /// Whether this process answers requests.
    serves: bool,
}

impl LeaseHolder {
    /// A holder for this process. `serves` says whether the process answers requests: a service does, a
    /// single run does not.
    pub fn new(store: Database, serves: bool) -> Self {
        Self { store, process: instance::this_process(), serves }
    }

    /// Claims the lease of `upstream`. If its holder ran on this machine and has ended, takes it over.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn claim(&self, upstream: &str) -> Result<Claim, Fault> {
        match self.try_claim(upstream, None).await? {
            Claim::Held(Holding { holder, fence, .. }) if instance::has_ended(&holder) => {
                self.try_claim(upstream, Some(fence)).await
            }
            claim => Ok(claim),
        }
    }

    /// Like [`LeaseHolder::hold`], for work that sends requests to the upstream within `limits`. Records on
    /// the lease how many requests were sent today.
    pub async fn hold_counting<T>(
        &self,
        lease: &Lease,
        limits: &Limits,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        self.start_counting(lease, limits).await;
        let work = async {
            let result = work.await;
            self.stop_counting(lease, limits).await;
            result
        };
        self.hold(lease, work).await
    }

    /// Does `work` under the lease, then releases it. If the lease is lost, `work` is dropped and the
    /// result is `None`.
    pub async fn hold<T>(&self, lease: &Lease, work: impl Future<Output = T>) -> Option<T> {
        let result = tokio::select! {
            result = work => Some(result),
            () = self.renew_until_lost(lease) => None,
        };
        if result.is_some()
            && let Err(fault) = self.store.release_lease(lease).await
        {
            let next = "another process can take it over in 15 s";
            report(lease, "cannot release the lease", &fault, LEASE_PERIOD, next);
        }
        result
    }

    /// Holds the lease of the running service until stop is requested. While another service holds it, waits.
    pub async fn hold_service(&self, stop: &Stop) {
        while !stop.is_requested() {
            match self.claim(SERVICE).await {
                Ok(Claim::Ours(lease)) => {
                    // If it is lost, it is claimed again.
                    self.hold(&lease, stop.requested()).await;
                }
                // If the store cannot be reached, whoever reads a channel reports it.
                Ok(Claim::Held(_) | Claim::Lost) | Err(_) => stop.or_sleep(RENEW_INTERVAL).await,
            }
        }
    }

    /// Takes over the number of requests that were sent today, and records further ones on the lease.
    async fn start_counting(&self, lease: &Lease, limits: &Limits) {
        if let Some((day, n_requests)) = lease.last_requests {
            limits.restore(day, n_requests);
        }
        let (store, lease) = (self.store.clone(), lease.clone());
        let record = move |day, n_requests| {
            let (store, lease) = (store.clone(), lease.clone());
            async move { store.book_requests(&lease, day, n_requests).await }.boxed()
        };
        limits.book_with(Some(Box::new(record))).await;
    }

    /// Takes back requests that were recorded but not sent, so that the next holder can send them.
    async fn stop_counting(&self, lease: &Lease, limits: &Limits) {
        limits.book_with(None).await;
        let Some((day, n_requests)) = limits.limited_requests_today() else { return };
        if let Err(fault) = self.store.book_requests(lease, day, n_requests).await {
            let next = "some of today's requests stay unused";
            report(lease, "cannot record the requests sent", &fault, Duration::ZERO, next);
        }
    }

    /// Claims the lease if it is free or has expired. With `expired`, a lease with this
    /// fence counts as expired.
    async fn try_claim(&self, upstream: &str, expired: Option<u64>) -> Result<Claim, Fault> {
        self.store.claim_lease(upstream, &self.process, self.serves, LEASE_PERIOD, expired).await
    }

    /// Keeps renewing the lease; returns when it is lost.
    async fn renew_until_lost(&self, lease: &Lease) {
        let upstream = &lease.upstream;
        let mut safe_until = Instant::now() + LEASE_PERIOD - SAFETY_MARGIN;
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            // Measured before the request, so the lease cannot expire earlier than assumed.
            let requested_at = Instant::now();
            let renewing = self.store.renew_lease(lease, LEASE_PERIOD);
            match tokio::time::timeout_at(safe_until, renewing).await {
                Ok(Ok(true)) => safe_until = requested_at + LEASE_PERIOD - SAFETY_MARGIN,
                Ok(Ok(false)) => {
                    warn!(upstream, "another process took the lease; the work that needs it stops");
                    return;
                }
                Ok(Err(fault)) if Instant::now() < safe_until => {
                    report(lease, "cannot renew the lease", &fault, RENEW_INTERVAL, "retry in 4 s");
                }
                Ok(Err(_)) | Err(_) => {
                    warn!(upstream, "the lease was not renewed; the work that needs it stops");
                    return;
                }
            }
        }
    }
}

/// Whether a service that uses this store is running. One that was killed on this machine is not.
///
/// # Errors
/// The store cannot be reached.
pub async fn is_service_running(store: &Database) -> Result<bool, Fault> {
    let leases = store.leases().await?;
    Ok(leases.iter().any(|lease| lease.serves && !instance::has_ended(&lease.holder)))
}

/// Logs a failed operation on a lease; `next` says what will happen after `wait`.
fn report(lease: &Lease, what: &str, fault: &Fault, wait: Duration, next: &str) {
    let (upstream, kind, wait_ms) = (&lease.upstream, fault.kind().name(), wait.as_millis());
    warn!(upstream, kind, wait_ms, "{what}: {fault}; {next}");
}

#[cfg(test)]
mod tests {
    use sink::store::{Access, Sqlite};

    use super::*;

    #[tokio::test]
    async fn a_service_that_reads_no_upstream_is_found_until_it_stops() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        assert!(!is_service_running(&store).await.unwrap());
        let (leases, stop) = (LeaseHolder::new(store.separate_handle(), true), Stop::default());
        let found = async {
            while !is_service_running(&store).await.unwrap() {
                tokio::task::yield_now().await;
            }
            stop.request();
        };
        tokio::join!(leases.hold_service(&stop), found);
        assert_eq!(store.leases().await.unwrap(), [], "the lease is released");

        // A service that was killed leaves its lease behind.
        let me = instance::this_process();
        let words: Vec<&str> = me.split(' ').collect();
        let killed = format!("{} {} 1 {}", words[0], words[1], words[3]);
        let claim = store.claim_lease(SERVICE, &killed, true, LEASE_PERIOD, None).await.unwrap();
        assert!(matches!(claim, Claim::Ours(_)), "{claim:?}");
        assert!(!is_service_running(&store).await.unwrap());
    }
}
