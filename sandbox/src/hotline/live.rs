//! A hotline in real time: demands are filed evenly, cases change, people call again.

use std::time::Duration;

use anyhow::ensure;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::hotline::{Hotline, Quirk};

/// How often the simulator writes.
const TICK: Duration = Duration::from_millis(200);
/// Longer than the five seconds a database client usually waits for a lock.
const LOCKED_FOR: Duration = Duration::from_secs(6);

/// How fast demands come in.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Demands of the first period.
    pub records: u64,
    /// Length of the first period.
    pub over: Duration,
    /// Demands per second after that, without end; 0 to stop there.
    pub then_per_second: u64,
}

impl Hotline {
    /// Files demands at this pace until all are filed or `stop` is cancelled. For every five
    /// demands an existing case changes, for every twenty one is urged. A driven clock is advanced
    /// as well.
    ///
    /// Nothing continues in the background after this future has ended. End it with `stop`; do not
    /// drop it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn live(&self, pace: Pace, stop: CancellationToken) -> anyhow::Result<()> {
        ensure!(
            pace.records == 0 || pace.over >= TICK,
            "the first stretch must last 200 ms or more"
        );
        let mut interval = interval(TICK);
        // A late tick is made up for, so that the average pace is kept.
        interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut filed = 0;
        for tick in 1_u64.. {
            let due = pace.due(tick);
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
            let new = self.file(due - filed).await?;
            if new.is_empty() {
                break;
            }
            self.touch(due / 5 - filed / 5).await?;
            self.urge(due / 20 - filed / 20).await?;
            filed = due;
            self.lock_if_due(new.len(), &stop).await?;
        }
        Ok(())
    }

    async fn lock_if_due(&self, new: usize, stop: &CancellationToken) -> anyhow::Result<()> {
        let last = self.database.lock().await.oracle.cases().len() as u64;
        let first = last + 1 - new as u64;
        let locks = |n| self.settings.faults.strikes(Quirk::Locked, n);
        if (first..=last).any(locks) {
            let guard = self.lock().await?;
            stop.run_until_cancelled(sleep(LOCKED_FOR)).await;
            guard.release().await?;
        }
        Ok(())
    }
}

impl Pace {
    /// Demands that should have been filed when `tick` is done.
    fn due(&self, tick: u64) -> u64 {
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

    fn is_over_after(&self, tick: u64) -> bool {
        let passed = u128::from(tick) * TICK.as_millis();
        self.then_per_second == 0 && passed >= self.over.as_millis() + TICK.as_millis()
    }
}

/// Keeps the database locked. Dropping it unlocks a little later, [`release`](Self::release) at
/// once.
#[derive(Debug)]
#[must_use]
pub struct LockGuard {
    connection: SqliteConnection,
}

impl Hotline {
    /// Locks the database against writing: the reader's acknowledgement waits for its busy timeout
    /// and fails (`database is locked`), and the simulator's own methods wait too. Reading is
    /// possible, as in the real databases, whose readers do not wait for writers.
    ///
    /// # Errors
    /// When the lock cannot be had within thirty seconds.
    pub async fn lock(&self) -> anyhow::Result<LockGuard> {
        let options: SqliteConnectOptions = self.url().parse()?;
        let mut connection = options.busy_timeout(Duration::from_secs(30)).connect().await?;
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(LockGuard { connection })
    }
}

impl LockGuard {
    /// Unlocks now.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn release(mut self) -> anyhow::Result<()> {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await?;
        Ok(self.connection.close().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::town;

    #[test]
    fn the_pace_is_even_and_reaches_the_number_exactly() {
        let pace = Pace { records: 1_003, over: Duration::from_secs(10), then_per_second: 5 };
        assert_eq!(pace.due(25), 501);
        assert_eq!(pace.due(50), 1_003);
        assert_eq!(pace.due(55), 1_008);
        assert!(!pace.is_over_after(1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn live_files_all_demands_and_makes_changes_between() {
        let mut town = town("").await;
        let pace = Pace { records: 60, over: Duration::from_secs(4), then_per_second: 0 };
        town.hotline.live(pace, CancellationToken::new()).await.unwrap();
        assert_eq!(town.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 60);
        assert_eq!(town.column("SELECT BUSINUMBER FROM XF_PRESSING").await.len(), 3);
        let oracle = town.hotline.oracle().await.unwrap();
        let states: usize = oracle.cases().iter().map(|case| case.states.len()).sum();
        assert_eq!(states, 60 + 12);
    }

    #[tokio::test(start_paused = true)]
    async fn a_locked_row_holds_the_database_for_six_seconds() {
        let town = town("locked@10").await;
        let before = tokio::time::Instant::now();
        let pace = Pace { records: 10, over: Duration::from_secs(1), then_per_second: 0 };
        town.hotline.live(pace, CancellationToken::new()).await.unwrap();
        assert!(before.elapsed() >= LOCKED_FOR);
        assert_eq!(town.hotline.file(1).await.unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endless_pace_ends_when_stopped() {
        let town = town("").await;
        let stop = CancellationToken::new();
        let pace = Pace { records: 0, over: Duration::ZERO, then_per_second: 20 };
        let live = town.hotline.live(pace, stop.clone());
        let stopper = async {
            sleep(Duration::from_secs(3)).await;
            stop.cancel();
        };
        let (ended, ()) = tokio::join!(live, stopper);
        ended.unwrap();
        assert!(!town.hotline.oracle().await.unwrap().cases().is_empty());
    }

    #[tokio::test]
    async fn a_lock_stops_writing_but_not_reading() {
        let mut town = town("").await;
        town.hotline.file(1).await.unwrap();
        let flag = "UPDATE CNS_CINFO SET ISFETCH = 1";
        let guard = town.hotline.lock().await.unwrap();
        assert!(town.run(flag).await.unwrap_err().contains("locked"));
        assert_eq!(town.column("SELECT ROWGUID FROM CNS_CINFO").await.len(), 1);
        guard.release().await.unwrap();
        assert_eq!(town.run(flag).await, Ok(1));
    }
}
