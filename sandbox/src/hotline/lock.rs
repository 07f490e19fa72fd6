//! Holding the database locked, as a nightly job of the real one does.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::hotline::Hotline;

/// The database stays locked while this lives; dropping it unlocks a moment later,
/// [`release`](Self::release) at once.
#[derive(Debug)]
#[must_use]
pub struct LockGuard {
    connection: SqliteConnection,
}

impl Hotline {
    /// Locks the database against writing: the reader's acknowledgement waits for its busy timeout
    /// and fails (`database is locked`), and this simulator's own methods wait too. Reading goes on,
    /// as it does in the real databases, whose readers do not wait for writers either.
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
    use crate::hotline::town::town;

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
