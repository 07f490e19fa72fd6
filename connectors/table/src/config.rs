//! The `[table]` section of a channel file.
//!
//! These types only check the shape of the settings; `plan.rs` checks whether they fit together. Editors
//! show the comments below as help.

use std::collections::BTreeMap;

use contract::{Period, Secret};
use document::{Duplicates, Malformed};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;

/// A table in a front-end database (前置库): which rows are read, and how they are acknowledged.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the database, with account and password: `sqlite:`, `postgres:` or `mysql:` (also for
    /// MariaDB). A secret: `{ env = "NAME" }` or `{ file = "PATH" }`. To a database on another machine, add
    /// `?sslmode=verify-full` (PostgreSQL) or `?ssl-mode=VERIFY_IDENTITY` (MySQL), and the certificate of its
    /// authority as `sslrootcert` or `ssl-ca`.
    #[schemars(extend("allow" = "database"))]
    pub(crate) url: Secret,
    /// The table and how its rows are found.
    #[serde(flatten)]
    pub(crate) main: TableConfig,
    /// The columns to read, as a list of names; all if absent. The key, the column of `changes` and each
    /// `parent` of a part are always read. Or a table: all columns are read, and those in it as it says,
    /// like `photo = { as = "ignore" }`.
    #[serde(default)]
    pub(crate) columns: Columns,
    /// Charset of binary columns, and of text that the database does not convert (PostgreSQL with the
    /// encoding SQL_ASCII). It is never detected.
    #[serde(default = "utf8")]
    pub(crate) charset: Charset,
    /// Maximum number of rows in one query, 1 to 10000.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) page: u32,
    /// Time limit of one statement.
    #[serde(default = "Period::seconds::<30>")]
    pub(crate) timeout: Period,
    /// Allows a connection to another machine that is not encrypted, or whose server is not verified. Everybody
    /// on the network path can then read and change what is sent, and may get the password.
    #[serde(default)]
    pub(crate) insecure: bool,
    /// What happens to a row whose bytes are not in the charset.
    #[serde(default)]
    pub(crate) malformed: Malformed,
    /// What happens to rows of a view that have the same key and different contents. The last one is that
    /// with the greatest value in the column of `changes`.
    #[serde(default)]
    pub(crate) duplicates: Duplicates,
    /// Width of columns in bytes (text columns: in characters). A value that fills its column was
    /// probably cut by the source, and is flagged as truncated.
    #[serde(default)]
    pub(crate) widths: BTreeMap<String, u32>,
    /// Reads recent rows again at intervals. Needs `changes`.
    pub(crate) reread: Option<Reread>,
    /// Rows of other tables that belong to a record.
    #[serde(default)]
    pub(crate) part: Vec<Part>,
}

/// Which columns of the main table are read, and how.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Columns {
    /// Only these columns.
    Listed(Vec<String>),
    /// All columns, these in a way of their own.
    Described(BTreeMap<String, Column>),
}

impl Default for Columns {
    fn default() -> Self {
        Self::Described(BTreeMap::new())
    }
}

/// How a column is read.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Column {
    /// What its values become; by default, what their type says.
    #[serde(rename = "as")]
    pub(crate) becomes: Option<Becomes>,
    /// The charset in which its bytes really are, whatever the database says of the column.
    pub(crate) charset: Option<Charset>,
    /// Texts that mean that there is no value, such as `NULL`.
    #[serde(default)]
    pub(crate) null: Vec<String>,
}

/// What the values of a column become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Becomes {
    /// Bytes become hexadecimal digits.
    Hex,
    /// 16 bytes become a UUID.
    Uuid,
    /// The database writes the value as text.
    Text,
    /// The column is not read.
    Ignore,
}

/// A table and how its rows are found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct TableConfig {
    /// The table; `schema.table` if it is not in the default schema. Write it as the database does:
    /// PostgreSQL, and MySQL on Linux, distinguish upper and lower case. A name with a dot stands in double
    /// quotes: `schema."a.b"`.
    pub(crate) table: String,
    /// The key column: unique and never changed.
    pub(crate) key: String,
    /// Finds new rows and later changes by a column that grows.
    pub(crate) changes: Option<Changes>,
    /// Finds rows that are still pending, whatever their time, and acknowledges them. A row is pending
    /// if all flags say so.
    #[serde(default)]
    pub(crate) flag: Vec<Flag>,
}

/// A column that grows with every change of a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    /// The column.
    pub(crate) column: String,
    /// The format of times in a text column, such as `%Y-%m-%d %H:%M:%S`; `%s` for seconds and `%s%3f`
    /// for milliseconds since 1970. Because the database compares the texts, only `%Y`, `%m`, `%d`, `%H`,
    /// `%M`, `%S` and `%f` may stand in it, in this order. Leave it out for a column of a time type, or of
    /// numbers that are not times.
    pub(crate) format: Option<String>,
    /// How late a row may become visible after its own time. For numbers that are not times: how long
    /// a transaction may take. The last 1000 numbers are read again in any case, as are numbers that
    /// were drawn since the oldest open transaction began, and the 200 newest gaps before them. MySQL says
    /// which transactions are open only to accounts with the right PROCESS; without it, the numbers of a
    /// day are read again if more than 200 of their ranges are missing.
    #[serde(default = "Period::seconds::<300>")]
    pub(crate) overlap: Period,
}

/// A column that says whether a row is still pending.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flag {
    /// The column. The account needs UPDATE on it, and on nothing else.
    pub(crate) column: String,
    /// The value of the column while the row is pending.
    pub(crate) pending: Pending,
    /// The value that the column gets when the row is stored.
    pub(crate) done: Scalar,
}

/// The values of a pending row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Pending {
    /// A range of numbers.
    Range(Range),
    /// One value.
    Value(Scalar),
}

/// A range of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    /// The first number.
    pub(crate) from: i64,
    /// The first number that is no longer pending.
    pub(crate) below: i64,
}

/// The value of a flag, in the type of its column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// For a boolean column.
    Bool(bool),
    /// For a number column.
    Number(i64),
    /// For a text column.
    Text(String),
}

/// Reads recent rows again at intervals.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reread {
    /// How many days back to read.
    #[schemars(range(min = 1, max = 36_500))]
    pub(crate) days: u32,
    /// The interval between two such reads.
    #[serde(default = "Period::seconds::<3600>")]
    pub(crate) every: Period,
}

/// Rows of another table that belong to a record. They become an array in it. When a new row appears, the
/// whole record is read again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// The name of the array in the record.
    pub(crate) name: String,
    /// The other table.
    #[serde(flatten)]
    pub(crate) table: TableConfig,
    /// The column of the main table by which the rows are found.
    pub(crate) parent: String,
    /// The column of the other table that equals `parent`.
    pub(crate) column: String,
    /// Whether the source moves the column of `changes` of the record whenever it adds or changes a row here.
    /// Then these rows need neither `changes` nor `flag` of their own.
    #[serde(default)]
    pub(crate) moves_record: bool,
}

fn utf8() -> Charset {
    Charset::Utf8
}

fn page() -> u32 {
    500
}
