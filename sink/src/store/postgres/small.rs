//! Small statements in PostgreSQL.

use contract::Fault;

use super::Postgres;
use crate::store::{
    database::row::Columns,
    database::shared_sql::{Read, Small, Value, bind_all},
};

impl Small for Postgres {
    const NOW: &'static str = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)";

    async fn look<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        self.within(doing, async {
            let readers = self.link.pools().await?.readers;
            let rows = bind_all!(sqlx::query(sql), values).fetch_all(&readers).await?;
            let rows: Result<_, _> = rows.iter().map(|row| read(row as &dyn Columns)).collect();
            Ok(rows?)
        })
        .await
    }

    async fn write<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        self.within(doing, async {
            let mut tx = self.begin().await?;
            let rows = bind_all!(sqlx::query(sql), values).fetch_all(&mut *tx).await?;
            let rows: Result<_, _> = rows.iter().map(|row| read(row as &dyn Columns)).collect();
            tx.commit().await?;
            Ok(rows?)
        })
        .await
    }
}
