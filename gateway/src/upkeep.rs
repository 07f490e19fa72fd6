//! Store maintenance: once an hour, the process that runs the sink folds old books into daily totals and
//! drops history past its retention.

use std::time::Duration;

use chrono::TimeDelta;
use config::Settings;
use contract::{Fault, Timestamp};
use sink::store::Database;
use tracing::{info, warn};

use crate::{clock, stop::Stop, store_mark};

/// Pause between two runs.
const INTERVAL: Duration = Duration::from_hours(1);

/// Age at which the reads in the books are folded into daily totals, and requests are deleted. Messages of
/// older reads are no longer in flight, because no broker keeps a message for that long. Exchanges that
/// failed and the accounts of passes are deleted at this age too.
const DETAIL_RETENTION: Duration = Duration::from_hours(30 * 24);

/// Time after which a process that is not seen any more is forgotten.
const PROCESS_RETENTION: Duration = Duration::from_hours(24);

/// Maintains `store` until stop is requested.
pub(crate) async fn serve(settings: &Settings, store: &Database, stop: &Stop) {
    while !stop.is_requested() {
        let once = async {
            let work = async {
                store_mark::renew(settings, store).await?;
                prune(store, settings.history, clock::now()).await
            };
            if let Err(fault) = Box::pin(work).await {
                let (kind, wait_ms) = (fault.kind().name(), INTERVAL.as_millis());
                warn!(kind, wait_ms, "store maintenance failed: {fault}; retry in 1 h");
            }
        };
        stop.run_until_requested(once).await;
        stop.or_sleep(INTERVAL).await;
    }
}

/// Does the maintenance once; `history` is the retention of earlier states.
async fn prune(store: &Database, history: Option<Duration>, now: Timestamp) -> Result<(), Fault> {
    store.forget_requests(DETAIL_RETENTION).await?;
    store.forget_processes(PROCESS_RETENTION).await?;
    store.forget_failed_exchanges(Some(now - DETAIL_RETENTION)).await?;
    store.forget_passes(now - DETAIL_RETENTION).await?;
    let mut folded = 0;
    loop {
        match store.fold_books(now - DETAIL_RETENTION).await? {
            0 => break,
            n => folded += n,
        }
    }
    if folded > 0 {
        info!(reads = folded, "folded old reads into daily totals");
    }
    // A retention that is longer than the calendar drops nothing.
    let length = history.and_then(|history| TimeDelta::from_std(history).ok());
    if let Some(before) = length.and_then(|length| now.checked_sub_signed(length))
        && store.drop_before(before).await?
    {
        info!(%before, "dropped history past its retention");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::{Checkpoints as _, Store as _};
    use sink::store::{Access, Sqlite, suite::sample};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);

    #[tokio::test]
    async fn the_last_answer_before_a_fault_is_kept_for_a_month() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        let (channel, at) = (sample::hotline(), sample::at(0));
        let exchange = contract::SealedBytes(vec![1]);
        store.keep_exchange(&channel, &exchange, at).await.unwrap();
        for (days, is_kept) in [(29, true), (31, false)] {
            prune(&store, None, at + days * DAY).await.unwrap();
            let kept = store.failed_exchange(&channel).await.unwrap();
            assert_eq!(kept.is_some(), is_kept, "after {days} days");
        }
    }

    #[tokio::test]
    async fn old_books_are_folded_old_history_is_dropped_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.db");
        let store = Database::Sqlite(Sqlite::open(file, Access::ReadWrite).await.unwrap());
        let month = 30 * 24 * 60; // in minutes; there is one read each minute
        for (read_no, text) in [(1, "first"), (month, "second")] {
            let from = store.load(&sample::hotline(), 0).await.unwrap();
            let read = sample::read_from(from, read_no, [sample::record("a", text)]);
            store.store(&sample::intake([&read])).await.unwrap();
            store.advance(&sample::confirm(read).await).await.unwrap();
        }
        let books = store.books(None, None).await.unwrap();
        let states = async || store.history(&sample::id("a")).await.unwrap().len();
        let days = |days| sample::at(0) + days * DAY;

        prune(&store, None, days(59)).await.unwrap();
        assert_eq!(states().await, 2);
        prune(&store, Some(Duration::MAX), days(59)).await.unwrap();
        assert_eq!(states().await, 2, "nothing is as old as that");
        prune(&store, Some(31 * DAY), days(59)).await.unwrap();
        assert_eq!(states().await, 1);
        let current = store.demand(&sample::id("a")).await.unwrap().unwrap();
        assert_eq!(current.demand.body.content.as_deref(), Some("second"));
        assert_eq!(store.fold_books(days(29)).await.unwrap(), 0, "it was folded before");
        assert_eq!(store.fold_books(days(31)).await.unwrap(), 1);
        assert_eq!(store.books(None, None).await.unwrap(), books);
    }
}
