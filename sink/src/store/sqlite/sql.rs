//! Shared SQL in SQLite: ids and times are text, lists are JSON text.

use contract::{DemandId, Fault};
use sqlx::{
    Error, Row, Sqlite as Driver, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{Sqlite, iso};
use crate::store::database::{
    row::{Columns, decode, plain_columns},
    shared_sql::{Read, Value},
};

impl Sqlite {
    pub(in crate::store) async fn query<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        let work = async { fetch(&mut *self.readers.acquire().await?, sql, values, read).await };
        work.await.map_err(|error| self.fault(doing, error))
    }
}

pub(in crate::store) async fn fetch<T: Send>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    values: &[Value<'_>],
    read: Read<T>,
) -> Result<Vec<T>, Error> {
    let rows = bind(sql, values).fetch_all(conn).await?;
    rows.iter().map(|row| read(row)).collect()
}

pub(in crate::store) fn bind(
    sql: &'static str,
    values: &[Value<'_>],
) -> Query<'static, Driver, SqliteArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Text(text) | Value::Json(text) => query.bind(text),
        Value::Int(int) => query.bind(int),
        Value::Bool(bool) => query.bind(bool),
        Value::Bytes(bytes) => query.bind(bytes),
        Value::Id(id) => query.bind(id.to_string()),
        Value::Time(time) => query.bind(time.map(iso)),
    })
}

impl Columns for SqliteRow {
    plain_columns!();

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        let text: Option<&str> = self.try_get(name)?;
        text.map(str::parse).transpose().map_err(|error| decode(name, error))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        self.try_get(name)
    }
}
