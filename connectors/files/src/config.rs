//! The `[files]` section of a channel file, as an author writes it.
//!
//! Plain data: nothing here is checked beyond its shape. `plan.rs` turns it into settings that
//! cannot contradict each other. The comments below are what an editor shows.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use contract::{Period, Secret};
use document::Malformed;
use normalizer_text::Charset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A folder into which the source drops files: which are read, how, and what becomes of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder: a path, or `sftp://USER:PASSWORD@HOST:PORT/PATH`. A secret:
    /// `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub url: Secret,
    /// How a server is known and entered; of no meaning for a path.
    #[serde(default)]
    pub sftp: SftpConfig,
    /// Names of the files that are meant, with `*` for any characters. Others are left alone.
    #[serde(rename = "match")]
    pub pattern: Vec<String>,
    /// The form of all files; by the end of their names where this is left out.
    #[serde(default)]
    pub format: Option<Format>,
    /// The charset of files that neither prove nor declare one. Without it the bytes decide.
    #[serde(default)]
    pub charset: Option<Charset>,
    /// The charset of every file, whatever its bytes say.
    #[serde(default)]
    pub force: Option<Charset>,
    /// What becomes of a record whose bytes are not in the charset.
    #[serde(default)]
    pub malformed: Malformed,
    /// Separators and quotes of CSV files.
    #[serde(default)]
    pub csv: CsvConfig,
    /// Name of the XML element that is one record; the children of the root where this is left out.
    #[serde(default)]
    pub element: Option<String>,
    /// Columns that a table must have, each with the other names it goes by. A file without one of
    /// them is not read: it goes to quarantine and to the folder for errors. Further columns are
    /// taken as they come.
    #[serde(default)]
    pub columns: BTreeMap<String, Vec<String>>,
    /// What names a record: unique and never changed.
    pub key: JsonPath,
    /// What orders the states of one record. An unreadable one rejects the record.
    pub revision: RevisionConfig,
    /// End of the name of the file that announces another one as complete, with the line
    /// `name|rows|bytes|md5` in it: `.ok`. A file without it is left alone.
    #[serde(default)]
    pub manifest: Option<String>,
    /// How long a file must not have changed: without a manifest, before it is read; with one,
    /// before a contradiction between the two is an error. Zero where files appear whole.
    #[serde(default = "stable")]
    pub stable: Period,
    /// Folder for files that are in our custody; absolute or within the folder. Left out, they stay.
    #[serde(default)]
    pub archive: Option<String>,
    /// Folder for files that cannot be read; absolute or within the folder. Left out, they stay.
    #[serde(default)]
    pub error: Option<String>,
    /// Names taken from one listing at most.
    #[serde(default = "listing")]
    #[schemars(range(min = 1, max = 1_400))]
    pub listing: u32,
    /// The longest that one request to a server may take.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// What a file may hold at most.
    #[serde(default)]
    pub limits: Limits,
}

/// An SFTP server.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SftpConfig {
    /// Fingerprint of its host key: `SHA256:…`, as `ssh-keygen -l` shows it.
    pub host_key: Option<String>,
    /// Path of a file of known host keys, as OpenSSH keeps it.
    pub known_hosts: Option<String>,
    /// Our private key, in OpenSSH's form: `{ file = "PATH" }`.
    pub key: Option<Secret>,
    /// What the private key is encrypted with.
    pub passphrase: Option<Secret>,
}

/// CSV, as it is really written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CsvConfig {
    /// What stands between two cells: one to four ASCII characters.
    pub delimiter: String,
    /// What encloses a cell that holds separators or line ends; doubled within it.
    pub quote: char,
    /// Characters that are cut off the end of every line: some programs close lines with `;`.
    pub trailing: String,
}

/// What a file may hold at most: an archive of a few bytes can be unpacked to terabytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// MiB of a file, and of all that is unpacked from it.
    #[schemars(range(min = 1, max = 65_536))]
    pub total: u32,
    /// How many times more may be unpacked than was packed.
    #[schemars(range(min = 2, max = 10_000))]
    pub ratio: u32,
    /// Files within an archive.
    #[schemars(range(min = 1, max = 10_000))]
    pub entries: u32,
    /// MiB of one record.
    #[schemars(range(min = 1, max = 16))]
    pub record: u32,
}

/// Where the revision is read from: the name of the file, or the record itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RevisionConfig {
    /// A part of the file's name with a time in it: `_%Y%m%d%H%M%S.`.
    pub name: Option<String>,
    /// A field of the record.
    pub at: Option<JsonPath>,
    /// How that field writes a time; left out where it is a whole number.
    pub format: Option<String>,
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lines of cells, the first one names them: `.csv`, `.txt`, `.tsv`.
    Csv,
    /// The first sheet of a workbook, its first row names the columns: `.xlsx`.
    Xlsx,
    /// The same of before 2007: `.xls`.
    Xls,
    /// An XML document of records: `.xml`.
    Xml,
    /// A JSON object a line: `.jsonl`, `.ndjson`.
    JsonLines,
    /// A JSON array of objects: `.json`.
    JsonArray,
}

/// A JSONPath (RFC 9535) into a record. A row is an object of its columns; in XML children are
/// arrays.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct JsonPath(pub String);

impl JsonSchema for JsonPath {
    fn schema_name() -> Cow<'static, str> {
        "JsonPath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "jsonpath" })
    }
}

impl Default for CsvConfig {
    fn default() -> Self {
        Self { delimiter: ",".into(), quote: '"', trailing: String::new() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 2_048, ratio: 200, entries: 100, record: 4 }
    }
}

fn stable() -> Period {
    Period(Duration::from_secs(60))
}

fn listing() -> u32 {
    1_000
}

fn timeout() -> Period {
    Period(Duration::from_secs(30))
}
