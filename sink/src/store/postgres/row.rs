//! Columns of PostgreSQL.

use contract::{DemandId, Timestamp};
use sqlx::{
    Decode, Encode, Error, Postgres, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo, PgValueRef, types::Oid},
};

use crate::store::database::row::Columns;

/// A demand's id as the database's own `uuid`.
pub(super) struct Uuid(pub(super) DemandId);

/// The text of a `jsonb` value.
struct Json(String);

const UUID: PgTypeInfo = PgTypeInfo::with_oid(Oid(2950));
const UUID_ARRAY: PgTypeInfo = PgTypeInfo::with_oid(Oid(2951));
const JSONB: PgTypeInfo = PgTypeInfo::with_oid(Oid(3802));

impl Columns for PgRow {
    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.try_get(name)
    }

    fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        self.try_get(name)
    }

    fn bool(&self, name: &str) -> Result<Option<bool>, Error> {
        self.try_get(name)
    }

    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        self.try_get(name)
    }

    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.try_get(name)
    }

    fn id(&self, name: &str) -> Result<Option<DemandId>, Error> {
        Ok(self.try_get::<Option<Uuid>, _>(name)?.map(|Uuid(id)| id))
    }

    fn json(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.try_get::<Option<Json>, _>(name)?.map(|Json(text)| text))
    }
}

impl Type<Postgres> for Uuid {
    fn type_info() -> PgTypeInfo {
        UUID
    }
}

impl PgHasArrayType for Uuid {
    fn array_type_info() -> PgTypeInfo {
        UUID_ARRAY
    }
}

impl Encode<'_, Postgres> for Uuid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Uuid {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        Ok(Self(DemandId::from_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl Type<Postgres> for Json {
    fn type_info() -> PgTypeInfo {
        JSONB
    }
}

impl Decode<'_, Postgres> for Json {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        // On the wire it is a version, 1, and the text.
        match value.as_bytes()?.split_first() {
            Some((1, text)) => Ok(Self(std::str::from_utf8(text)?.to_owned())),
            _ => Err("not a jsonb value of version 1".into()),
        }
    }
}
