//! Shared SQL in PostgreSQL.

use contract::{DemandId, Fault};
use sqlx::{
    Decode, Encode, Error, PgConnection, Postgres as Driver, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{
        PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, types::Oid,
    },
    query::Query,
};

use super::Postgres;
use crate::store::database::{
    row::{Columns, plain_columns},
    shared_sql::{Read, Value},
};

impl Postgres {
    pub(in crate::store) async fn query<T: Send>(
        &self,
        doing: &str,
        sql: &'static str,
        values: &[Value<'_>],
        read: Read<T>,
    ) -> Result<Vec<T>, Fault> {
        self.within(doing, async {
            let readers = self.link.pools().await?.readers;
            Ok(fetch(&mut *readers.acquire().await?, sql, values, read).await?)
        })
        .await
    }
}

pub(in crate::store) async fn fetch<T: Send>(
    conn: &mut PgConnection,
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
) -> Query<'static, Driver, PgArguments> {
    values.iter().fold(sqlx::query(sql), |query, value| match *value {
        Value::Text(text) => query.bind(text),
        Value::Int(int) => query.bind(int),
        Value::Bool(bool) => query.bind(bool),
        Value::Bytes(bytes) => query.bind(bytes),
        Value::Id(id) => query.bind(Uuid(id)),
        Value::Time(time) => query.bind(time),
        Value::Json(text) => query.bind(text.map(|text| Json(text.to_owned()))),
    })
}

/// A demand's id as the database's own `uuid`.
pub(super) struct Uuid(pub(super) DemandId);

/// The text of a `jsonb` value.
struct Json(String);

const UUID: PgTypeInfo = PgTypeInfo::with_oid(Oid(2950));
const UUID_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(2951));
/// On the wire a `jsonb` value is its version and its text.
const JSONB_VERSION: u8 = 1;
const JSONB: PgTypeInfo = PgTypeInfo::with_oid(Oid(3802));

impl Columns for PgRow {
    plain_columns!();

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        Ok(self.try_get::<Option<Uuid>, _>(name)?.map(|Uuid(id)| id))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.try_get::<Option<Json>, _>(name)?.map(|Json(text)| text))
    }
}

impl Type<Driver> for Uuid {
    fn type_info() -> PgTypeInfo {
        UUID
    }
}

impl PgHasArrayType for Uuid {
    fn array_type_info() -> PgTypeInfo {
        UUID_ARRAY
    }
}

impl Encode<'_, Driver> for Uuid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Driver> for Uuid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(DemandId::from_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl Type<Driver> for Json {
    fn type_info() -> PgTypeInfo {
        JSONB
    }
}

impl Encode<'_, Driver> for Json {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.push(JSONB_VERSION);
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Driver> for Json {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.as_bytes()?.split_first() {
            Some((&JSONB_VERSION, text)) => Ok(Self(std::str::from_utf8(text)?.to_owned())),
            _ => Err("not a jsonb value of version 1".into()),
        }
    }
}
