//! The books of the SQLite store: receipts against what was owed, and days that were folded.

use contract::{ChannelId, Fault, Timestamp};
use sqlx::SqliteConnection;

use super::{Sqlite, iso};
use crate::store::{BooksRow, demands::questions};

/// Of a time, so many letters are its day.
const DAY: usize = 10;

impl Sqlite {
    /// The books of one channel or of all: of the reads since then, and of the folded days since
    /// that day.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn books(
        &self,
        channel: Option<&ChannelId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<BooksRow>, Fault> {
        let since = since.map(iso);
        let rows = sqlx::query(questions::BOOKS)
            .bind(channel.map(ChannelId::as_str))
            .bind(since.as_deref())
            .bind(since.as_deref().and_then(|time| time.get(..DAY)))
            .fetch_all(&self.readers)
            .await
            .and_then(|rows| questions::books(&rows));
        rows.map_err(|error| self.fault("read the books", error))
    }

    /// Folds balanced reads of before `before` into their days, the oldest first.
    ///
    /// # Errors
    /// The file cannot be written; nothing was folded.
    pub async fn fold_books(&self, before: Timestamp) -> Result<u64, Fault> {
        let mut tx = self.begin().await?;
        let folded = Box::pin(fold(&mut tx, before))
            .await
            .map_err(|error| self.fault("fold the books", error))?;
        tx.commit().await.map_err(|error| self.fault("fold the books", error))?;
        Ok(folded)
    }
}

async fn fold(conn: &mut SqliteConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let balanced: Vec<(String, i64)> = sqlx::query_as(
        "SELECT r.channel, r.read_no FROM read r
         WHERE r.read_at < ? AND r.read = r.accepted + r.skipped + r.rejected AND NOT EXISTS (
             SELECT 1 FROM read_part p LEFT JOIN receipt q
             ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
             WHERE p.channel = r.channel AND p.read_no = r.read_no
             AND (q.part IS NULL OR q.hash <> p.hash OR q.events <> p.events
                  OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events))
         ORDER BY r.read_at LIMIT 10000",
    )
    .bind(iso(before))
    .fetch_all(&mut *conn)
    .await?;
    let list = serde_json::Value::from_iter(
        balanced.iter().map(|(channel, read_no)| serde_json::json!([channel, read_no])),
    )
    .to_string();
    for sql in FOLD {
        sqlx::query(*sql).bind(list.as_str()).execute(&mut *conn).await?;
    }
    Ok(balanced.len() as u64)
}

/// Each takes the list of (channel, read number). Reads and parts are added separately: joined, a
/// read would count once per part.
const FOLD: &[&str] = &[
    "INSERT INTO books_day
     SELECT r.channel, substr(r.read_at, 1, 10), count(*), sum(r.read), sum(r.accepted),
            sum(r.skipped), sum(r.rejected), 0, 0, 0, 0, 0, 0
     FROM json_each(?) k CROSS JOIN read r
     ON r.channel = k.value ->> 0 AND r.read_no = k.value ->> 1
     WHERE true GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     reads = reads + excluded.reads, read = read + excluded.read,
     accepted = accepted + excluded.accepted, skipped = skipped + excluded.skipped,
     rejected = rejected + excluded.rejected",
    "INSERT INTO books_day
     SELECT r.channel, substr(r.read_at, 1, 10), 0, 0, 0, 0, 0, sum(q.events), sum(q.stored),
            sum(q.unchanged), sum(q.stale), sum(q.quarantined),
            sum((q.deliveries - 1) * q.events)
     FROM json_each(?) k CROSS JOIN read r CROSS JOIN receipt q
     ON r.channel = k.value ->> 0 AND r.read_no = k.value ->> 1
     AND q.channel = r.channel AND q.read_no = r.read_no
     WHERE true GROUP BY 1, 2
     ON CONFLICT (channel, day) DO UPDATE SET
     published = published + excluded.published, stored = stored + excluded.stored,
     unchanged = unchanged + excluded.unchanged, stale = stale + excluded.stale,
     quarantined = quarantined + excluded.quarantined,
     redelivered = redelivered + excluded.redelivered",
    "DELETE FROM receipt WHERE (channel, read_no) IN
     (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
    "DELETE FROM read_part WHERE (channel, read_no) IN
     (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
    "DELETE FROM read WHERE (channel, read_no) IN
     (SELECT value ->> 0, value ->> 1 FROM json_each(?))",
];
