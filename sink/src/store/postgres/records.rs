//! What the PostgreSQL store shows of itself.

use contract::{ChannelId, Demand, DemandId, Fault, RecordKey, SealedBytes};
use sqlx::{Encode, PgPool, Postgres as Driver, Type, postgres::PgRow};

use super::{Failure, Postgres, row::Uuid};
use crate::store::{
    ChannelStatus, DemandRow, HistoryRow, Quarantined, database::row, demands::questions,
};

impl Postgres {
    /// The demand with this id.
    ///
    /// # Errors
    /// The database cannot be read, or the row does not hold a demand.
    pub async fn demand(&self, id: &DemandId) -> Result<Option<DemandRow>, Fault> {
        let work = self.one(questions::DEMAND.as_str(), Uuid(*id), row::demand);
        self.within("read a demand", work).await
    }

    /// The current state of what has this key.
    ///
    /// # Errors
    /// As [`Postgres::demand`].
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
    /// The database cannot be read.
    pub async fn history(&self, id: &DemandId) -> Result<Vec<HistoryRow>, Fault> {
        self.within("read a history", async {
            let query = sqlx::query(questions::HISTORY).bind(Uuid(*id));
            let rows = query.fetch_all(&self.readers().await?).await?;
            Ok(rows.iter().map(row::history).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The record behind a row of history, as the source said it: compressed and sealed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn raw(&self, history_seq: i64) -> Result<Option<SealedBytes>, Fault> {
        let bytes = |row: &PgRow| row::Columns::bytes(row, "raw");
        let work = self.one(questions::RAW, history_seq, bytes);
        Ok(self.within("read a record", work).await?.flatten().map(SealedBytes))
    }

    /// What waits in quarantine, newest first; what is resolved does not wait.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn quarantine_list(
        &self,
        channel: Option<&ChannelId>,
        limit: u32,
    ) -> Result<Vec<Quarantined>, Fault> {
        self.within("list the quarantine", async {
            let rows = sqlx::query(questions::QUARANTINE_LIST)
                .bind(channel.map(ChannelId::as_str))
                .bind(i64::from(limit))
                .fetch_all(&self.readers().await?)
                .await?;
            Ok(rows.iter().map(row::quarantined).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// What is in quarantine under this id, resolved or not.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn quarantine_show(&self, id: &DemandId) -> Result<Option<Quarantined>, Fault> {
        let work = self.one(questions::QUARANTINE_SHOW, Uuid(*id), row::quarantined);
        self.within("read the quarantine", work).await
    }

    /// Where each channel stands.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn status(&self) -> Result<Vec<ChannelStatus>, Fault> {
        self.within("read the status", async {
            let rows = sqlx::query(questions::STATUS).fetch_all(&self.readers().await?).await?;
            Ok(rows.iter().map(row::status).collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(super) async fn readers(&self) -> Result<PgPool, Failure> {
        Ok(self.link.pools().await?.readers)
    }

    /// The row that `key` names, if there is one.
    async fn one<'q, K, T>(
        &self,
        sql: &'static str,
        key: K,
        read: impl Fn(&PgRow) -> Result<T, sqlx::Error> + Send,
    ) -> Result<Option<T>, Failure>
    where
        K: Encode<'q, Driver> + Type<Driver> + Send + 'q,
        T: Send,
    {
        let query = sqlx::query(sql).bind(key);
        let row = query.fetch_optional(&self.readers().await?).await?;
        Ok(row.as_ref().map(read).transpose()?)
    }
}
