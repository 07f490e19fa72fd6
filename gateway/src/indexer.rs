//! Builds the indexes (rows derived from the history of demands, for search and links), with one worker for
//! each index. A lease ensures that a worker runs in one process at a time.
//!
//! The workers run beside the sink without delaying it: they have connections of their own, their
//! transactions are short, and they pause for as long as they worked. After a fault, a worker waits and
//! tries again.

use std::time::{Duration, Instant};

use contract::{Fault, Retry};
use futures_util::future::join_all;
use serde::Serialize;
use sink::store::{Claim, Database, Index, IndexLag};

use crate::{
    lease::LeaseHolder,
    stop::Stop,
    walk::{Follow, WAITING_INTERVAL, Walk, seconds_since},
};

/// Waiting for an index fails after this long without progress.
const MAX_STANDSTILL: Duration = Duration::from_secs(60);
/// How often a waiting caller gets the number of rows that are left.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// How far an index is behind history.
#[derive(Debug, Serialize)]
pub(crate) struct Lag {
    pub(crate) index: Index,
    /// Number of rows of history that the index does not cover yet.
    pub(crate) rows_behind: u64,
    /// Age of the oldest of these rows: seconds since it was read from its source.
    pub(crate) seconds_behind: u64,
}

/// How far each index is behind.
pub(crate) async fn lag(store: &Database) -> Result<Vec<Lag>, Fault> {
    let lag = |IndexLag { index, rows, since }| Lag {
        index,
        rows_behind: rows,
        seconds_behind: seconds_since(since),
    };
    Ok(store.index_lag().await?.into_iter().map(lag).collect())
}

/// Maintains the indexes of `store` until stop is requested, and then for at most `grace`. When `finish`
/// is requested, it covers what history holds at that time, and returns.
pub(crate) async fn serve(store: &Database, finish: &Stop, stop: &Stop, grace: Duration) {
    let store = &store.separate_handle();
    let leases = &LeaseHolder::new(store.clone(), false);
    let workers = Index::ALL.map(|index| async move {
        let builder = Builder { index, store, finish };
        let walk = Walk { follow: builder, store, leases, finish, stop, retry: Retry::default() };
        Box::pin(walk.run()).await;
    });
    tokio::select! {
        _ = join_all(workers) => {}
        () = stop.grace_over(grace) => {}
    }
}

/// Waits until an index covers all history that exists now. If no other process maintains the index, this
/// process does. `report` is called from time to time with the number of rows that are left.
///
/// # Errors
/// The store cannot be reached, or the index makes no progress for 60 s.
pub(crate) async fn wait_until_covered(
    store: &Database,
    index: Index,
    report: impl Fn(u64),
) -> Result<(), Fault> {
    let target = store.history_end().await?;
    let leases = LeaseHolder::new(store.separate_handle(), false);
    let (mut previous, mut moved_at, mut reported_at) = (None, Instant::now(), None::<Instant>);
    loop {
        let position = store.index_position(index).await?;
        let Ok(n_left) = u64::try_from(target - position) else { return Ok(()) };
        if n_left == 0 {
            return Ok(());
        }
        if previous.replace(position) != Some(position) {
            moved_at = Instant::now();
        } else if moved_at.elapsed() > MAX_STANDSTILL {
            let name = index.name();
            return Err(Fault::transient(format!(
                "index `{name}` makes no progress; {n_left} rows of history are missing from it"
            ))
            .remedy(
                "look for a gateway process that hangs, or for an open transaction in the database",
            ));
        }
        if reported_at.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            reported_at = Some(Instant::now());
            report(n_left);
        }
        if let Claim::Ours(lease) = leases.claim(&lease_name(index)).await? {
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

/// Builds one index.
struct Builder<'a> {
    index: Index,
    store: &'a Database,
    finish: &'a Stop,
}

impl Follow for Builder<'_> {
    fn lease(&self) -> String {
        lease_name(self.index)
    }

    async fn step(&mut self) -> Result<bool, Fault> {
        let began = Instant::now();
        let has_indexed = self.store.index_batch(self.index).await?;
        if has_indexed {
            self.finish.or_sleep(began.elapsed()).await;
        }
        Ok(has_indexed)
    }

    async fn position(&self) -> Result<i64, Fault> {
        self.store.index_position(self.index).await
    }
}

/// The name of the lease of an index. It contains a space, so it is not the name of an upstream.
fn lease_name(index: Index) -> String {
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

    /// A store with demands of two persons, as a sink leaves it: nothing is indexed.
    async fn loaded_store() -> (TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        keep(&store, 1, 1_200).await;
        (folder, store)
    }

    async fn keep(store: &Database, read_no: u64, n: u32) {
        let record = |n: u32| -> RawRecord {
            let body = json!({ "person": format!("t{}", n % 2), "text": "same" });
            sample::with_body(&format!("{read_no}-{n}"), Revision::NONE, body)
        };
        let read = sample::read(read_no, (0..n).map(record));
        store.store(&sample::intake([&read])).await.unwrap();
    }

    /// Number of rows of one person that the index has.
    async fn n_indexed(store: &Database) -> usize {
        store.sealed_rows_of("t1").await.unwrap().len()
    }

    #[tokio::test]
    async fn waiting_for_an_index_builds_it_if_nobody_else_does() {
        let (_folder, store) = loaded_store().await;
        assert_eq!(n_indexed(&store).await, 0);
        let reports = std::sync::Mutex::new(Vec::new());
        Box::pin(wait_until_covered(&store, Index::People, |rows| {
            reports.lock().unwrap().push(rows)
        }))
        .await
        .unwrap();
        assert_eq!((n_indexed(&store).await, reports.into_inner().unwrap()), (600, vec![1_200]));
        assert_eq!(store.leases().await.unwrap(), [], "the lease is released");
    }

    #[tokio::test]
    async fn waiting_for_an_index_leaves_it_to_the_process_that_builds_it() {
        let (_folder, store) = loaded_store().await;
        let other = LeaseHolder::new(store.clone(), false);
        let Claim::Ours(lease) = other.claim(&lease_name(Index::People)).await.unwrap() else {
            panic!("it is free");
        };
        let (waits, waiting) = tokio::sync::oneshot::channel();
        let waits = std::sync::Mutex::new(Some(waits));
        let covering = wait_until_covered(&store, Index::People, |_| {
            waits.lock().unwrap().take().unwrap().send(()).unwrap();
        });
        let work = async {
            waiting.await.unwrap();
            keep(&store, 2, 2).await; // the caller does not wait for this
            assert_eq!(n_indexed(&store).await, 0);
            while store.index_batch(Index::People).await.unwrap() {}
        };
        let (covered, _) = tokio::join!(covering, other.hold(&lease, work));
        covered.unwrap();
        assert_eq!(n_indexed(&store).await, 601);
    }

    #[tokio::test]
    async fn everything_stored_is_covered_before_a_run_ends() {
        let (_folder, store) = loaded_store().await;
        let (finish, stop) = (Stop::default(), Stop::default());
        finish.request();
        serve(&store, &finish, &stop, GRACE).await;
        let lags = lag(&store).await.unwrap();
        assert!(lags.iter().all(|lag| lag.rows_behind == 0), "{lags:?}");
        assert_eq!(store.leases().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_history() {
        let (_folder, store) = loaded_store().await;
        let (finish, stop) = (Stop::default(), Stop::default());
        stop.request();
        serve(&store, &finish, &stop, GRACE).await;
        let lags = lag(&store).await.unwrap();
        assert!(lags.iter().all(|lag| lag.rows_behind == 1_200), "{lags:?}");
    }

    #[tokio::test]
    async fn an_index_that_another_process_builds_is_left_to_it() {
        let (_folder, store) = loaded_store().await;
        let other = LeaseHolder::new(store.clone(), false);
        let mut leases = Vec::new();
        for index in Index::ALL {
            let Claim::Ours(lease) = other.claim(&lease_name(index)).await.unwrap() else {
                panic!("it is free");
            };
            leases.push(lease);
        }
        let (finish, stop) = (Stop::default(), Stop::default());
        finish.request();
        serve(&store, &finish, &stop, GRACE).await;
        assert_eq!(lag(&store).await.unwrap()[0].rows_behind, 1_200);
        assert_eq!(store.leases().await.unwrap().len(), leases.len());
    }
}
