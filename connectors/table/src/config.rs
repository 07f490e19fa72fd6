//! The `[table]` section of a channel file, as an author writes it.
//!
//! Plain data: nothing here is checked beyond its shape. `plan.rs` turns it into settings that
//! cannot contradict each other. The comments below are what an editor shows.

use std::collections::BTreeMap;

use contract::{Period, Secret};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;

/// A front-end database table (前置库): which rows are read, and how the source is told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address of the database with account and password: `sqlite:`, `postgres:` or `mysql:`
    /// (also for MariaDB). A secret: `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub url: Secret,
    /// The table; `schema.table` where it is not in the default schema. Written as the database
    /// writes it: PostgreSQL and MySQL on Linux tell capitals from small letters.
    pub table: String,
    /// The column that names a row: unique and never changed.
    pub key: String,
    /// The columns to read; all where this is left out. Key, times and parents are always read.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Charset of the columns that hold bytes. Never guessed.
    #[serde(default = "utf8")]
    pub charset: Charset,
    /// Rows of one query at most, 1 to 10000.
    #[serde(default = "page")]
    #[schemars(range(min = 1, max = 10_000))]
    pub page: u32,
    /// The longest that one statement may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What becomes of a row whose bytes are not in the charset.
    #[serde(default)]
    pub malformed: Malformed,
    /// Width of columns in bytes (of text columns: in characters). A value that fills its column
    /// was cut by the source and is marked.
    #[serde(default)]
    pub widths: BTreeMap<String, u32>,
    /// Finds new rows and later changes by a column that grows.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// Finds rows that are still pending, whatever their time, and acknowledges them. A row is
    /// pending when all conditions hold.
    #[serde(default)]
    pub flag: Vec<Flag>,
    /// Reads old rows again from time to time. Needs `changes`.
    #[serde(default)]
    pub reread: Option<Reread>,
    /// Rows of other tables that belong to a record.
    #[serde(default)]
    pub part: Vec<Part>,
}

/// A column that grows with every change of a row.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The column.
    pub column: String,
    /// How a text column writes times, e.g. `%Y-%m-%d %H:%M:%S`; `%s` for seconds and `%s%3f` for
    /// milliseconds since 1970. Left out for a column of a time type, or of plain numbers.
    #[serde(default)]
    pub format: Option<String>,
    /// How late a row may become visible after its own time. Plain numbers have no overlap: there,
    /// add a flag.
    #[serde(default = "overlap")]
    pub overlap: Period,
}

/// A column that says whether a row was fetched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The column. The account needs UPDATE on it, and on nothing else.
    pub column: String,
    /// What it holds while the row is pending.
    pub pending: Pending,
    /// What it is set to once the row is in our custody.
    pub done: Scalar,
}

/// The values of a pending row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Pending {
    /// From the first up to, but without, the second.
    Range(Range),
    /// This one.
    Is(Scalar),
}

/// A range of whole numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub from: i64,
    /// The first that is too large.
    pub below: i64,
}

/// A value of a flag, of the type of its column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// Of a boolean column.
    Bool(bool),
    /// Of a number column.
    Number(i64),
    /// Of a text column.
    Text(String),
}

/// A second walk, over rows that were read before.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reread {
    /// How far back.
    #[schemars(range(min = 1, max = 36_500))]
    pub days: u32,
    /// How often.
    #[serde(default = "every")]
    pub every: Period,
}

/// Rows of another table that belong to a record: in it they are an array of this name. A new row
/// makes its record be read again whole.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name of the array in the record.
    pub name: String,
    /// The other table.
    pub table: String,
    /// Its column that names a row: unique and never changed.
    pub key: String,
    /// The column of the main table that both share.
    pub parent: String,
    /// The column of the other table that equals it.
    pub column: String,
    /// Finds new rows by a column that grows.
    #[serde(default)]
    pub changes: Option<Changes>,
    /// Finds rows that are still pending, and acknowledges them.
    #[serde(default)]
    pub flag: Vec<Flag>,
}

/// What becomes of a row whose bytes are not in the charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Malformed {
    /// It goes to quarantine with its bytes.
    #[default]
    Reject,
    /// It is taken, with U+FFFD in place of what is malformed and a mark.
    Accept,
}

fn utf8() -> Charset {
    Charset::Utf8
}

fn page() -> u32 {
    500
}

fn timeout() -> Period {
    Period(std::time::Duration::from_secs(30))
}

fn overlap() -> Period {
    Period(std::time::Duration::from_secs(300))
}

fn every() -> Period {
    Period(std::time::Duration::from_secs(3600))
}
