//! Runs a hotline in real time: files demands at an even pace, changes cases and adds reminders. Also locks
//! the database.

use std::time::Duration;

use anyhow::ensure;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::hotline::{Hotline, Quirk};

/// How often [`Hotline::live`] writes.
const TICK: Duration = Duration::from_millis(200);
/// The duration of [`Quirk::Locked`]; database clients usually wait for a lock for five seconds.
const LOCK_TIME: Duration = Duration::from_secs(6);

/// How many demands [`Hotline::live`] files, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The number of demands in the first period.
    pub records: u64,
    /// The length of the first period.
    pub over: Duration,
    /// Demands per second after the first period, until the caller stops; with 0, filing ends there.
    pub then_per_second: u64,
}

impl Hotline {
    /// Files demands at this pace, until all are filed or `stop` is cancelled. For every five demands, it
    /// advances a case; for every twenty, it adds a reminder or supplement. If the hotline's clock does not
    /// follow the machine's, it advances the clock too.
    ///
    /// To end this early, cancel `stop`; do not drop the future.
    ///
    /// # Errors
    /// If the database refuses.
    pub async fn live(&self, pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
        ensure!(
            pace.records == 0 || pace.over >= TICK,
            "the first period must last 200 ms or more"
        );
        let mut interval = interval(TICK);
        // Delayed ticks follow at once, so that the average pace stays the same.
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut filed = 0;
        for tick in 1_u64.. {
            let due = pace.n_due(tick);
            if filed >= due && pace.is_over_after(tick) {
                break;
            }
            if stop.run_until_cancelled(interval.tick()).await.is_none() {
                break;
            }
            self.settings.clock.advance(TICK);
            if due == filed {
                continue;
            }
            let keys = self.file(due - filed).await?;
            if keys.is_empty() {
                break;
            }
            self.advance_random(due / 5 - filed / 5).await?;
            self.add_pressings(due / 20 - filed / 20).await?;
            filed = due;
            self.lock_if_due(keys.len(), &stop).await?;
        }
        Ok(())
    }

    /// Locks the database for six seconds if [`Quirk::Locked`] applies to one of the `n_new` newest demands.
    async fn lock_if_due(&self, n_new: usize, stop: &CancellationToken) -> anyhow::Result<()> {
        let last = self.database.lock().await.case_history.cases().len() as u64;
        let first = last + 1 - n_new as u64;
        let locks = |n| self.settings.quirks.applies(Quirk::Locked, n);
        if (first..=last).any(locks) {
            let guard = self.lock().await?;
            stop.run_until_cancelled(sleep(LOCK_TIME)).await;
            guard.release().await?;
        }
        Ok(())
    }
}

impl Pace {
    /// The number of demands that must be filed when `tick` ends.
    fn n_due(&self, tick: u64) -> u64 {
        let passed = u128::from(tick) * TICK.as_millis();
        let first = self.over.as_millis();
        let records = u128::from(self.records);
        let due = if passed < first {
            records * passed / first
        } else {
            records + u128::from(self.then_per_second) * (passed - first) / 1_000
        };
        u64::try_from(due).unwrap_or(u64::MAX)
    }

    /// Whether nothing more is to be filed after `tick`.
    fn is_over_after(&self, tick: u64) -> bool {
        let passed = u128::from(tick) * TICK.as_millis();
        self.then_per_second == 0 && passed >= self.over.as_millis() + TICK.as_millis()
    }
}

/// Keeps the database locked. [`release`](Self::release) unlocks it at once; if the guard is dropped
/// instead, the database is unlocked a little later.
#[derive(Debug)]
#[must_use]
pub struct LockGuard {
    connection: SqliteConnection,
}

impl Hotline {
    /// Locks the database against writing. A reader that sets a flag fails with `database is locked` after
    /// its busy timeout, and methods of the simulator wait. Reading is still possible, as in the real
    /// databases.
    ///
    /// # Errors
    /// If the lock is not available within thirty seconds.
    pub async fn lock(&self) -> anyhow::Result<LockGuard> {
        let options: SqliteConnectOptions = self.url().parse()?;
        let mut connection = options.busy_timeout(Duration::from_secs(30)).connect().await?;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(LockGuard { connection })
    }
}

impl LockGuard {
    /// Unlocks the database now.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn release(mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
        Ok(self.connection.close().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;

    #[test]
    fn the_pace_is_even_and_reaches_the_number_exactly() {
        let pace = Pace { records: 1_003, over: Duration::from_secs(10), then_per_second: 5 };
        assert_eq!(pace.n_due(25), 501);
        assert_eq!(pace.n_due(50), 1_003);
        assert_eq!(pace.n_due(55), 1_008);
        assert!(!pace.is_over_after(1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn live_files_all_demands_and_makes_changes_between() {
        let mut fixture = fixture("").await;
        let pace = Pace { records: 60, over: Duration::from_secs(4), then_per_second: 0 };
        fixture.hotline.live(pace, CancellationToken::new()).await.unwrap();
        assert_eq!(fixture.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 60);
        assert_eq!(fixture.column("SELECT BUSINUMBER FROM XF_PRESSING").await.len(), 3);
        let history = fixture.hotline.case_history().await.unwrap();
        let states: usize = history.cases().iter().map(|case| case.states.len()).sum();
        assert_eq!(states, 60 + 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_locked_row_holds_the_database_for_six_seconds() {
        let fixture = fixture("locked@10").await;
        let before = tokio::time::Instant::now();
        let pace = Pace { records: 10, over: Duration::from_secs(1), then_per_second: 0 };
        fixture.hotline.live(pace, CancellationToken::new()).await.unwrap();
        assert!(before.elapsed() >= LOCK_TIME);
        assert_eq!(fixture.hotline.file(1).await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_pace_ends_when_stopped() {
        let fixture = fixture("").await;
        let stop = CancellationToken::new();
        let pace = Pace { records: 0, over: Duration::ZERO, then_per_second: 20 };
        let live = fixture.hotline.live(pace, stop.clone());
        let stopper = async {
            sleep(Duration::from_secs(3)).await;
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(live, stopper);
        ended.unwrap();
        assert!(!fixture.hotline.case_history().await.unwrap().cases().is_empty());
    }

    #[tokio::test]
    async fn a_lock_stops_writing_but_not_reading() {
        let mut fixture = fixture("").await;
        fixture.hotline.file(1).await.unwrap();
        let flag = "UPDATE CNS_CINFO SET ISFETCH = 1";
        let guard = fixture.hotline.lock().await.unwrap();
        assert!(fixture.run(flag).await.unwrap_err().contains("locked"));
        assert_eq!(fixture.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 1);
        guard.release().await.unwrap();
        assert_eq!(fixture.run(flag).await, Ok(1));
    }
}
