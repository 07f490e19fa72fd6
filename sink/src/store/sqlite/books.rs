//! The books of the SQLite store: receipts against what was owed, and days that were folded.

use std::collections::BTreeMap;

use contract::{ChannelId, Fault, Timestamp};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, count, iso, known::decode};
use crate::store::BooksRow;

type Books = BTreeMap<String, (BooksRow, u64)>;

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
        self.read_books(channel, since).await.map_err(|error| self.fault("read the books", error))
    }

    /// Folds the balanced reads of before `before` into their days; says how many. A message of
    /// theirs that is delivered once more would be judged again, so `before` should be further back
    /// than any broker keeps a message.
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

    async fn read_books(
        &self,
        channel: Option<&ChannelId>,
        since: Option<Timestamp>,
    ) -> Result<Vec<BooksRow>, sqlx::Error> {
        let channel = channel.map(ChannelId::as_str);
        let since = since.map(iso);
        let mut books = Books::new();
        // One transaction, so that the four answers are about the same moment.
        let mut tx = self.readers.begin().await?;
        for (sql, add) in QUESTIONS {
            let rows =
                sqlx::query(*sql).bind(channel).bind(since.as_deref()).fetch_all(&mut *tx).await?;
            for row in &rows {
                add(entry(&mut books, row)?, row)?;
            }
        }
        tx.rollback().await?;
        Ok(books.into_values().map(|(row, unequal)| row.close(unequal)).collect())
    }
}

type Add = fn(&mut (BooksRow, u64), &SqliteRow) -> Result<(), sqlx::Error>;

/// What is asked, and where the answer goes.
const QUESTIONS: &[(&str, Add)] = &[
    (
        "SELECT channel, sum(read) AS read, sum(accepted) AS accepted, sum(skipped) AS skipped,
                sum(rejected) AS rejected
         FROM read WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR read_at >= ?2)
         GROUP BY channel",
        add_reads,
    ),
    (
        "SELECT r.channel, sum(p.events) AS published,
                sum(CASE WHEN q.part IS NULL THEN p.events ELSE 0 END) AS in_flight,
                sum(q.stored) AS stored, sum(q.unchanged) AS unchanged, sum(q.stale) AS stale,
                sum(q.quarantined) AS quarantined,
                sum((q.deliveries - 1) * p.events) AS redelivered,
                sum(q.hash <> p.hash OR q.events <> p.events
                    OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events) AS unequal
         FROM read r
         JOIN read_part p ON p.channel = r.channel AND p.read_no = r.read_no
         LEFT JOIN receipt q
         ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
         WHERE (?1 IS NULL OR r.channel = ?1) AND (?2 IS NULL OR r.read_at >= ?2)
         GROUP BY r.channel",
        add_parts,
    ),
    (
        "SELECT channel, sum(read) AS read, sum(accepted) AS accepted, sum(skipped) AS skipped,
                sum(rejected) AS rejected, sum(published) AS published, 0 AS in_flight,
                sum(stored) AS stored, sum(unchanged) AS unchanged, sum(stale) AS stale,
                sum(quarantined) AS quarantined, sum(redelivered) AS redelivered, 0 AS unequal
         FROM books_day
         WHERE (?1 IS NULL OR channel = ?1) AND (?2 IS NULL OR day >= substr(?2, 1, 10))
         GROUP BY channel",
        |entry, row| {
            add_reads(entry, row)?;
            add_parts(entry, row)
        },
    ),
    (
        "SELECT q.channel, count(*) AS orphans FROM receipt q
         WHERE (?1 IS NULL OR q.channel = ?1) AND NOT EXISTS (
             SELECT 1 FROM read_part p
             WHERE p.channel = q.channel AND p.read_no = q.read_no AND p.part = q.part)
         GROUP BY q.channel",
        |(books, _), row| {
            books.orphans += sum(row, "orphans")?;
            Ok(())
        },
    ),
];

fn add_reads((books, _): &mut (BooksRow, u64), row: &SqliteRow) -> Result<(), sqlx::Error> {
    books.read += sum(row, "read")?;
    books.accepted += sum(row, "accepted")?;
    books.skipped += sum(row, "skipped")?;
    books.rejected += sum(row, "rejected")?;
    Ok(())
}

fn add_parts((books, unequal): &mut (BooksRow, u64), row: &SqliteRow) -> Result<(), sqlx::Error> {
    books.published += sum(row, "published")?;
    books.in_flight += sum(row, "in_flight")?;
    books.stored += sum(row, "stored")?;
    books.unchanged += sum(row, "unchanged")?;
    books.stale += sum(row, "stale")?;
    books.quarantined += sum(row, "quarantined")?;
    books.redelivered += sum(row, "redelivered")?;
    *unequal += sum(row, "unequal")?;
    Ok(())
}

/// A sum; of no rows it is null, which is none.
fn sum(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    row.try_get::<Option<i64>, _>(column).map(|sum| count(sum.unwrap_or(0)))
}

fn entry<'a>(
    books: &'a mut Books,
    row: &SqliteRow,
) -> Result<&'a mut (BooksRow, u64), sqlx::Error> {
    let name: String = row.try_get("channel")?;
    let channel: ChannelId = name.parse().map_err(|error| decode("channel", error))?;
    Ok(books.entry(name).or_insert_with(|| (BooksRow::new(channel), 0)))
}

async fn fold(conn: &mut SqliteConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let balanced: Vec<(String, i64)> = sqlx::query_as(
        "SELECT r.channel, r.read_no FROM read r
         WHERE r.read_at < ? AND r.read = r.accepted + r.skipped + r.rejected AND NOT EXISTS (
             SELECT 1 FROM read_part p LEFT JOIN receipt q
             ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
             WHERE p.channel = r.channel AND p.read_no = r.read_no
             AND (q.part IS NULL OR q.hash <> p.hash OR q.events <> p.events
                  OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events))",
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
