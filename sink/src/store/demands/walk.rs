//! How to go through history in the order in which it was committed, and miss no row: the indexes and the change feed
//! do that, each from a position of its own (the number of the last row that it has read).
//!
//! In PostgreSQL, rows do not become visible in the order of their numbers: a transaction may take a
//! number from the sequence, and commit after another transaction with a greater number. A worker must not
//! go beyond a number whose row may still appear. So each sink announces, with a lock that ends with its
//! transaction, a number below those that it takes ([`ANNOUNCE`]), and a worker stops at the lowest
//! announced number ([`LOWEST_ANNOUNCED`]). `pg_snapshot_xmin` cannot replace this: it covers the whole
//! server, so a long transaction in another database would stop the workers.

use contract::{Fault, Timestamp};
use sqlx::Error;

use crate::store::{
    Database,
    database::sql::{Columns, Sql, count},
};

/// How far a worker is behind history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// The number of rows of history after its position, or more: numbers that were skipped are counted as rows.
    pub rows: u64,
    /// When the oldest of these rows was read from its source.
    pub since: Option<Timestamp>,
}

impl Database {
    /// The number of the last row of history, even if it is not committed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history_end(&self) -> Result<i64, Fault> {
        let end = self.query_first("read the end of history", HISTORY_END, &[], number).await?;
        Ok(end.unwrap_or(0))
    }

    /// How far a worker at this position is behind history.
    pub(crate) async fn behind(&self, position: i64) -> Result<Behind, Fault> {
        let end = self.history_end().await?;
        let read = |row: &dyn Columns| row.time("seen_at");
        let action = "read the end of history";
        let first = self.query_first(action, FIRST_ROW_AFTER, &[position.into()], read).await?;
        let rows = count(end - position);
        Ok(Behind { rows, since: first.flatten().filter(|_| rows > 0) })
    }

    /// The number up to which every row of history is committed, or never will be. It must be read before the rows,
    /// so that all rows up to it are visible.
    pub(crate) async fn last_visible(&self) -> Result<i64, Fault> {
        // The end must be read before the open transactions: numbers that are taken later are greater.
        let end = self.history_end().await?;
        let open = match self {
            // There is one writer, so rows become visible in the order of their numbers.
            Self::Sqlite(_) => None,
            Self::Postgres(_) => {
                let read = |row: &dyn Columns| row.int("n");
                self.query_first("look for open transactions", LOWEST_ANNOUNCED, &[], read)
                    .await?
                    .flatten()
            }
        };
        Ok(open.map_or(end, |open| end.min(open)))
    }
}

/// The last number of the stretch of history that a worker at `after` reads next: `max` numbers from the `first` row
/// on, and none above `bound`. `None` if there is nothing to read.
///
/// A stretch, not a LIMIT: then every query plan of the statement that reads it reads nothing else.
pub(crate) fn stretch_end(after: i64, first: Option<i64>, bound: i64, max: i64) -> Option<i64> {
    let end = bound.min(first.unwrap_or(bound).saturating_add(max - 1));
    (end > after).then_some(end)
}

/// Reads the number in column `n`; 0 if it is null.
pub(crate) fn number(row: &dyn Columns) -> Result<i64, Error> {
    Ok(row.int("n")?.unwrap_or(0))
}

/// The first row of history after $1.
pub(crate) const FIRST_ROW_AFTER: &str =
    "SELECT seq, seen_at FROM demand_history WHERE seq > $1 ORDER BY seq LIMIT 1";

/// The last number of history. If its row was dropped (SQLite knows no number that no row has), it is the position
/// of a worker that has read the row.
pub(crate) const HISTORY_END: Sql = Sql {
    sqlite: "SELECT max((SELECT coalesce(max(seq), 0) FROM demand_history),
                (SELECT coalesce(max(position), 0) FROM index_position),
                (SELECT coalesce(max(position), 0) FROM feed_position)) AS n",
    postgres: "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM demand_history_seq",
};

/// Announces that this transaction of PostgreSQL will take numbers above the last one. It runs before they
/// are taken. An advisory lock has 32 bits for the number, so the number is divided by 256. The lock is
/// shared, so it waits for no other.
pub(crate) const ANNOUNCE: &str = "
    SELECT pg_advisory_xact_lock_shared(
        CAST(CAST('demand_history_seq' AS regclass) AS oid)::int, (last_value / 256)::int)
    FROM demand_history_seq";

/// The lowest announced number, rounded down to a multiple of 256; null if there is none. No open transaction
/// has taken this number or a lower one.
const LOWEST_ANNOUNCED: &str = "
    SELECT min(CAST(objid AS bigint)) * 256 AS n FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND classid = CAST(CAST('demand_history_seq' AS regclass) AS oid)";
