//! The last exchange with the source of each channel that ended in a fault, for those who look for the cause.
//! It is sealed, because it may contain personal values, and it is never needed: it is deleted when a person is
//! erased or the keys are rotated, and after a month.

use contract::{ChannelId, Fault, SealedBytes, Timestamp};

use super::{
    Database,
    database::sql::{Columns, NO_ROWS},
};

/// An exchange that ended in a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedExchange {
    /// When it ended.
    pub at: Timestamp,
    /// Its text, sealed.
    pub sealed: SealedBytes,
}

impl Database {
    /// The last exchange of this channel that ended in a fault, if it is kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn failed_exchange(
        &self,
        channel: &ChannelId,
    ) -> Result<Option<FailedExchange>, Fault> {
        let read = |row: &dyn Columns| {
            let sealed = row.sealed("sealed")?.unwrap_or(SealedBytes(Vec::new()));
            Ok(FailedExchange { at: row.some_time("at")?, sealed })
        };
        self.query_first("read a failed exchange", READ, &[channel.as_str().into()], read).await
    }

    /// Deletes the exchanges that are older than `before`; all if it is `None`.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_failed_exchanges(&self, before: Option<Timestamp>) -> Result<(), Fault> {
        let action = "delete failed exchanges";
        match before {
            Some(before) => self.write(action, FORGET, &[before.into()], NO_ROWS).await?,
            None => self.write(action, FORGET_ALL, &[], NO_ROWS).await?,
        };
        Ok(())
    }
}

/// Keeps exchange $3 of channel $1 with time $2.
pub(super) const KEEP: &str =
    "INSERT INTO failed_exchange (channel, at, sealed) VALUES ($1, $2, $3)
     ON CONFLICT (channel) DO UPDATE SET at = $2, sealed = $3";

const READ: &str = "SELECT at, sealed FROM failed_exchange WHERE channel = $1";

const FORGET: &str = "DELETE FROM failed_exchange WHERE at < $1";

/// Deletes the exchanges of all channels.
pub(super) const FORGET_ALL: &str = "DELETE FROM failed_exchange";
