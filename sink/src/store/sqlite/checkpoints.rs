//! Progress in SQLite: one row per channel, and the books of what each read owes the store.

use std::ops::Range;

use contract::{
    ChannelId, Checkpoints, Confirmed, Cursor, Digest, Fault, MappingNo, Part, Position, Timestamp,
};
use sqlx::SqliteConnection;

use super::{
    Sqlite, iso,
    rows::{Statement, write_rows},
};
use crate::store::{
    books::backfill,
    database::row::{count, int},
    service::lease::{self, lease_lost, moved_elsewhere},
};

impl Checkpoints for Sqlite {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let mut tx = self.begin().await?;
        let row: Option<(Option<String>, i64)> = sqlx::query_as(lease::CLAIM_POSITION)
            .bind(channel.as_str())
            .bind(int(fence))
            .fetch_optional(&mut *tx)
            .await
            .map_err(|error| self.fault("read a position", error))?;
        tx.commit().await.map_err(|error| self.fault("read a position", error))?;
        let (cursor, step) = row.ok_or_else(|| lease_lost(channel, &self.place))?;
        Ok(Position { cursor: cursor.map(Cursor::from_text), step: count(step), fence })
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let mut tx = self.begin().await?;
        let next: Option<i64> = sqlx::query_scalar(lease::RESERVE)
            .bind(channel.as_str())
            .bind(int(fence))
            .bind(int(n))
            .fetch_optional(&mut *tx)
            .await
            .map_err(|error| self.fault("reserve read numbers", error))?;
        tx.commit().await.map_err(|error| self.fault("reserve read numbers", error))?;
        let next = count(next.ok_or_else(|| lease_lost(channel, &self.place))?);
        Ok(next.saturating_sub(n)..next)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        let mut tx = self.begin().await?;
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO mapping (channel, fingerprint, mapping)
             SELECT ?1, ?2, 1 + coalesce(max(mapping), 0) FROM mapping WHERE channel = ?1
             ON CONFLICT (channel, fingerprint) DO UPDATE SET mapping = mapping.mapping
             RETURNING mapping",
        )
        .bind(channel.as_str())
        .bind(fingerprint.0.as_slice())
        .fetch_one(&mut *tx)
        .await
        .map_err(|error| self.fault("number a mapping", error))?;
        tx.commit().await.map_err(|error| self.fault("number a mapping", error))?;
        u32::try_from(number).map(MappingNo).map_err(|error| {
            Fault::stopped("the number of a mapping is out of range").at(&self.place).because(error)
        })
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        self.advance_of(step, None).await
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO checkpoint (channel, step, fence, next_read_no, fault, fault_at)
             VALUES (?1, 0, 0, 1, ?2, ?3)
             ON CONFLICT (channel) DO UPDATE SET fault = ?2, fault_at = ?3",
        )
        .bind(channel.as_str())
        .bind(fault.to_string())
        .bind(iso(at))
        .execute(&mut *tx)
        .await
        .map_err(|error| self.fault("note a fault", error))?;
        tx.commit().await.map_err(|error| self.fault("note a fault", error))
    }
}

impl Sqlite {
    /// As [`Checkpoints::advance`], of the live position or of the backfill of a stretch.
    pub(in crate::store) async fn advance_of(
        &self,
        step: &Confirmed,
        stretch: Option<&str>,
    ) -> Result<(), Fault> {
        let fault = |error| self.fault("advance a position", error);
        let mut tx = self.begin().await?;
        let moved = match stretch {
            None => advance(&mut tx, step).await,
            Some(stretch) => advance_backfill(&mut tx, step, stretch).await,
        };
        // The move of the live position from which on the read counts.
        let Some(counts_from) = moved.map_err(fault)? else {
            return Err(moved_elsewhere(step.channel(), &self.place));
        };
        Box::pin(write_books(&mut tx, step, counts_from)).await.map_err(fault)?;
        tx.commit().await.map_err(fault)
    }
}

/// The last move of the live position; `None` where the channel is not ours any more, or the backfill
/// not where the read began.
async fn advance_backfill(
    conn: &mut SqliteConnection,
    step: &Confirmed,
    stretch: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let (channel, from) = (step.channel().as_str(), step.from());
    let live: Option<i64> =
        sqlx::query_scalar("SELECT step FROM checkpoint WHERE channel = ? AND fence = ?")
            .bind(channel)
            .bind(int(from.fence))
            .fetch_optional(&mut *conn)
            .await?;
    let moved = sqlx::query(backfill::MOVE)
        .bind(channel)
        .bind(stretch)
        .bind(step.upto().as_str())
        .bind(int(from.step))
        .execute(&mut *conn)
        .await?;
    Ok(live.filter(|_| moved.rows_affected() > 0))
}

/// The move that was made; `None` where the position is not where the read began.
async fn advance(
    conn: &mut SqliteConnection,
    step: &Confirmed,
) -> Result<Option<i64>, sqlx::Error> {
    let (channel, from) = (step.channel().as_str(), step.from());
    if from.step == 0 {
        // A channel whose read numbers come from elsewhere has no row yet.
        sqlx::query(
            "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES (?, 0, ?, 1)
             ON CONFLICT (channel) DO NOTHING",
        )
        .bind(channel)
        .bind(int(from.fence))
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query_scalar(lease::MOVE_POSITION)
        .bind(step.upto().as_str())
        .bind(iso(step.read_at()))
        .bind(channel)
        .bind(int(from.step))
        .bind(int(from.fence))
        .fetch_optional(&mut *conn)
        .await
}

/// What the receipts must say of a read that counts from this move of the live position on. One that
/// found nothing owes nothing.
async fn write_books(
    conn: &mut SqliteConnection,
    step: &Confirmed,
    counts_from: i64,
) -> Result<(), sqlx::Error> {
    let tally = step.tally();
    if tally.read == 0 {
        return Ok(());
    }
    let (channel, read_no) = (step.channel().as_str(), int(step.read_no().0));
    sqlx::query(
        "INSERT INTO read
         (channel, read_no, read_at, read, accepted, skipped, rejected, parts, step)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(channel)
    .bind(read_no)
    .bind(iso(step.read_at()))
    .bind(int(tally.read))
    .bind(int(tally.accepted))
    .bind(int(tally.skipped))
    .bind(int(tally.rejected))
    .bind(int(step.parts().len() as u64))
    .bind(counts_from)
    .execute(&mut *conn)
    .await?;
    write_rows(conn, &PARTS, step.parts(), |part: &Part, values| {
        values.add(channel)?;
        values.add(read_no)?;
        values.add(i64::from(part.part))?;
        values.add(i64::from(part.events))?;
        values.add(part.hash.0.as_slice())
    })
    .await?;
    Ok(())
}

static PARTS: Statement = Statement::of(
    "INSERT INTO read_part (channel, read_no, part, events, hash) VALUES",
    "(?, ?, ?, ?, ?)",
    "",
);
