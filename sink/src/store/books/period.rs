//! The books of one channel in a period of time, and the demands that were first seen in it: what the statement of a
//! day is made of, and compared with.

use chrono::{Days, NaiveTime, TimeDelta};
use contract::{ChannelId, DemandId, Digest, Fault, PassEnd, Timestamp};

use super::{BOOKS, BooksRow, checkpoints::pass, day};
use crate::store::{
    Database,
    database::sql::{Columns, NO_ROWS, Value},
};

/// The books of one channel in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodBooks {
    /// The counts of the reads of the period. Orphans and foreign messages have no time: they are all that there are now.
    pub books: BooksRow,
    /// Whether daily totals stand for reads of a day in UTC that the period touches: then the counts may lack some.
    pub is_folded: bool,
    /// The last pass that ended in the period, and when.
    pub pass: Option<(Timestamp, PassEnd)>,
}

/// A demand that was first seen in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSeen {
    /// Its row number.
    pub seq: i64,
    /// Its id.
    pub id: DemandId,
    /// The source's key.
    pub key: String,
    /// The digest of its first state; `None` if history does not have it any more.
    pub digest: Option<Digest>,
    /// Whether history has a state with the digest that the demand has now.
    pub is_current_known: bool,
}

/// Where the store has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is a demand, which was first seen at this time.
    Stored(Timestamp),
    /// It is in quarantine, and not resolved.
    Quarantined,
    /// The store does not have it.
    Nowhere,
}

impl Database {
    /// The books of a channel from `from` until before `to`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn period_books(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<PeriodBooks, Fault> {
        let books = self.counts(channel, from, to, ["", ""]).await?;
        // This comes second, so that reads are noticed that were folded in between.
        let [first, last] = [day(from), day(to - TimeDelta::microseconds(1))];
        let values = [channel.as_str().into(), first.as_str().into(), last.as_str().into()];
        let folded = self.query("read the books", FOLDED, &values, NO_ROWS).await?;
        let read = |row: &dyn Columns| Ok((row.some_time("ended_at")?, pass(row)?));
        let values = [channel.as_str().into(), from.into(), to.into()];
        let last = self.query_first("read the passes", LAST_PASS, &values, read).await?;
        let pass = last.and_then(|(ended_at, pass)| Some((ended_at, pass?)));
        Ok(PeriodBooks { books, is_folded: !folded.is_empty(), pass })
    }

    /// The books of the days in UTC that contain this period, with their totals. No count of the period can be greater.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn enclosing_books(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<BooksRow, Fault> {
        let last = to - TimeDelta::microseconds(1);
        let midnight = |at: Timestamp| at.date_naive().and_time(NaiveTime::MIN).and_utc();
        let end = midnight(last).checked_add_days(Days::new(1)).unwrap_or(to);
        self.counts(channel, midnight(from), end, [&day(from), &day(last)]).await
    }

    /// The counts of the reads from `from` until before `to`, and of the daily totals from the first of `days` to the
    /// second.
    async fn counts(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        to: Timestamp,
        days: [&str; 2],
    ) -> Result<BooksRow, Fault> {
        let values: [Value<'_>; 5] =
            [channel.as_str().into(), from.into(), days[0].into(), to.into(), days[1].into()];
        let books = self.query_first("read the books", BOOKS, &values, BooksRow::read).await?;
        Ok(books.unwrap_or_else(|| BooksRow::new(channel.clone()).decide_balance(0)))
    }

    /// The first `limit` demands of a channel after row number `after` that were first seen from `from` until before
    /// `to`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn first_seen(
        &self,
        channel: &ChannelId,
        from: Timestamp,
        to: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<FirstSeen>, Fault> {
        let values: [Value<'_>; 5] = [
            channel.as_str().into(),
            from.into(),
            to.into(),
            after.into(),
            i64::from(limit).into(),
        ];
        let read = |row: &dyn Columns| {
            Ok(FirstSeen {
                seq: row.some_int("seq")?,
                id: row.demand_id()?,
                key: row.some_text("source_key")?,
                digest: row
                    .bytes("first_digest")?
                    .map(|_| row.digest("first_digest"))
                    .transpose()?,
                is_current_known: row.bool("is_known")?.unwrap_or(false),
            })
        };
        self.query("read the demands of a period", FIRST_SEEN, &values, read).await
    }

    /// Where the store has the record with this id.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn whereabouts(&self, id: &DemandId) -> Result<Whereabouts, Fault> {
        let (action, values) = ("look for a record", [Value::Id(*id)]);
        let read = |row: &dyn Columns| row.some_time("first_seen_at");
        if let Some(at) = self.query_first(action, DEMAND_SEEN, &values, read).await? {
            return Ok(Whereabouts::Stored(at));
        }
        Ok(match self.query(action, IN_QUARANTINE, &values, NO_ROWS).await?.as_slice() {
            [] => Whereabouts::Nowhere,
            _ => Whereabouts::Quarantined,
        })
    }

    /// Deletes the accounts of passes that ended before `before`.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_passes(&self, before: Timestamp) -> Result<(), Fault> {
        self.write("delete old passes", FORGET_PASSES, &[before.into()], NO_ROWS).await?;
        Ok(())
    }
}

/// Whether channel $1 has totals of days in UTC from $2 to $3.
const FOLDED: &str =
    "SELECT 1 FROM books_day WHERE channel = $1 AND day >= $2 AND day <= $3 LIMIT 1";

/// The last pass of channel $1 from $2 until before $3.
const LAST_PASS: &str = "SELECT ended_at, pass FROM pass_end
     WHERE channel = $1 AND ended_at >= $2 AND ended_at < $3 ORDER BY ended_at DESC LIMIT 1";

/// The demands of channel $1 that were first seen from $2 until before $3, after row $4, $5 at most. The first state
/// of a demand was seen when the demand was; later ones may be all that history has kept.
const FIRST_SEEN: &str = "SELECT d.seq, d.id, d.source_key,
         (SELECT h.digest FROM demand_history h
          WHERE h.demand = d.seq AND h.seen_at = d.first_seen_at ORDER BY h.seq LIMIT 1) AS first_digest,
         EXISTS (SELECT 1 FROM demand_history h
                 WHERE h.demand = d.seq AND h.digest = d.digest) AS is_known
     FROM demand d
     WHERE d.channel = $1 AND d.first_seen_at >= $2 AND d.first_seen_at < $3 AND d.seq > $4
     ORDER BY d.seq LIMIT $5";

const DEMAND_SEEN: &str = "SELECT first_seen_at FROM demand WHERE id = $1";

const IN_QUARANTINE: &str = "SELECT 1 FROM quarantine WHERE id = $1 AND resolved_at IS NULL";

const FORGET_PASSES: &str = "DELETE FROM pass_end WHERE ended_at < $1";
