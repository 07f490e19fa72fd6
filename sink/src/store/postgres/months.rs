//! Partitions of history and of raw records, one for each month, which are created before they are needed and
//! dropped when they are old.
//!
//! A partition is created as a table and then attached, because CREATE TABLE … PARTITION OF would lock out all
//! writers.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{Datelike, NaiveDate};
use contract::{Fault, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Postgres;
use crate::store::database::transaction::Failure;

/// The tables that have partitions.
const TABLES: [&str; 2] = ["demand_history", "demand_raw"];

/// The months whose partitions exist, as far as this process knows.
#[derive(Default)]
pub(super) struct Months(Mutex<BTreeSet<Month>>);

/// The first day of a month in UTC.
type Month = NaiveDate;

impl Postgres {
    /// See [`Database::drop_before`]. After a fault, nothing was dropped.
    ///
    /// [`Database::drop_before`]: crate::store::Database::drop_before
    pub(in crate::store) async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        let dropped = self
            .run(self.deadline(), "drop old months", async {
                let mut tx = self.begin_exclusive().await?;
                // While DROP waits for its lock on the whole table, all writers wait too: so it waits for 5 s only.
                sqlx::query("SET LOCAL lock_timeout = '5s'").execute(&mut *tx).await?;
                let mut dropped = BTreeSet::new();
                for table in TABLES {
                    let months = list_months(&mut tx, table).await?;
                    let ended = |month: &Month| next_month(*month) <= before.date_naive();
                    for month in months.into_iter().filter(ended) {
                        let sql = format!("DROP TABLE {}", partition_name(table, month));
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
                        dropped.insert(month);
                    }
                }
                tx.commit().await?;
                Ok::<_, Failure>(dropped)
            })
            .await?;
        self.months.lock().retain(|month| !dropped.contains(month));
        Ok(!dropped.is_empty())
    }

    /// Forgets which months have partitions, because another process may have dropped some.
    pub(in crate::store) fn forget_months(&self) {
        self.months.lock().clear();
    }

    /// Creates the partitions of this month and the next one, if they are missing.
    pub(super) async fn create_current_months(&self) -> Result<(), Fault> {
        let now = self.run(self.deadline(), "read the clock", async {
            let readers = self.readers().await?;
            Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&readers).await?)
        });
        self.create_months([now.await?]).await
    }

    /// Creates the partitions for these times and for the months after them, if they are missing.
    pub(in crate::store) async fn create_months(
        &self,
        times: impl IntoIterator<Item = Timestamp>,
    ) -> Result<(), Fault> {
        let mut wanted: BTreeSet<_> = times.into_iter().filter_map(month_of).collect();
        if wanted.is_subset(&self.months.lock()) {
            return Ok(());
        }
        let is_valid = |month: &Month| month.year() <= 9999;
        wanted.extend(wanted.clone().into_iter().map(next_month).filter(is_valid));
        self.run(self.deadline(), "create a partition", async {
            let mut tx = self.begin_exclusive().await?;
            for table in TABLES {
                let existing = list_months(&mut tx, table).await?;
                for month in wanted.difference(&existing) {
                    let sql = AssertSqlSafe(create_sql(table, *month));
                    sqlx::raw_sql(sql).execute(&mut *tx).await?;
                }
            }
            Ok::<_, Failure>(tx.commit().await?)
        })
        .await?;
        self.months.lock().extend(wanted);
        Ok(())
    }
}

impl Months {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Month>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The months of a table, from the names of its partitions.
async fn list_months(conn: &mut PgConnection, table: &str) -> Result<BTreeSet<Month>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = $1::regclass",
    )
    .bind(table)
    .fetch_all(conn)
    .await?;
    Ok(names.iter().filter_map(|name| month_of_partition(table, name)).collect())
}

/// The month of a time; `None` if the year is not between 1 and 9999: then the database refuses the row.
fn month_of(time: Timestamp) -> Option<Month> {
    time.date_naive().with_day(1).filter(|month| (1..=9999).contains(&month.year()))
}

fn next_month(month: Month) -> Month {
    month + chrono::Months::new(1)
}

fn partition_name(table: &str, month: Month) -> String {
    format!("{table}_{:04}_{:02}", month.year(), month.month())
}

fn month_of_partition(table: &str, name: &str) -> Option<Month> {
    let (year, month) = name.strip_prefix(table)?.strip_prefix('_')?.split_once('_')?;
    Month::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)
}

fn create_sql(table: &str, month: Month) -> String {
    let (name, next) = (partition_name(table, month), next_month(month));
    let first = |month: Month| format!("{:04}-{:02}-01 00:00:00+00", month.year(), month.month());
    format!(
        "CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
         ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{}') TO ('{}')",
        first(month),
        first(next)
    )
}
