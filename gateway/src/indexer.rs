//! Builds the indexes behind the sink: one worker for each index, in one process at a time, by a lease.
//!
//! It runs where the sink runs and never delays it: it has connections of its own, its transactions are
//! short, and it pauses for as long as it worked. A fault is logged and retried; the rows not yet covered
//! show up as lag.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use contract::{Fault, Retry};
use futures_util::{FutureExt as _, future::join_all};
use serde::Serialize;
use sink::store::{Claim, Database, Index, IndexLag};

use crate::{clock, lease::LeaseHolder, log, stop::Stop, supervise::panicked};

/// How often an idle worker checks for new history, or tries to claim its lease.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);
/// The same while a caller waits for the index.
const WAITING_INTERVAL: Duration = Duration::from_millis(50);
/// Waiting for an index fails after this long without progress.
const MAX_STANDSTILL: Duration = Duration::from_secs(60);
/// How often a waiting caller is told how many rows are left.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How far an index is behind history.
#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    pub(crate) index: Index,
    pub(crate) rows_behind: u64,
    /// Age of the oldest of these rows: seconds since it was read from its source.
    pub(crate) seconds_behind: u64,
}

/// How far each index is behind.
pub(crate) async fn lag(store: &Database) -> Result<Vec<Lag>, Fault> {
    let lag = |IndexLag { index, rows, since }| {
        let age = since.map_or(0, |since| (clock::now() - since).num_seconds());
        Lag { index, rows_behind: rows, seconds_behind: u64::try_from(age).unwrap_or(0) }
    };
    Ok(store.index_lag().await?.into_iter().map(lag).collect())
}

/// Maintains the indexes of `store` until stop is requested, and for at most `grace` after. Once `kept`
/// is requested, it covers what history holds by then and ends.
pub(crate) async fn serve(store: &Database, kept: &Stop, stop: &Stop, grace: Duration) {
    let store = &store.separate_handle();
    let leases = &LeaseHolder::new(store.clone(), false);
    let workers = Index::ALL.map(|index| async move {
        let worker = Worker { index, store, leases, kept, stop, retry: Retry::default() };
        Box::pin(worker.run()).await;
    });
    tokio::select! {
        _ = join_all(workers) => {}
        () = stop.overdue(grace) => {}
    }
}

/// Waits until an index covers all history that exists now; if no other process maintains it, this one
/// does. `waiting` is called with the number of rows left.
///
/// # Errors
/// The store is away, or the index makes no progress for 60 s.
pub(crate) async fn cover(
    store: &Database,
    index: Index,
    waiting: impl Fn(u64),
) -> Result<(), Fault> {
    let target = store.history_end().await?;
    let leases = LeaseHolder::new(store.separate_handle(), false);
    let (mut known, mut moved_at, mut reported_at) = (None, Instant::now(), None::<Instant>);
    loop {
        let position = store.index_position(index).await?;
        let Ok(left) = u64::try_from(target - position) else { return Ok(()) };
        if left == 0 {
            return Ok(());
        }
        if known.replace(position) != Some(position) {
            moved_at = Instant::now();
        } else if moved_at.elapsed() > MAX_STANDSTILL {
            let name = index.name();
            return Err(Fault::transient(format!(
                "index `{name}` makes no progress; {left} rows of history are missing from it"
            ))
            .remedy(
                "look for a gateway process that hangs, or for an open transaction in the database",
            ));
        }
        if reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            reported_at = Some(Instant::now());
            waiting(left);
        }
        if let Claim::Ours(lease) = leases.claim(&lease_of(index)).await? {
            let work = async {
                let began = Instant::now();
                while began.elapsed() < REPORT_INTERVAL
                    && store.index_position(index).await? < target
                    && store.index_batch(index).await?
                {}
                Ok(())
            };
            // If the lease was lost, its new holder continues.
            Box::pin(leases.hold(&lease, work)).await.unwrap_or(Ok(()))?;
        }
        tokio::time::sleep(WAITING_INTERVAL).await;
    }
}

struct Worker<'a> {
    index: Index,
    store: &'a Database,
    leases: &'a LeaseHolder,
    kept: &'a Stop,
    stop: &'a Stop,
    retry: Retry,
}

impl Worker<'_> {
    async fn run(mut self) {
        let lease = lease_of(self.index);
        while !self.stop.is_requested() {
            let fault = match self.leases.claim(&lease).await {
                Ok(Claim::Ours(lease)) => {
                    let leases = self.leases;
                    let work = AssertUnwindSafe(self.work()).catch_unwind();
                    match Box::pin(leases.hold(&lease, work)).await {
                        Some(Ok(Ok(()))) => return,
                        Some(Ok(Err(fault))) => fault,
                        Some(Err(_)) => panicked(),
                        None => continue,
                    }
                }
                // Its holder also covers what this process stored.
                Ok(Claim::Held(_) | Claim::Lost) if self.kept.is_requested() => return,
                Ok(Claim::Held(_) | Claim::Lost) => {
                    self.kept.or_sleep(IDLE_INTERVAL).await;
                    continue;
                }
                Err(fault) => fault,
            };
            let wait = self.retry.wait(fault.kind());
            log::retry(None, &fault.at(lease.clone()), wait);
            if self.kept.is_requested() {
                return; // the next process continues
            }
            self.kept.or_sleep(wait).await;
        }
    }

    /// Covers history until stop is requested, or until everything stored before `kept` is covered.
    async fn work(&mut self) -> Result<(), Fault> {
        let Self { index, store, kept, stop, .. } = *self;
        let mut target = None;
        while !stop.is_requested() {
            if target.is_none() && kept.is_requested() {
                target = Some(store.history_end().await?);
            }
            let began = Instant::now();
            if store.index_batch(index).await? {
                self.retry.reset();
                kept.or_sleep(began.elapsed()).await;
                continue;
            }
            match target {
                None => kept.or_sleep(IDLE_INTERVAL).await,
                Some(target) if store.index_position(index).await? >= target => break,
                Some(_) => stop.or_sleep(WAITING_INTERVAL).await,
            }
        }
        Ok(())
    }
}

/// Names of upstreams have no spaces, so this is none of theirs.
fn lease_of(index: Index) -> String {
    format!("index {}", index.name())
}

#[cfg(test)]
mod tests {
    use contract::{RawRecord, Revision, Store as _};
    use serde_json::json;
    use sink::store::{Access, Sqlite, suite::sample};
    use tempfile::TempDir;

    use super::*;

    const GRACE: Duration = Duration::from_secs(20);

    /// A store with demands of two persons, as a sink leaves it.
    async fn loaded() -> (TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        keep(&store, 1, 1_200).await;
        (folder, store)
    }

    async fn keep(store: &Database, read_no: u64, n: u32) {
        let of = |n: u32| -> RawRecord {
            let body = json!({ "person": format!("t{}", n % 2), "text": "same" });
            sample::with_body(&format!("{read_no}-{n}"), Revision::NONE, body)
        };
        let read = sample::read(read_no, (0..n).map(of));
        store.store(&sample::intake([&read])).await.unwrap();
    }

    async fn found(store: &Database) -> usize {
        store.sealed_rows_of("t1").await.unwrap().len()
    }

    #[tokio::test]
    async fn waiting_for_an_index_builds_it_if_nobody_else_does() {
        let (_folder, store) = loaded().await;
        assert_eq!(found(&store).await, 0);
        let told = std::sync::Mutex::new(Vec::new());
        Box::pin(cover(&store, Index::People, |rows| told.lock().unwrap().push(rows)))
            .await
            .unwrap();
        assert_eq!((found(&store).await, told.into_inner().unwrap()), (600, vec![1_200]));
        assert_eq!(store.leases().await.unwrap(), [], "the lease is released");
    }

    #[tokio::test]
    async fn waiting_for_an_index_leaves_it_to_the_process_that_builds_it() {
        let (_folder, store) = loaded().await;
        let other = LeaseHolder::new(store.clone(), false);
        let Claim::Ours(lease) = other.claim(&lease_of(Index::People)).await.unwrap() else {
            panic!("it is free");
        };
        let (waits, waiting) = tokio::sync::oneshot::channel();
        let waits = std::sync::Mutex::new(Some(waits));
        let covering = cover(&store, Index::People, |_| {
            waits.lock().unwrap().take().unwrap().send(()).unwrap();
        });
        let work = async {
            waiting.await.unwrap();
            keep(&store, 2, 2).await; // later than what is waited for
            assert_eq!(found(&store).await, 0);
            while store.index_batch(Index::People).await.unwrap() {}
        };
        let (covered, _) = tokio::join!(covering, other.hold(&lease, work));
        covered.unwrap();
        assert_eq!(found(&store).await, 601);
    }

    #[tokio::test]
    async fn everything_stored_is_covered_before_a_run_ends() {
        let (_folder, store) = loaded().await;
        let (kept, stop) = (Stop::default(), Stop::default());
        kept.request();
        serve(&store, &kept, &stop, GRACE).await;
        let lags = lag(&store).await.unwrap();
        assert!(lags.iter().all(|lag| lag.rows_behind == 0), "{lags:?}");
        assert_eq!(store.leases().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_history() {
        let (_folder, store) = loaded().await;
        let (kept, stop) = (Stop::default(), Stop::default());
        stop.request();
        serve(&store, &kept, &stop, GRACE).await;
        let lags = lag(&store).await.unwrap();
        assert!(lags.iter().all(|lag| lag.rows_behind == 1_200), "{lags:?}");
    }

    #[tokio::test]
    async fn an_index_that_another_process_builds_is_left_to_it() {
        let (_folder, store) = loaded().await;
        let other = LeaseHolder::new(store.clone(), false);
        let mut leases = Vec::new();
        for index in Index::ALL {
            let Claim::Ours(lease) = other.claim(&lease_of(index)).await.unwrap() else {
                panic!("it is free");
            };
            leases.push(lease);
        }
        let (kept, stop) = (Stop::default(), Stop::default());
        kept.request();
        serve(&store, &kept, &stop, GRACE).await;
        assert_eq!(lag(&store).await.unwrap()[0].rows_behind, 1_200);
        assert_eq!(store.leases().await.unwrap().len(), leases.len());
    }
}
