//! Progress in PostgreSQL: one row per channel, and the books of what each read owes the store.

use std::ops::Range;

use contract::{
    ChannelId, Checkpoints, Confirmed, Cursor, Digest, Fault, MappingNo, Position, Timestamp,
};
use sqlx::PgConnection;

use super::{Postgres, arrays::Arrays};
use crate::store::{
    books::backfill,
    database::row::{count, int},
    service::lease::{self, lease_lost, moved_elsewhere},
};

impl Checkpoints for Postgres {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        let row = self.within("read a position", async {
            let mut tx = self.begin().await?;
            let row: Option<(Option<String>, i64)> = sqlx::query_as(lease::CLAIM_POSITION)
                .bind(channel.as_str())
                .bind(int(fence))
                .fetch_optional(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(row)
        });
        let (cursor, step) = row.await?.ok_or_else(|| lease_lost(channel, self.link.place()))?;
        Ok(Position { cursor: cursor.map(Cursor::from_text), step: count(step), fence })
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        let next = self.within("reserve read numbers", async {
            let mut tx = self.begin().await?;
            let next: Option<i64> = sqlx::query_scalar(lease::RESERVE)
                .bind(channel.as_str())
                .bind(int(fence))
                .bind(int(n))
                .fetch_optional(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(next)
        });
        let next = next.await?.ok_or_else(|| lease_lost(channel, self.link.place()))?;
        let next = count(next);
        Ok(next.saturating_sub(n)..next)
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        let number = self.within("number a mapping", async {
            // Two processes that number two mappings would both take the next number.
            let mut tx = self.begin_alone().await?;
            let number: i64 = sqlx::query_scalar(
                "INSERT INTO mapping (channel, fingerprint, mapping)
                 SELECT $1, $2, 1 + coalesce(max(mapping), 0) FROM mapping WHERE channel = $1
                 ON CONFLICT (channel, fingerprint) DO UPDATE SET mapping = mapping.mapping
                 RETURNING mapping",
            )
            .bind(channel.as_str())
            .bind(fingerprint.0.as_slice())
            .fetch_one(&mut *tx)
            .await?;
            tx.commit().await?;
            Ok(number)
        });
        u32::try_from(number.await?).map(MappingNo).map_err(|error| {
            Fault::stopped("the number of a mapping is out of range")
                .at(self.link.place())
                .because(error)
        })
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        self.advance_of(step, None).await
    }

    async fn note(&self, channel: &ChannelId, fault: &Fault, at: Timestamp) -> Result<(), Fault> {
        self.within("note a fault", async {
            let mut tx = self.begin().await?;
            sqlx::query(
                "INSERT INTO checkpoint (channel, step, fence, next_read_no, fault, fault_at)
                 VALUES ($1, 0, 0, 1, $2, $3)
                 ON CONFLICT (channel) DO UPDATE SET fault = $2, fault_at = $3",
            )
            .bind(channel.as_str())
            // What a source said may be in it.
            .bind(fault.to_string().replace('\0', "␀"))
            .bind(at)
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

impl Postgres {
    /// As [`Checkpoints::advance`], of the live position or of the backfill of a stretch.
    pub(in crate::store) async fn advance_of(
        &self,
        step: &Confirmed,
        stretch: Option<&str>,
    ) -> Result<(), Fault> {
        self.within("advance a position", async {
            let mut tx = self.begin().await?;
            let moved = match stretch {
                None => advance(&mut tx, step).await?,
                Some(stretch) => advance_backfill(&mut tx, step, stretch).await?,
            };
            // The move of the live position from which on the read counts.
            let Some(counts_from) = moved else {
                tx.rollback().await?;
                return Err(moved_elsewhere(step.channel(), self.link.place()).into());
            };
            Box::pin(write_books(&mut tx, step, counts_from)).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// The last move of the live position; `None` where the channel is not ours any more, or the backfill
/// not where the read began.
async fn advance_backfill(
    conn: &mut PgConnection,
    step: &Confirmed,
    stretch: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let (channel, from) = (step.channel().as_str(), step.from());
    // Locked: nobody else can claim the channel before this is over.
    let live: Option<i64> = sqlx::query_scalar(
        "SELECT step FROM checkpoint WHERE channel = $1 AND fence = $2 FOR NO KEY UPDATE",
    )
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
async fn advance(conn: &mut PgConnection, step: &Confirmed) -> Result<Option<i64>, sqlx::Error> {
    let (channel, from) = (step.channel().as_str(), step.from());
    if from.step == 0 {
        // A channel whose read numbers come from elsewhere has no row yet.
        sqlx::query(
            "INSERT INTO checkpoint (channel, step, fence, next_read_no) VALUES ($1, 0, $2, 1)
             ON CONFLICT (channel) DO NOTHING",
        )
        .bind(channel)
        .bind(int(from.fence))
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query_scalar(lease::MOVE_POSITION)
        .bind(step.upto().as_str())
        .bind(step.read_at())
        .bind(channel)
        .bind(int(from.step))
        .bind(int(from.fence))
        .fetch_optional(&mut *conn)
        .await
}

/// What the receipts must say of a read that counts from this move of the live position on. One that
/// found nothing owes nothing.
async fn write_books(
    conn: &mut PgConnection,
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
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(channel)
    .bind(read_no)
    .bind(step.read_at())
    .bind(int(tally.read))
    .bind(int(tally.accepted))
    .bind(int(tally.skipped))
    .bind(int(tally.rejected))
    .bind(int(step.parts().len() as u64))
    .bind(counts_from)
    .execute(&mut *conn)
    .await?;
    Arrays::of(step.parts())
        .column(|_| channel)
        .column(|_| read_no)
        .column(|part| i64::from(part.part))
        .column(|part| i64::from(part.events))
        .column(|part| part.hash.0.as_slice())
        .execute(
            conn,
            "INSERT INTO read_part (channel, read_no, part, events, hash) SELECT * FROM
             unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[])",
        )
        .await?;
    Ok(())
}
