//! Drops history and original records of months that have ended.

use chrono::{Datelike as _, NaiveTime};
use contract::{Fault, Timestamp};
use sqlx::AssertSqlSafe;

use super::{Sqlite, iso};

/// Rows of one transaction: a sink waits until it ends.
const ROWS: u32 = 2_000;

impl Sqlite {
    /// As [`Database::drop_before`]. Rows are looked at in the order of their numbers, which is about
    /// the order of their times: an old row behind many newer ones stays until they go.
    ///
    /// [`Database::drop_before`]: crate::store::Database::drop_before
    pub(in crate::store) async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        let Some(first) = before.date_naive().with_day(1) else { return Ok(false) };
        let month = iso(first.and_time(NaiveTime::MIN).and_utc());
        let mut dropped = false;
        while self.drop_some(&month).await? {
            dropped = true;
        }
        Ok(dropped)
    }

    async fn drop_some(&self, month: &str) -> Result<bool, Fault> {
        let mut tx = self.begin().await?;
        let work = async {
            let mut gone = 0;
            for (table, key) in [("demand_raw", "history"), ("demand_history", "seq")] {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN (SELECT seq FROM (
                         SELECT seq, seen_at FROM demand_history ORDER BY seq LIMIT {ROWS})
                     WHERE seen_at < ?)"
                );
                let deleted = sqlx::query(AssertSqlSafe(sql)).bind(month).execute(&mut *tx).await?;
                gone = deleted.rows_affected();
            }
            tx.commit().await?;
            Ok(gone > 0)
        };
        work.await.map_err(|error: sqlx::Error| self.fault("drop old months", error.into()))
    }
}
