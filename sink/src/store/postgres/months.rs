//! One partition of history and of raw per month, made before it is needed and dropped when it is old.
//!
//! A partition is made as a table and then attached: CREATE TABLE … PARTITION OF would wait for all
//! writers, and all later ones would wait for it.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::Datelike;
use contract::{Fault, Timestamp};
use sqlx::{AssertSqlSafe, PgConnection};

use super::Postgres;
use crate::store::database::transaction::Failure;

/// The tables that have partitions, in the order in which their rows are written.
const TABLES: [&str; 2] = ["demand_history", "demand_raw"];

/// The months that are known to be there.
#[derive(Default)]
pub(super) struct Months(Mutex<BTreeSet<Month>>);

/// A month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Month {
    year: i32,
    month: u32,
}

impl Postgres {
    /// As [`Database::drop_before`]; after a fault nothing was dropped.
    ///
    /// [`Database::drop_before`]: crate::store::Database::drop_before
    pub(in crate::store) async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        let dropped = self
            .within("drop old months", async {
                let mut tx = self.begin_alone().await?;
                // DROP locks the whole table: while it waits for that lock, all writers wait for it.
                sqlx::query("SET LOCAL lock_timeout = '5s'").execute(&mut *tx).await?;
                let mut months = BTreeSet::new();
                for table in TABLES {
                    let old = present(&mut tx, table).await?;
                    for month in old.into_iter().filter(|month| month.next().starts_by(before)) {
                        let sql = format!("DROP TABLE {}", month.partition(table));
                        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await?;
                        months.insert(month);
                    }
                }
                tx.commit().await?;
                Ok::<_, Failure>(months)
            })
            .await?;
        self.months.lock().retain(|month| !dropped.contains(month));
        Ok(!dropped.is_empty())
    }

    /// Looks again which months are there.
    pub(in crate::store) fn forget_months(&self) {
        self.months.lock().clear();
    }

    /// Makes the partitions of this month and the next one, if they are missing.
    pub(super) async fn make_this_month(&self) -> Result<(), Fault> {
        let now = self.within("read the clock", async {
            let readers = self.link.pools().await?.readers;
            Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&readers).await?)
        });
        self.make_months([now.await?]).await
    }

    /// Makes the partitions of these months and the ones after them, if they are missing.
    pub(in crate::store) async fn make_months(
        &self,
        moments: impl IntoIterator<Item = Timestamp>,
    ) -> Result<(), Fault> {
        let mut wanted: BTreeSet<_> = moments.into_iter().filter_map(Month::of).collect();
        if wanted.is_subset(&self.months.lock()) {
            return Ok(());
        }
        wanted.extend(wanted.clone().into_iter().filter_map(Month::successor));
        self.within("make a month", async {
            let mut tx = self.begin_alone().await?;
            for table in TABLES {
                let present = present(&mut tx, table).await?;
                for month in wanted.difference(&present) {
                    let sql = AssertSqlSafe(month.make(table));
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

/// The months of a table, as its partitions are named.
async fn present(conn: &mut PgConnection, table: &str) -> Result<BTreeSet<Month>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = $1::regclass",
    )
    .bind(table)
    .fetch_all(conn)
    .await?;
    Ok(names.iter().filter_map(|name| Month::of_partition(table, name)).collect())
}

impl Month {
    /// `None` unless the year has four digits: such a row is refused.
    fn of(time: Timestamp) -> Option<Self> {
        let (year, month) = (time.year(), time.month());
        (1..=9999).contains(&year).then_some(Self { year, month })
    }

    fn next(self) -> Self {
        match self.month {
            12 => Self { year: self.year + 1, month: 1 },
            month => Self { year: self.year, month: month + 1 },
        }
    }

    /// The next one, where it can be named.
    fn successor(self) -> Option<Self> {
        Some(self.next()).filter(|next| next.year <= 9999)
    }

    fn starts_by(self, time: Timestamp) -> bool {
        (self.year, self.month) <= (time.year(), time.month())
    }

    fn partition(self, table: &str) -> String {
        format!("{table}_{:04}_{:02}", self.year, self.month)
    }

    fn of_partition(table: &str, name: &str) -> Option<Self> {
        let (year, month) = name.strip_prefix(table)?.strip_prefix('_')?.split_once('_')?;
        Some(Self { year: year.parse().ok()?, month: month.parse().ok()? })
    }

    fn make(self, table: &str) -> String {
        let (name, next) = (self.partition(table), self.next());
        format!(
            "CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{self}') TO ('{next}')"
        )
    }
}

/// Its first moment.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-01 00:00:00+00", self.year, self.month)
    }
}
