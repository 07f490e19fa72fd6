//! How far one channel has come, for who waits for it.

use contract::{ChannelId, Fault, Timestamp};

use crate::store::{
    Database,
    database::either,
    database::row::{Columns, count, int},
    database::shared_sql::{Small, Value},
};

/// How far a channel has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Moves of its position so far.
    pub step: u64,
    /// When it was last read, be it in vain.
    pub last_read_at: Option<Timestamp>,
}

impl Database {
    /// How far this channel has come.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn progress(&self, channel: &ChannelId) -> Result<Progress, Fault> {
        let read = |row: &dyn Columns| {
            let step = count(row.int("step")?.unwrap_or(0));
            Ok(Progress { step, last_read_at: row.time("read_at")? })
        };
        let values = [channel.as_str().into()];
        let rows = either!(self, store => store.look("read the progress", PROGRESS, &values, read));
        Ok(rows?.first().copied().unwrap_or_default())
    }

    /// Messages of the reads of `channel` up to move `step` of its position that have no receipt yet.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn without_receipt(&self, channel: &ChannelId, step: u64) -> Result<u64, Fault> {
        let read = |row: &dyn Columns| Ok(count(row.int("n")?.unwrap_or(0)));
        let values = [channel.as_str().into(), Value::Int(int(step))];
        let rows = either!(self, store => store.look("read the receipts", OWED, &values, read));
        Ok(rows?.first().copied().unwrap_or(0))
    }
}

const PROGRESS: &str = "SELECT step, read_at FROM checkpoint WHERE channel = $1";

const OWED: &str = "SELECT count(*) AS n FROM read r
     JOIN read_part p ON p.channel = r.channel AND p.read_no = r.read_no
     LEFT JOIN receipt q ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
     WHERE r.channel = $1 AND r.step <= $2 AND q.part IS NULL";
