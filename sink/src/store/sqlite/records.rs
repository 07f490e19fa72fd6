//! What the SQLite store shows of itself.

use contract::{ChannelId, Demand, DemandId, Fault, RecordKey, SealedBytes};
use sqlx::AssertSqlSafe;

use super::Sqlite;
use crate::store::{
    ChannelStatus, DemandRow, HistoryRow, Quarantined, database::row, demands::questions,
};

impl Sqlite {
    /// The demand with this id.
    ///
    /// # Errors
    /// The file cannot be read, or the row does not hold a demand.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        let row = sqlx::query(AssertSqlSafe(questions::DEMAND.as_str()))
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .and_then(|row| row.as_ref().map(row::demand).transpose());
        row.map_err(|error| self.fault("read a demand", error))
    }

    /// The current state of what has this key.
    ///
    /// # Errors
    /// As [`Sqlite::demand`].
    pub async fn current(
        &self,
        channel: &ChannelId,
        key: &RecordKey,
    ) -> Result<Option<Demand>, Fault> {
        let row = self.demand(&DemandId::of(channel, key)).await?;
        Ok(row.map(|row| row.demand))
    }

    /// All states of a demand, in the order of judgement.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        let rows = sqlx::query(questions::HISTORY)
            .bind(id.to_string())
            .fetch_all(&self.readers)
            .await
            .and_then(|rows| rows.iter().map(row::history).collect());
        rows.map_err(|error| self.fault("read a history", error))
    }

    /// The record behind a row of history, as the source said it: compressed and sealed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        let raw = sqlx::query_scalar(questions::RAW)
            .bind(history_seq)
            .fetch_optional(&self.readers)
            .await;
        raw.map(|raw| raw.map(SealedBytes)).map_err(|error| self.fault("read a record", error))
    }

    /// What waits in quarantine, newest first; what is resolved does not wait.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        let rows = sqlx::query(questions::QUARANTINE_LIST)
            .bind(channel.map(ChannelId::as_str))
            .bind(i64::from(limit))
            .fetch_all(&self.readers)
            .await
            .and_then(|rows| rows.iter().map(row::quarantined).collect());
        rows.map_err(|error| self.fault("list the quarantine", error))
    }

    /// What is in quarantine under this id, resolved or not.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        let row = sqlx::query(questions::QUARANTINE_SHOW)
            .bind(id.to_string())
            .fetch_optional(&self.readers)
            .await
            .and_then(|row| row.as_ref().map(row::quarantined).transpose());
        row.map_err(|error| self.fault("read the quarantine", error))
    }

    /// Where each channel stands.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn status(&self) -> Result<Vec<ChannelStatus>, Fault> {
        let rows = sqlx::query(questions::STATUS)
            .fetch_all(&self.readers)
            .await
            .and_then(|rows| rows.iter().map(row::status).collect());
        rows.map_err(|error| self.fault("read the status", error))
    }
}
