//! The books of records that are mapped again. Their reads move no position.

use contract::{ChannelId, Confirmed, Fault, Outcomes, ReadNo};
use serde_json::json;

use super::checkpoints::{LOCK_POSITION, lease_lost, write_read};
use crate::store::{
    Database,
    database::sql::{Columns, int},
};

/// What became of the events of some reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOutcomes {
    /// The number of their messages that are neither stored nor lost.
    pub in_flight: u64,
    /// What became of the events of the others.
    pub outcomes: Outcomes,
}

impl Database {
    /// Writes the books of a read of records that the store kept: like [`Checkpoints::advance`], but no position moves.
    ///
    /// # Errors
    /// `Transient`: another process holds the lease of the channel, or the store cannot be reached.
    ///
    /// [`Checkpoints::advance`]: contract::Checkpoints::advance
    pub async fn book_again(&self, confirmed: &Confirmed) -> Result<(), Fault> {
        let mut tx = self.begin("write the books of a replay").await?;
        let values = [confirmed.channel().as_str().into(), int(confirmed.from().fence).into()];
        let live = tx.query(LOCK_POSITION, &values, |row| row.some_int("step")).await?;
        let live_step = live.first().ok_or_else(|| lease_lost(self.place()))?;
        write_read(&mut tx, confirmed, *live_step).await?;
        tx.commit().await
    }

    /// What became of the events of these reads of a channel.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read_outcomes(
        &self,
        channel: &ChannelId,
        reads: &[ReadNo],
    ) -> Result<ReadOutcomes, Fault> {
        let list: Vec<_> = reads.iter().map(|read| [int(read.0)]).collect();
        let values = [channel.as_str().into(), json!(list).into()];
        let read = |row: &dyn Columns| {
            Ok(ReadOutcomes {
                in_flight: row.count("in_flight")?,
                outcomes: Outcomes {
                    stored: row.count("stored")?,
                    unchanged: row.count("unchanged")?,
                    stale: row.count("stale")?,
                    quarantined: row.count("quarantined")?,
                    redelivered: 0,
                },
            })
        };
        let found = self.query_first("read the receipts", OUTCOMES, &values, read).await?;
        Ok(found.unwrap_or_default())
    }
}

/// The receipts of the reads $2 of channel $1, a list of lists with one number each.
const OUTCOMES: &str = "SELECT
        CAST(sum(CASE WHEN q.part IS NULL AND NOT p.lost THEN 1 ELSE 0 END) AS bigint) AS in_flight,
        CAST(sum(q.stored) AS bigint) AS stored, CAST(sum(q.unchanged) AS bigint) AS unchanged,
        CAST(sum(q.stale) AS bigint) AS stale, CAST(sum(q.quarantined) AS bigint) AS quarantined
     FROM {each}($2) k CROSS JOIN read_part p
     LEFT JOIN receipt q ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
     WHERE p.channel = $1 AND p.read_no = CAST(k.value ->> 0 AS bigint)";
