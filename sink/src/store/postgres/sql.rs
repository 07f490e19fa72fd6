//! Runs statements on PostgreSQL: binds values, reads rows, and fills in the words of its dialect.

use contract::DemandId;
use serde_json::value::{RawValue, to_raw_value};
use sqlx::{
    Arguments as _, AssertSqlSafe, Decode, Encode, Error, PgConnection, Postgres as Driver,
    Row as _, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{
        PgArgumentBuffer, PgArguments, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, types::Oid,
    },
    query::Query,
    types::Json,
};

use crate::store::database::sql::{
    Columns, Dialect, NEXT_READ, Row, RowReader, TO_ALL, Value, fill, in_dialect, plain_columns,
};

const DIALECT: Dialect = [
    ("{now}", "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"),
    ("{each}", "jsonb_array_elements"),
    ("{lock}", "FOR NO KEY UPDATE"),
    ("{insert}", "INSERT"),
    ("{next_read}", NEXT_READ),
    ("{to_all}", TO_ALL),
];

pub(in crate::store) async fn fetch<T: Send>(
    conn: &mut PgConnection,
    sql: &'static str,
    values: &[Value<'_>],
    read: RowReader<T>,
) -> Result<Vec<T>, Error> {
    let rows = bind(sql, values).fetch_all(conn).await?;
    rows.iter().map(|row| read(row)).collect()
}

pub(in crate::store) fn bind(
    sql: &'static str,
    values: &[Value<'_>],
) -> Query<'static, Driver, PgArguments> {
    let sql = AssertSqlSafe(in_dialect(sql, &DIALECT));
    values.iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Text(text) => query.bind(*text),
        Value::Int(int) => query.bind(*int),
        Value::Bool(bool) => query.bind(*bool),
        Value::Bytes(bytes) => query.bind(*bytes),
        Value::Id(id) => query.bind(Uuid(*id)),
        Value::Time(time) => query.bind(*time),
        Value::Json(text) => query.bind(text.as_deref().and_then(json)),
    })
}

/// Writes all rows with one statement and an array for each column (`UNNEST`); returns the number of rows
/// that it changed.
pub(in crate::store) async fn write_rows(
    conn: &mut PgConnection,
    template: &str,
    rows: &[Row<'_>],
) -> Result<u64, Error> {
    let Some(first) = rows.first() else { return Ok(0) };
    let mut arguments = PgArguments::default();
    for (index, (_, value)) in first.iter().enumerate() {
        macro_rules! array {
            ($value:pat => $array:expr) => {{
                let values = rows.iter().map(|row| match &row[index].1 {
                    $value => $array,
                    _ => None,
                });
                arguments.add(values.collect::<Vec<_>>())
            }};
        }
        let added = match value {
            Value::Id(_) => array!(Value::Id(id) => Some(Uuid(*id))),
            Value::Text(_) => array!(Value::Text(text) => *text),
            Value::Int(_) => array!(Value::Int(number) => *number),
            Value::Bool(_) => array!(Value::Bool(flag) => *flag),
            Value::Time(_) => array!(Value::Time(time) => *time),
            Value::Bytes(_) => array!(Value::Bytes(bytes) => *bytes),
            Value::Json(_) => array!(Value::Json(text) => text.as_deref().and_then(json)),
        };
        added.map_err(Error::Encode)?;
    }
    let arrays: Vec<_> = (1..=first.len()).map(|n| format!("${n}")).collect();
    let select = format!("SELECT * FROM unnest({})", arrays.join(", "));
    let sql = AssertSqlSafe(fill(&in_dialect(template, &DIALECT), first, &select));
    Ok(sqlx::query_with(sql, arguments).execute(conn).await?.rows_affected())
}

/// The JSON value of a text. A text that is not JSON becomes a JSON string, so that it is not lost, and is
/// refused where a list is needed.
fn json(text: &str) -> Option<Json<Box<RawValue>>> {
    RawValue::from_string(text.to_owned()).or_else(|_| to_raw_value(text)).ok().map(Json)
}

/// The id of a demand, as the database type `uuid`.
struct Uuid(DemandId);

/// The numbers of the types `uuid` and `uuid[]` are the same in every database.
const UUID: PgTypeInfo = PgTypeInfo::with_oid(Oid(2950));
const UUID_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(2951));

impl Columns for PgRow {
    plain_columns!();

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        Ok(self.try_get::<Option<Uuid>, _>(name)?.map(|Uuid(id)| id))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        let raw = self.try_get::<Option<Json<Box<RawValue>>>, _>(name)?;
        Ok(raw.map(|Json(raw)| raw.get().to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_not_json_is_not_lost() {
        for (text, written) in [("{\"a\":1}", "{\"a\":1}"), ("{a", "\"{a\""), ("", "\"\"")] {
            assert_eq!(json(text).unwrap().0.get(), written);
        }
    }
}
