//! Backfills: a stretch of time that is read again from a position of its own, while the live one
//! goes on. It needs the lease of the channel all the same, and its reads are in the same books.

use std::ops::Range;

use contract::{
    ChannelId, Checkpoints, Confirmed, Cursor, Digest, Fault, MappingNo, Position, TimeRange,
    Timestamp,
};

use crate::store::{
    Database,
    database::{row::Columns, shared_sql::NOTHING},
};

/// The progress of one backfill.
#[derive(Debug, Clone)]
pub struct Backfill {
    store: Database,
    stretch: String,
}

impl Database {
    /// The backfill of `range`: one that was begun goes on where it stands.
    pub fn backfill(&self, range: TimeRange) -> Backfill {
        Backfill { store: self.clone(), stretch: range.to_string() }
    }
}

impl Backfill {
    /// It has read everything: asked for again, it begins anew.
    ///
    /// # Errors
    /// The store cannot be reached; it ends the next time.
    pub async fn end(&self, channel: &ChannelId) -> Result<(), Fault> {
        let values = [channel.as_str().into(), self.stretch.as_str().into()];
        self.store.write("end a backfill", END, &values, NOTHING).await?;
        Ok(())
    }
}

impl Checkpoints for Backfill {
    async fn load(&self, channel: &ChannelId, fence: u64) -> Result<Position, Fault> {
        // The live position says who holds the channel.
        self.store.load(channel, fence).await?;
        let read = |row: &dyn Columns| {
            let cursor = row.text("cursor")?.map(Cursor::from_text);
            Ok((cursor, row.count("step")?))
        };
        let values = [channel.as_str().into(), self.stretch.as_str().into()];
        let at = self.store.query_first("read a position", AT, &values, read).await?;
        let (cursor, step) = at.unwrap_or_default();
        Ok(Position { cursor, step, fence })
    }

    async fn reserve(&self, channel: &ChannelId, fence: u64, n: u64) -> Result<Range<u64>, Fault> {
        self.store.reserve(channel, fence, n).await
    }

    async fn mapping(&self, channel: &ChannelId, fingerprint: Digest) -> Result<MappingNo, Fault> {
        self.store.mapping(channel, fingerprint).await
    }

    async fn advance(&self, step: &Confirmed) -> Result<(), Fault> {
        self.store.advance_in(step, Some(&self.stretch)).await
    }

    /// What stops a backfill is told to whoever asked for it, and stops nothing else.
    async fn note(&self, _: &ChannelId, _: &Fault, _: Timestamp) -> Result<(), Fault> {
        Ok(())
    }
}

const AT: &str = "SELECT cursor, step FROM backfill WHERE channel = $1 AND stretch = $2";

const END: &str = "DELETE FROM backfill WHERE channel = $1 AND stretch = $2";

/// Moves the backfill of stretch $2 of channel $1 to $3, where it is still at move $4; the first move
/// begins it.
pub(super) const MOVE: &str = "INSERT INTO backfill (channel, stretch, cursor, step)
     SELECT $1, $2, $3, 1 WHERE $4 = 0
        OR EXISTS (SELECT 1 FROM backfill b WHERE b.channel = $1 AND b.stretch = $2)
     ON CONFLICT (channel, stretch) DO UPDATE SET cursor = $3, step = backfill.step + 1
     WHERE backfill.step = $4";
