//! Small statements in SQLite.

use contract::Fault;

use super::Sqlite;
use crate::store::{
    database::row::Columns,
    database::shared_sql::{Read, Small, Value, bind_all},
};

impl Small for Sqlite {
    const NOW: &'static str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

    async fn look<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let rows = bind_all!(sqlx::query(sql), values).fetch_all(&self.readers).await;
        let rows = rows.and_then(|rows| rows.iter().map(|row| read(row as &dyn Columns)).collect());
        rows.map_err(|error| self.fault(doing, error))
    }

    async fn write<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut tx = self.begin().await?;
        let rows = bind_all!(sqlx::query(sql), values).fetch_all(&mut *tx).await;
        let rows = rows.and_then(|rows| rows.iter().map(|row| read(row as &dyn Columns)).collect());
        let rows = rows.map_err(|error| self.fault(doing, error))?;
        tx.commit().await.map_err(|error| self.fault(doing, error))?;
        Ok(rows)
    }
}
