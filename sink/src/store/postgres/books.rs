//! The books of the PostgreSQL store, and the folding of days.

use contract::{ChannelId, Fault, Timestamp};
use sqlx::PgConnection;

use super::Postgres;
use crate::store::{BooksRow, demands::questions};

impl Postgres {
    /// The books of one channel or of all: of the reads since then, and of the folded days since
    /// that day.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn books(
        &self,
        channel: Option<&ChannelId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<BooksRow>, Fault> {
        self.within("read the books", async {
            let rows = sqlx::query(questions::BOOKS)
                .bind(channel.map(ChannelId::as_str))
                .bind(since)
                .bind(since.map(|time| time.format("%Y-%m-%d").to_string()))
                .fetch_all(&self.link.pools().await?.readers)
                .await?;
            Ok(questions::books(&rows)?)
        })
        .await
    }

    /// Folds balanced reads of before `before` into their days, the oldest first.
    ///
    /// # Errors
    /// The database cannot be written; nothing was folded.
    pub async fn fold_books(&self, before: Timestamp) -> Result<u64, Fault> {
        self.within("fold the books", async {
            let mut tx = self.begin_alone().await?;
            let folded = fold(&mut tx, before).await?;
            tx.commit().await?;
            Ok(folded)
        })
        .await
    }
}

async fn fold(conn: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let balanced: Vec<(String, i64)> =
        sqlx::query_as(BALANCED).bind(before).fetch_all(&mut *conn).await?;
    let (channels, read_nos): (Vec<String>, Vec<i64>) = balanced.into_iter().unzip();
    for sql in FOLD {
        sqlx::query(*sql).bind(&channels).bind(&read_nos).execute(&mut *conn).await?;
    }
    Ok(channels.len() as u64)
}

/// The reads of before $1 that need not be looked at any more. A receipt that another delivery is
/// about to count waits until they are folded.
const BALANCED: &str = "
    SELECT r.channel, r.read_no FROM read r
    WHERE r.read_at < $1 AND r.read = r.accepted + r.skipped + r.rejected AND NOT EXISTS (
        SELECT 1 FROM read_part p LEFT JOIN receipt q
        ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
        WHERE p.channel = r.channel AND p.read_no = r.read_no
        AND (q.part IS NULL OR q.hash <> p.hash OR q.events <> p.events
             OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events))
    ORDER BY r.read_at LIMIT 10000";

/// Each takes the reads as two arrays, channels and numbers. Reads and parts are added separately:
/// joined, a read would count once per part. The receipts are locked before they are added up.
const FOLD: &[&str] = &[
    "SELECT 1 FROM receipt q JOIN unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     ON q.channel = k.channel AND q.read_no = k.read_no
     ORDER BY q.channel, q.read_no, q.part FOR UPDATE OF q",
    "INSERT INTO books_day
     SELECT r.channel, to_char(r.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), count(*), sum(r.read),
            sum(r.accepted), sum(r.skipped), sum(r.rejected), 0, 0, 0, 0, 0, 0
     FROM unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     JOIN read r ON r.channel = k.channel AND r.read_no = k.read_no
     GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     reads = books_day.reads + excluded.reads, read = books_day.read + excluded.read,
     accepted = books_day.accepted + excluded.accepted,
     skipped = books_day.skipped + excluded.skipped,
     rejected = books_day.rejected + excluded.rejected",
    "INSERT INTO books_day
     SELECT r.channel, to_char(r.read_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 0, 0, 0, 0, 0,
            sum(q.events), sum(q.stored), sum(q.unchanged), sum(q.stale), sum(q.quarantined),
            sum((q.deliveries - 1) * q.events)
     FROM unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     JOIN read r ON r.channel = k.channel AND r.read_no = k.read_no
     JOIN receipt q ON q.channel = r.channel AND q.read_no = r.read_no
     GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     published = books_day.published + excluded.published,
     stored = books_day.stored + excluded.stored,
     unchanged = books_day.unchanged + excluded.unchanged,
     stale = books_day.stale + excluded.stale,
     quarantined = books_day.quarantined + excluded.quarantined,
     redelivered = books_day.redelivered + excluded.redelivered",
    "DELETE FROM receipt t USING unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     WHERE t.channel = k.channel AND t.read_no = k.read_no",
    "DELETE FROM read_part t USING unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     WHERE t.channel = k.channel AND t.read_no = k.read_no",
    "DELETE FROM read t USING unnest($1::text[], $2::bigint[]) AS k (channel, read_no)
     WHERE t.channel = k.channel AND t.read_no = k.read_no",
];
