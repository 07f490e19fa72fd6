//! Why records are in quarantine: how many for each reason.

use contract::{ChannelId, DemandId, Fault, Timestamp};
use serde::Serialize;

use crate::store::{
    Database,
    database::sql::{Columns, Value},
};

/// The unresolved records of a channel that are in quarantine for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectReason {
    /// The channel.
    pub channel: ChannelId,
    /// Why they were not accepted, as a code.
    pub reason: String,
    /// Their number.
    pub records: u64,
    /// When the first of them was first read.
    pub first_seen_at: Option<Timestamp>,
    /// When one of them was last read.
    pub last_seen_at: Option<Timestamp>,
    /// The id of the newest row.
    pub sample: DemandId,
}

impl Database {
    /// The reasons of the unresolved rows of one channel, or of all channels if it is `None`; the most frequent one of
    /// a channel first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quarantine_reasons(
        &self,
        channel: Option<&ChannelId>,
    ) -> Result<Vec<RejectReason>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(RejectReason {
                channel: row.channel()?,
                reason: row.some_text("reason")?,
                records: row.count("records")?,
                first_seen_at: row.time("first_seen_at")?,
                last_seen_at: row.time("last_seen_at")?,
                sample: row.demand_id()?,
            })
        };
        let values = [Value::Text(channel.map(ChannelId::as_str))];
        self.query("count the quarantine", REASONS, &values, read).await
    }
}

/// The reasons of channel $1 or of all.
const REASONS: &str = "SELECT found.*, q.id FROM (
         SELECT channel, reason, count(*) AS records, min(first_seen_at) AS first_seen_at,
                max(last_seen_at) AS last_seen_at, max(seq) AS newest
         FROM quarantine
         WHERE resolved_at IS NULL AND (CAST($1 AS text) IS NULL OR channel = $1)
         GROUP BY channel, reason
     ) found JOIN quarantine q ON q.seq = found.newest
     ORDER BY found.channel, found.records DESC, found.reason";
