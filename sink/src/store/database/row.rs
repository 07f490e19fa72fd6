//! Reads columns of rows, whichever database they come from.

use contract::{
    ChannelId, DemandId, Digest, MappingNo, ReadNo, Revision, SealedBytes, Timestamp, Version,
};
use serde::de::DeserializeOwned;
use sqlx::Error;

/// A row whose columns are asked for by name; null is `None`.
pub(crate) trait Columns {
    fn text(&self, name: &str) -> Result<Option<String>, Error>;
    fn int(&self, name: &str) -> Result<Option<i64>, Error>;
    fn bool(&self, name: &str) -> Result<Option<bool>, Error>;
    fn time(&self, name: &str) -> Result<Option<Timestamp>, Error>;
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, Error>;
    fn id(&self, name: &str) -> Result<Option<DemandId>, Error>;
    /// The text of a JSON value.
    fn json(&self, name: &str) -> Result<Option<String>, Error>;
}

/// The columns that both drivers decode by themselves.
macro_rules! plain_columns {
    () => {
        plain_columns! {
            text: String, int: i64, bool: bool, time: contract::Timestamp, bytes: Vec<u8>,
        }
    };
    ($($name:ident: $type:ty),* $(,)?) => {
        $(fn $name(&self, name: &str) -> Result<Option<$type>, sqlx::Error> {
            self.try_get(name)
        })*
    };
}
pub(crate) use plain_columns;

/// Columns that are never null, and values that consist of several columns or of text.
impl dyn Columns + '_ {
    pub(crate) fn some_text(&self, name: &str) -> Result<String, Error> {
        some(self.text(name)?, name)
    }

    pub(crate) fn some_int(&self, name: &str) -> Result<i64, Error> {
        some(self.int(name)?, name)
    }

    pub(crate) fn some_time(&self, name: &str) -> Result<Timestamp, Error> {
        some(self.time(name)?, name)
    }

    /// A count. The sum of no rows is null, which counts as 0.
    pub(crate) fn count(&self, name: &str) -> Result<u64, Error> {
        Ok(count(self.int(name)?.unwrap_or(0)))
    }

    pub(crate) fn demand_id(&self) -> Result<DemandId, Error> {
        some(self.id("id")?, "id")
    }

    pub(crate) fn channel(&self) -> Result<ChannelId, Error> {
        self.some_text("channel")?.parse().map_err(|error| decode("channel", error))
    }

    pub(crate) fn digest(&self, name: &str) -> Result<Digest, Error> {
        let bytes = some(self.bytes(name)?, name)?;
        bytes.try_into().map(Digest).map_err(|_| decode(name, "not 16 bytes"))
    }

    pub(crate) fn sealed(&self, name: &str) -> Result<Option<SealedBytes>, Error> {
        Ok(self.bytes(name)?.map(SealedBytes))
    }

    pub(crate) fn version(&self) -> Result<Version, Error> {
        let mapping = u32::try_from(self.some_int("mapping")?);
        Ok(Version {
            revision: Revision::from_column(self.some_int("revision")?),
            read_no: ReadNo(count(self.some_int("read_no")?)),
            mapping: MappingNo(mapping.map_err(|error| decode("mapping", error))?),
        })
    }

    /// The value in a column of JSON.
    pub(crate) fn json_value<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let value = self.json(name)?.map(|text| serde_json::from_str(&text));
        value.transpose().map_err(|error| decode(name, error))
    }
}

/// The error for a column with an unexpected value.
pub(crate) fn decode(
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}

/// Counters are unsigned in Rust and signed in SQL; none of ours becomes that large.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The inverse of [`int`]; a negative number counts as 0.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn some<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| decode(name, "it is null"))
}
