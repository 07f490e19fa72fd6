//! Values that are written to the database and read from it, and statements that both SQLite and PostgreSQL
//! understand.
//!
//! Rules for such statements: parameters are `$1`, `$2`, …; sums are cast (in PostgreSQL the sum of
//! integers is a decimal); ORDER BY of a column with nulls says NULLS FIRST or LAST; booleans are not summed;
//! a list is one JSON parameter. For words that differ, a statement has the placeholders of [`Dialect`].

use std::borrow::Cow;

use contract::{
    ChannelId, DemandId, Digest, MappingNo, ReadNo, Revision, SealedBytes, Timestamp, Version,
};
use serde::de::DeserializeOwned;
use sqlx::Error;

/// A value that is written to the database: a parameter, or a column of a row. The variant is its type,
/// even if it is null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Id(DemandId),
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Time(Option<Timestamp>),
    Bytes(Option<&'a [u8]>),
    /// The text of a JSON value.
    Json(Option<Cow<'a, str>>),
}

impl Value<'_> {
    pub(crate) fn is_null(&self) -> bool {
        match self {
            Self::Id(_) => false,
            Self::Text(text) => text.is_none(),
            Self::Int(number) => number.is_none(),
            Self::Bool(flag) => flag.is_none(),
            Self::Time(time) => time.is_none(),
            Self::Bytes(bytes) => bytes.is_none(),
            Self::Json(json) => json.is_none(),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Time(Some(time))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl From<serde_json::Value> for Value<'_> {
    fn from(json: serde_json::Value) -> Self {
        Self::Json(Some(json.to_string().into()))
    }
}

/// A row that is written to a table: its columns by name. All rows of one statement have the same columns.
pub(crate) type Row<'a> = Vec<(&'static str, Value<'a>)>;

/// Reads one row of a result.
pub(crate) type RowReader<T> = fn(&dyn Columns) -> Result<T, Error>;

/// Reads nothing: for statements that return no rows, or whose rows are only counted.
pub(crate) const NO_ROWS: RowReader<()> = |_| Ok(());

/// Words that differ between the two databases, by their placeholders in statements:
///
/// - `{now}`: the clock of the database, in milliseconds since 1970
/// - `{each}`: the function that turns a JSON list into rows with a column `value`
/// - `{lock}`: at the end of a SELECT, locks its rows until the transaction ends
/// - `{insert}`: INSERT, for statements without ON CONFLICT
/// - `{next_read}`: [`NEXT_READ`]
/// - `{to_all}`: [`TO_ALL`]
pub(crate) type Dialect = [(&'static str, &'static str); 6];

/// Which requests concern all processes, by the column `kind`.
pub(crate) const TO_ALL: &str = "kind IN ('reload', 'retry', 'retrysinks')";

/// Replaces each NUL with a symbol, because PostgreSQL stores no NUL in a text.
pub(crate) fn without_nul(text: &str) -> String {
    text.replace('\0', "␀")
}

/// The number of the first read of a new position of channel $1. If somebody has deleted the position, the channel is
/// read from its start; with numbers that were used before, its new states would count as older than the stored ones.
/// (The condition saves the search where the position is there and only changes.)
pub(crate) const NEXT_READ: &str =
    "(CASE WHEN EXISTS (SELECT 1 FROM checkpoint c WHERE c.channel = $1) THEN 1
     ELSE 1 + (SELECT coalesce(max(known.n), 0) FROM (
         SELECT max(r.read_no) AS n FROM read r WHERE r.channel = $1
         UNION ALL SELECT max(q.read_no) FROM receipt q WHERE q.channel = $1
         UNION ALL SELECT max(d.read_no) FROM demand d WHERE d.channel = $1) known) END)";

/// Replaces the placeholders in a statement with the words of one database.
pub(crate) fn in_dialect(sql: &str, words: &Dialect) -> String {
    words.iter().fold(sql.to_owned(), |sql, (name, word)| sql.replace(name, word))
}

/// A statement for both databases. The texts differ if the query plan depends on the wording.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(sql: &'static str) -> Self {
        Self { sqlite: sql, postgres: sql }
    }
}

/// Fills in the template of a statement that writes rows: replaces `{names}` with the names of the columns
/// of `row`, and `{rows}` with `rows`, a SELECT or VALUES that returns the rows.
pub(crate) fn fill(template: &str, row: &Row<'_>, rows: &str) -> String {
    let names: Vec<_> = row.iter().map(|(name, _)| *name).collect();
    template.replace("{names}", &names.join(", ")).replace("{rows}", rows)
}

/// A row of a result. Its columns are read by name; null is `None`.
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

/// Columns that are never null (null is an error), and values of our own types.
impl dyn Columns + '_ {
    pub(crate) fn some_text(&self, name: &str) -> Result<String, Error> {
        not_null(self.text(name)?, name)
    }

    pub(crate) fn some_int(&self, name: &str) -> Result<i64, Error> {
        not_null(self.int(name)?, name)
    }

    pub(crate) fn some_time(&self, name: &str) -> Result<Timestamp, Error> {
        not_null(self.time(name)?, name)
    }

    /// A count. The sum of no rows is null, which counts as 0.
    pub(crate) fn count(&self, name: &str) -> Result<u64, Error> {
        Ok(count(self.int(name)?.unwrap_or(0)))
    }

    pub(crate) fn demand_id(&self) -> Result<DemandId, Error> {
        not_null(self.id("id")?, "id")
    }

    pub(crate) fn channel(&self) -> Result<ChannelId, Error> {
        self.some_text("channel")?.parse().map_err(|error| decode("channel", error))
    }

    pub(crate) fn digest(&self, name: &str) -> Result<Digest, Error> {
        let bytes = not_null(self.bytes(name)?, name)?;
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

/// Converts a counter to SQL, whose integers are signed. No counter becomes too large.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The inverse of [`int`]; a negative number counts as 0.
pub(crate) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn not_null<T>(value: Option<T>, name: &str) -> Result<T, Error> {
    value.ok_or_else(|| decode(name, "the column is null"))
}
