//! What the change feed tells: the rows of history, in the order in which they were committed, and how far they are
//! told.
//!
//! History has no fields of a state, only its version and codes. So the fields come from the current state of the
//! demand, if it still has the content of the row. Keeping the fields of every state would double the store, and every
//! copy would be one more place to erase a person from.

use std::sync::LazyLock;

use contract::{Change, Demand, Digest, Fault, SealedBytes, Timestamp, Version, demand::Cause};
use sqlx::Error;

use super::{
    columns::{COLUMNS, Column, ColumnKind},
    records,
    walk::{Behind, FIRST_ROW_AFTER, stretch_end},
};
use crate::store::{
    Database,
    database::sql::{Columns, NO_ROWS},
};

/// Maximum number of row numbers that are told before the position moves. After a crash, so many events may come again.
const MAX_STRETCH: i64 = 100;

/// The rows that are to be told next.
#[derive(Debug)]
pub struct Feed {
    /// The position at which they begin.
    pub from: i64,
    /// The rows, in order.
    pub rows: Vec<FeedRow>,
    /// The position once they are told.
    pub upto: i64,
}

/// A row of history that is to be told.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// Its number: the position once it is told.
    pub seq: i64,
    /// The row number of its demand.
    demand: i64,
    version: Version,
    digest: Digest,
    /// `None` if the row is older than the column.
    cause: Option<Cause>,
    changed: Vec<String>,
    seen_at: Timestamp,
    region: Option<String>,
    kind: Option<String>,
    status: Option<String>,
}

impl Database {
    /// The number of the row of history up to which every version is told.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn feed_position(&self) -> Result<i64, Fault> {
        let read = |row: &dyn Columns| row.some_int("position");
        let position = self.query_first("read the feed", POSITION, &[], read).await?;
        Ok(position.unwrap_or(0))
    }

    /// How far the feed is behind history.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn feed_lag(&self) -> Result<Behind, Fault> {
        self.behind(self.feed_position().await?).await
    }

    /// The rows that are to be told next; `None` if all are told. The first call begins the feed: what was stored
    /// before it is told as a backfill.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn next_feed(&self) -> Result<Option<Feed>, Fault> {
        let read = |row: &dyn Columns| Ok((row.some_int("position")?, row.int("begun_after")?));
        let found = self.query_first("read the feed", POSITION, &[], read).await?;
        let Some((from, begun_after)) = found else { return Ok(None) };
        let begun_after = match begun_after {
            Some(begun_after) => begun_after,
            None => {
                let end = self.history_end().await?;
                self.write("begin the feed", BEGIN, &[end.into()], NO_ROWS).await?;
                end
            }
        };
        let bound = self.last_visible().await?;
        if bound <= from {
            return Ok(None);
        }
        let read = |row: &dyn Columns| row.int("seq");
        let first =
            self.query_first("read the feed", FIRST_ROW_AFTER, &[from.into()], read).await?;
        let Some(upto) = stretch_end(from, first.flatten(), bound, MAX_STRETCH) else {
            return Ok(None);
        };
        let values = [from.into(), upto.into()];
        let mut rows = self.query("read the feed", ROWS, &values, FeedRow::read).await?;
        for row in rows.iter_mut().filter(|row| row.seq <= begun_after) {
            row.cause = row.cause.filter(|cause| *cause != Cause::Live).or(Some(Cause::Backfill));
        }
        Ok(Some(Feed { from, rows, upto }))
    }

    /// What there is to tell of a row; `None` if somebody has deleted its demand.
    ///
    /// # Errors
    /// The store cannot be read, or the row does not hold a demand.
    pub async fn change(&self, row: &FeedRow) -> Result<Option<Change>, Fault> {
        let (sql, values) = (DEMAND.as_str(), [row.demand.into()]);
        let read = |row: &dyn Columns| records::demand(row, told_columns(), &NO_RECORD);
        let demand = self.query_first("read a demand", sql, &values, read).await?;
        Ok(demand.map(|demand| row.of(demand)))
    }

    /// Notes that everything after `from` up to `upto` is told.
    ///
    /// # Errors
    /// `Transient`: another process has told it meanwhile, or the store cannot be written.
    pub async fn advance_feed(&self, from: i64, upto: i64) -> Result<(), Fault> {
        let values = [from.into(), upto.into()];
        let moved = self.write("move the feed", MOVE, &values, NO_ROWS).await?;
        if moved.is_empty() {
            return Err(Fault::transient("another process moved the feed").at(self.place()));
        }
        Ok(())
    }
}

impl FeedRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let cause = row.text("cause")?;
        Ok(Self {
            seq: row.some_int("seq")?,
            demand: row.some_int("demand")?,
            version: row.version()?,
            digest: row.digest("digest")?,
            cause: cause.and_then(|code| Cause::from_code(&code)),
            changed: row.json_value("changed")?.unwrap_or_default(),
            seen_at: row.some_time("seen_at")?,
            region: row.text("region")?,
            kind: row.text("kind")?,
            status: row.text("status")?,
        })
    }

    /// The change that brought this state of `demand`, whose fields may be newer.
    fn of(&self, demand: Demand) -> Change {
        let Self { version, cause, changed, seen_at, region, kind, status, .. } = self.clone();
        let Demand { id, channel, source_key, digest, body, .. } = demand;
        let (region, kind) = match cause {
            Some(_) => (region, kind),
            // The row is older than these columns: they rarely change.
            None => (body.region.clone(), body.kind.map(|kind| kind.code().to_owned())),
        };
        Change {
            id,
            channel,
            source_key,
            version,
            cause: cause.unwrap_or_default(),
            changed,
            read_at: seen_at,
            region,
            kind,
            status,
            demand: (digest == self.digest).then_some(body),
        }
    }
}

/// The columns that may be told: none of them is sealed as a whole.
fn told_columns() -> impl Iterator<Item = &'static Column> {
    COLUMNS.iter().filter(|column| column.kind != ColumnKind::Sealed)
}

/// Stands for the record, which is never told, so it is not read.
const NO_RECORD: SealedBytes = SealedBytes(Vec::new());

const POSITION: &str = "SELECT position, begun_after FROM feed_position";

/// Begins the feed after row $1 of history, unless it has begun.
const BEGIN: &str = "UPDATE feed_position SET begun_after = $1 WHERE begun_after IS NULL";

/// Moves the feed from row $1 of history to row $2.
const MOVE: &str = "UPDATE feed_position SET position = $2 WHERE position = $1 RETURNING position";

/// The versions after row $1 up to row $2. What was never a newer state of its demand is no change.
const ROWS: &str = "SELECT seq, demand, revision, read_no, mapping, digest, changed, seen_at, cause, region, kind, status
     FROM demand_history WHERE seq > $1 AND seq <= $2 AND outcome <> 'stale' ORDER BY seq";

/// The demand with row number $1.
static DEMAND: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<_> = told_columns().map(|column| column.name).collect();
    format!("SELECT revision, read_no, mapping, {} FROM demand WHERE seq = $1", columns.join(", "))
});
