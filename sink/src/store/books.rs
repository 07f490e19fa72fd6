//! The books compare what was read and published (the tables `read` and `read_part`) with what was kept (the
//! table `receipt`). Old reads that balance are replaced by totals for each day (the table `books_day`). A message
//! that the bus lost has no receipt; it is written off when everything was read again and stored, or by hand.

mod again;
mod checkpoints;
mod flight;
mod period;

use contract::{ChannelId, Fault, ReadNo, Timestamp};
use serde::Serialize;
use sqlx::Error;

use super::{
    Database,
    database::sql::{Columns, NO_ROWS, Value, int},
};

pub use again::ReadOutcomes;
pub use checkpoints::{Backfill, ChannelStatus, Progress};
pub use flight::{Flight, MessageInFlight, WrittenOff};
pub use period::{FirstSeen, PeriodBooks, Whereabouts};

pub(crate) use checkpoints::{lease_lost, position_moved};

/// The books of a channel. Read = accepted + skipped + rejected; published = stored + unchanged +
/// stale + quarantined + in flight + lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BooksRow {
    /// The channel.
    pub channel: ChannelId,
    /// Entries that the connector returned.
    pub read: u64,
    /// Entries that became demands.
    pub accepted: u64,
    /// Entries that a rule of the channel skipped.
    pub skipped: u64,
    /// Entries that could not become demands; they are published for quarantine.
    pub rejected: u64,
    /// Events (demands and rejects) in all messages of advanced reads.
    pub published: u64,
    /// Events with a new state of a demand.
    pub stored: u64,
    /// Events whose content equals the current state of their demand.
    pub unchanged: u64,
    /// Events with a state that is older than the current one, or has the same version as the current
    /// one but different content.
    pub stale: u64,
    /// Events that went to quarantine, including rejected entries.
    pub quarantined: u64,
    /// Events of messages that have no receipt yet.
    pub in_flight: u64,
    /// Events of messages that the bus lost and that were written off: everything was read again and stored since
    /// then, or somebody decided it, as the audit log says.
    pub lost: u64,
    /// Events of messages that were delivered again; no other count includes them.
    pub redelivered: u64,
    /// Messages that were kept although the position has not moved past their read: the process crashed before
    /// moving it, or has yet to move it. No other count includes their events.
    pub orphans: u64,
    /// Events of orphans that brought a new state of a demand. After a crash their records are read again, and
    /// count as unchanged if they have not changed since.
    pub stored_by_orphans: u64,
    /// Foreign messages in quarantine: no read published them, as far as they prove. Whoever can write to a queue
    /// made them. No other count includes them; they count here until somebody has resolved them.
    pub extra: u64,
    /// `Some(true)`: every message of every advanced read has a receipt with the same hash and number of
    /// events. `None`: some receipts are still missing, or this has not been decided yet. `Some(false)`: the
    /// counts or a receipt contradict each other, or a message is extra, and somebody must find out why.
    pub balanced: Option<bool>,
}

impl BooksRow {
    /// The books of a channel that was never read.
    pub(crate) fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            read: 0,
            accepted: 0,
            skipped: 0,
            rejected: 0,
            published: 0,
            stored: 0,
            unchanged: 0,
            stale: 0,
            quarantined: 0,
            in_flight: 0,
            lost: 0,
            redelivered: 0,
            orphans: 0,
            stored_by_orphans: 0,
            extra: 0,
            balanced: None,
        }
    }

    /// Sets `balanced`. `unequal` is the number of messages whose receipt has other values.
    pub(crate) fn decide_balance(mut self, unequal: u64) -> Self {
        let adds_up = self.read == self.accepted + self.skipped + self.rejected
            && self.published == self.accepted + self.rejected;
        self.balanced = match (unequal + self.extra, adds_up, self.in_flight) {
            (0, true, 0) => Some(true),
            (0, true, _) => None,
            _ => Some(false),
        };
        self
    }
}

impl Database {
    /// The books of one channel, or of all channels if `channel` is `None`: the reads since the time `since`,
    /// and the daily totals from that day on; everything if `since` is `None`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn books(
        &self,
        channel: Option<&ChannelId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<BooksRow>, Fault> {
        let since_day = since.map(day);
        let channel = Value::Text(channel.map(ChannelId::as_str));
        let since_day = Value::Text(since_day.as_deref());
        let values = [channel, Value::Time(since), since_day, Value::Time(None), Value::Text(None)];
        let mut books = self.query("read the books", BOOKS, &values, BooksRow::read).await?;
        books.sort_unstable_by(|one, other| one.channel.cmp(&other.channel));
        Ok(books)
    }

    /// How many of the states that were stored, as these books of all channels and times count them, are gone from the
    /// store: somebody deleted rows. With `is_pruned`, history has a retention: then this finds only channels that
    /// have no demand any more, because the current states of demands stay.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn missing_states(&self, books: &[BooksRow], is_pruned: bool) -> Result<u64, Fault> {
        let action = "count what is stored";
        let mut gone = 0;
        for book in books.iter().filter(|book| book.stored + book.stored_by_orphans > 0) {
            let values = [book.channel.as_str().into()];
            if self.query(action, HAS_DEMANDS, &values, NO_ROWS).await?.is_empty() {
                gone += book.stored + book.stored_by_orphans;
            }
        }
        if is_pruned {
            return Ok(gone);
        }
        let read = |row: &dyn Columns| Ok((row.count("counted")?, row.count("kept")?));
        let counts = self.query_first(action, WHOLE_HISTORY, &[], read).await?;
        let (counted, kept) = counts.unwrap_or_default();
        Ok(gone.max(counted.saturating_sub(kept)))
    }

    /// The number of messages without a receipt, in the reads of `channel` after the one with number `after`, up to
    /// the one that moved its position for the `step`-th time. The sink has not kept these messages yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn missing_receipts(
        &self,
        channel: &ChannelId,
        after: ReadNo,
        step: u64,
    ) -> Result<u64, Fault> {
        let values = [channel.as_str().into(), int(step).into(), int(after.0).into()];
        let read = |row: &dyn Columns| row.count("n");
        let n = self.query_first("read the receipts", MISSING_RECEIPTS, &values, read).await?;
        Ok(n.unwrap_or(0))
    }

    /// The greatest number of a read of `channel` in the books.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn last_read(&self, channel: &ChannelId) -> Result<ReadNo, Fault> {
        let (values, read) = ([channel.as_str().into()], |row: &dyn Columns| row.count("n"));
        let last = self.query_first("read the books", LAST_READ, &values, read).await?;
        Ok(ReadNo(last.unwrap_or(0)))
    }

    /// Writes off the messages without a receipt in the reads of `channel` up to number `upto`: everything that they
    /// contained was read again and stored. One that arrives in spite of that is kept, and counts as kept. Returns
    /// the number of messages.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn write_off(&self, channel: &ChannelId, upto: ReadNo) -> Result<u64, Fault> {
        let values = [channel.as_str().into(), int(upto.0).into()];
        let rows = self.write("write off lost messages", WRITE_OFF, &values, NO_ROWS).await?;
        Ok(rows.len() as u64)
    }

    /// Replaces the oldest balanced reads from before `before`, at most ten thousand, and their receipts by
    /// daily totals; returns the number of reads. A message of such a read that is delivered again is judged
    /// again: so `before` should lie further back than any broker keeps messages.
    ///
    /// # Errors
    /// The store cannot be written; nothing was replaced.
    pub async fn fold_books(&self, before: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.begin_exclusive("replace old books by daily totals").await?;
        let read = |row: &dyn Columns| {
            let day = day(row.some_time("read_at")?);
            Ok(serde_json::json!([row.some_text("channel")?, row.some_int("read_no")?, day]))
        };
        let balanced = tx.query(BALANCED, &[before.into()], read).await?;
        let n_folded = balanced.len() as u64;
        let list = [serde_json::Value::from(balanced).into()];
        for sql in FOLD {
            tx.execute(sql, &list).await?;
        }
        tx.commit().await?;
        Ok(n_folded)
    }
}

/// The day of a time in UTC, as in the table `books_day`.
fn day(time: Timestamp) -> String {
    time.format("%Y-%m-%d").to_string()
}

/// The books of channel $1 or of all: the reads since $2 and before $4, and the daily totals from $3 to $5. This is
/// one statement, so that all counts are from the same moment.
const BOOKS: &str = "
    SELECT channel,
           CAST(sum(read) AS bigint) AS read, CAST(sum(accepted) AS bigint) AS accepted,
           CAST(sum(skipped) AS bigint) AS skipped, CAST(sum(rejected) AS bigint) AS rejected,
           CAST(sum(published) AS bigint) AS published, CAST(sum(in_flight) AS bigint) AS in_flight,
           CAST(sum(lost) AS bigint) AS lost,
           CAST(sum(stored) AS bigint) AS stored, CAST(sum(unchanged) AS bigint) AS unchanged,
           CAST(sum(stale) AS bigint) AS stale, CAST(sum(quarantined) AS bigint) AS quarantined,
           CAST(sum(redelivered) AS bigint) AS redelivered, CAST(sum(orphans) AS bigint) AS orphans,
           CAST(sum(stored_by_orphans) AS bigint) AS stored_by_orphans,
           CAST(sum(unequal) AS bigint) AS unequal, CAST(sum(extra) AS bigint) AS extra
    FROM (
        SELECT channel, read, accepted, skipped, rejected, 0 AS published, 0 AS in_flight, 0 AS lost,
               0 AS stored, 0 AS unchanged, 0 AS stale, 0 AS quarantined, 0 AS redelivered,
               0 AS orphans, 0 AS stored_by_orphans, 0 AS unequal, 0 AS extra
        FROM read WHERE (CAST($1 AS text) IS NULL OR channel = $1)
        AND ($2 IS NULL OR read_at >= $2) AND ($4 IS NULL OR read_at < $4)
      UNION ALL
        SELECT r.channel, 0, 0, 0, 0, p.events,
               CASE WHEN q.part IS NULL AND NOT p.lost THEN p.events ELSE 0 END,
               CASE WHEN q.part IS NULL AND p.lost THEN p.events ELSE 0 END,
               q.stored, q.unchanged, q.stale, q.quarantined, (q.deliveries - 1) * p.events, 0, 0,
               CASE WHEN q.hash <> p.hash OR q.events <> p.events
                    OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events
               THEN 1 ELSE 0 END, 0
        FROM read r
        JOIN read_part p ON p.channel = r.channel AND p.read_no = r.read_no
        LEFT JOIN receipt q
        ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
        WHERE (CAST($1 AS text) IS NULL OR r.channel = $1) AND ($2 IS NULL OR r.read_at >= $2)
        AND ($4 IS NULL OR r.read_at < $4)
      UNION ALL
        SELECT channel, read, accepted, skipped, rejected, published, 0, lost, stored, unchanged, stale,
               quarantined, redelivered, 0, 0, 0, 0
        FROM books_day WHERE (CAST($1 AS text) IS NULL OR channel = $1)
        AND (CAST($3 AS text) IS NULL OR day >= $3)
        AND (CAST($5 AS text) IS NULL OR day <= $5)
      UNION ALL
        SELECT q.channel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, q.stored, 0, 0 FROM receipt q
        WHERE (CAST($1 AS text) IS NULL OR q.channel = $1) AND q.read_no > 0 AND NOT EXISTS (
            SELECT 1 FROM read_part p
            WHERE p.channel = q.channel AND p.read_no = q.read_no AND p.part = q.part)
      UNION ALL
        SELECT channel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, times_seen FROM quarantine
        WHERE (CAST($1 AS text) IS NULL OR channel = $1) AND reason = 'foreign' AND resolved_at IS NULL
    ) entry GROUP BY channel";

const HAS_DEMANDS: &str = "SELECT 1 FROM demand WHERE channel = $1 LIMIT 1";

/// The number of states that were stored, by the receipts and by history. No row if history has lost its first row: a
/// retention, which may have been another one then, has dropped it.
const WHOLE_HISTORY: &str = "SELECT
        CAST((SELECT coalesce(sum(stored), 0) FROM receipt)
           + (SELECT coalesce(sum(stored), 0) FROM books_day) AS bigint) AS counted,
        (SELECT count(*) FROM demand_history WHERE outcome <> 'stale') AS kept
     WHERE (SELECT min(seq) FROM demand_history) = 1";

/// The number of messages without a receipt in the reads of channel $1 up to step $2, after read $3.
const MISSING_RECEIPTS: &str = "SELECT count(*) AS n FROM read r
     JOIN read_part p ON p.channel = r.channel AND p.read_no = r.read_no
     LEFT JOIN receipt q ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
     WHERE r.channel = $1 AND r.step <= $2 AND r.read_no > $3 AND q.part IS NULL AND NOT p.lost";

const LAST_READ: &str = "SELECT coalesce(max(read_no), 0) AS n FROM read WHERE channel = $1";

/// Writes off the messages without a receipt in the reads of channel $1 up to number $2.
const WRITE_OFF: &str = "UPDATE read_part SET lost = true
     WHERE channel = $1 AND read_no <= $2 AND NOT lost AND NOT EXISTS (
         SELECT 1 FROM receipt q
         WHERE q.channel = read_part.channel AND q.read_no = read_part.read_no
         AND q.part = read_part.part)
     RETURNING part";

/// The reads from before $1 whose messages are all kept and match, or were written off.
const BALANCED: &str = "SELECT r.channel, r.read_no, r.read_at FROM read r
     WHERE r.read_at < $1 AND r.read = r.accepted + r.skipped + r.rejected
     AND r.accepted + r.rejected = (SELECT coalesce(sum(p.events), 0) FROM read_part p
         WHERE p.channel = r.channel AND p.read_no = r.read_no) AND NOT EXISTS (
         SELECT 1 FROM read_part p LEFT JOIN receipt q
         ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
         WHERE p.channel = r.channel AND p.read_no = r.read_no
         AND (q.part IS NULL AND NOT p.lost OR q.hash <> p.hash OR q.events <> p.events
              OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events))
     ORDER BY r.read_at LIMIT 10000";

/// Replaces reads by daily totals. $1 is a list of (channel, read number, day), which `{each}` makes a table
/// with the column `value`; for `{each}` and `{lock}`, see `database/sql.rs`. The receipts are locked before
/// they are added up, so that their counts cannot change. Reads, receipts and lost messages are added up
/// separately, because in a join a read would count once for each of its messages.
const FOLD: [&str; 7] = [
    "SELECT 1 FROM {each}($1) k CROSS JOIN receipt q
     WHERE q.channel = k.value ->> 0 AND q.read_no = CAST(k.value ->> 1 AS bigint)
     ORDER BY q.channel, q.read_no, q.part {lock}",
    "INSERT INTO books_day
     SELECT r.channel, k.value ->> 2, count(*), sum(r.read), sum(r.accepted), sum(r.skipped),
            sum(r.rejected), 0, 0, 0, 0, 0, 0, 0
     FROM {each}($1) k CROSS JOIN read r
     WHERE r.channel = k.value ->> 0 AND r.read_no = CAST(k.value ->> 1 AS bigint)
     GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     reads = books_day.reads + excluded.reads, read = books_day.read + excluded.read,
     accepted = books_day.accepted + excluded.accepted,
     skipped = books_day.skipped + excluded.skipped,
     rejected = books_day.rejected + excluded.rejected",
    "INSERT INTO books_day
     SELECT q.channel, k.value ->> 2, 0, 0, 0, 0, 0, sum(q.events), sum(q.stored),
            sum(q.unchanged), sum(q.stale), sum(q.quarantined),
            sum((q.deliveries - 1) * q.events), 0
     FROM {each}($1) k CROSS JOIN receipt q
     WHERE q.channel = k.value ->> 0 AND q.read_no = CAST(k.value ->> 1 AS bigint)
     GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     published = books_day.published + excluded.published,
     stored = books_day.stored + excluded.stored,
     unchanged = books_day.unchanged + excluded.unchanged,
     stale = books_day.stale + excluded.stale,
     quarantined = books_day.quarantined + excluded.quarantined,
     redelivered = books_day.redelivered + excluded.redelivered",
    "INSERT INTO books_day
     SELECT p.channel, k.value ->> 2, 0, 0, 0, 0, 0, sum(p.events), 0, 0, 0, 0, 0, sum(p.events)
     FROM {each}($1) k CROSS JOIN read_part p
     LEFT JOIN receipt q
     ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
     WHERE p.channel = k.value ->> 0 AND p.read_no = CAST(k.value ->> 1 AS bigint)
     AND q.part IS NULL
     GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     published = books_day.published + excluded.published,
     lost = books_day.lost + excluded.lost",
    "DELETE FROM receipt WHERE (channel, read_no) IN (
         SELECT k.value ->> 0, CAST(k.value ->> 1 AS bigint) FROM {each}($1) k)",
    "DELETE FROM read_part WHERE (channel, read_no) IN (
         SELECT k.value ->> 0, CAST(k.value ->> 1 AS bigint) FROM {each}($1) k)",
    "DELETE FROM read WHERE (channel, read_no) IN (
         SELECT k.value ->> 0, CAST(k.value ->> 1 AS bigint) FROM {each}($1) k)",
];

impl BooksRow {
    fn read(row: &dyn Columns) -> Result<Self, Error> {
        let books = Self {
            channel: row.channel()?,
            read: row.count("read")?,
            accepted: row.count("accepted")?,
            skipped: row.count("skipped")?,
            rejected: row.count("rejected")?,
            published: row.count("published")?,
            stored: row.count("stored")?,
            unchanged: row.count("unchanged")?,
            stale: row.count("stale")?,
            quarantined: row.count("quarantined")?,
            in_flight: row.count("in_flight")?,
            lost: row.count("lost")?,
            redelivered: row.count("redelivered")?,
            orphans: row.count("orphans")?,
            stored_by_orphans: row.count("stored_by_orphans")?,
            extra: row.count("extra")?,
            balanced: None,
        };
        Ok(books.decide_balance(row.count("unequal")?))
    }
}
