//! The `[files]` section of a channel file.
//!
//! Plain data: only its shape is checked here. `options.rs` checks what belongs together. Editors
//! show the comments below.

use std::collections::BTreeMap;

use contract::{Period, Secret};
use document::{Malformed, Path};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;

/// A folder into which the source puts files: which are read, how, and where they go then.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder: a path, or `sftp://USER:PASSWORD@HOST:PORT/PATH`. A secret:
    /// `{ env = "NAME" }` or `{ file = "PATH" }`.
    pub(crate) url: Secret,
    /// How a server is verified and how we log in; not for a path.
    #[serde(default)]
    pub(crate) sftp: SftpConfig,
    /// Names of the files to read, with `*` for any characters. Others are ignored.
    #[serde(rename = "match")]
    pub(crate) pattern: Vec<String>,
    /// The format of all files; without it, their names decide.
    pub(crate) format: Option<Format>,
    /// The charset of files that neither prove nor declare one. Without it the bytes decide.
    pub(crate) charset: Option<Charset>,
    /// The charset of every file, whatever its bytes say.
    pub(crate) force: Option<Charset>,
    /// What happens to a record whose bytes are not in the charset.
    #[serde(default)]
    pub(crate) malformed: Malformed,
    /// Separators and quotes of CSV files.
    #[serde(default)]
    pub(crate) csv: CsvConfig,
    /// Name of the XML element that is one record; without it, the children of the root.
    pub(crate) element: Option<String>,
    /// Columns that a table must have, each with its other names. A file without one of them is not
    /// read: it goes to quarantine and to the folder for errors. Further columns are read too.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// The key of a record: unique and never changed.
    pub(crate) key: Path,
    /// What orders the states of one record. An unreadable one rejects the record.
    pub(crate) revision: RevisionConfig,
    /// Suffix of the manifest, the file that says that another one is complete: `.ok`. It contains the
    /// line `name|rows|bytes|md5`. A file without a manifest is ignored.
    pub(crate) manifest: Option<String>,
    /// How long a file must be unchanged: without a manifest, before it is read; with one, before a
    /// contradiction between the two is an error. Zero where files appear complete.
    #[serde(default = "Period::seconds::<60>")]
    pub(crate) stable: Period,
    /// Folder for files that are stored; absolute or within the folder. Without it, they stay.
    pub(crate) archive: Option<String>,
    /// Folder for files that cannot be read; absolute or within the folder. Without it, they stay.
    pub(crate) error: Option<String>,
    /// Most names taken from one listing.
    #[serde(default = "listing")]
    #[schemars(range(min = 1, max = 1_400))]
    pub(crate) listing: u32,
    /// The longest that one request to a server may take.
    #[serde(default = "Period::seconds::<30>")]
    pub(crate) timeout: Period,
    /// Limits of a file.
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// An SFTP server.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SftpConfig {
    /// Fingerprint of its host key: `SHA256:…`, as `ssh-keygen -l` shows it.
    pub(crate) host_key: Option<String>,
    /// Path of a file of known host keys, as OpenSSH keeps it.
    pub(crate) known_hosts: Option<String>,
    /// Our private key in OpenSSH format: `{ file = "PATH" }`.
    pub(crate) key: Option<Secret>,
    /// The passphrase of the private key.
    pub(crate) passphrase: Option<Secret>,
}

/// CSV files.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CsvConfig {
    /// The separator between two cells: one to four ASCII characters.
    pub(crate) delimiter: String,
    /// The quote around a cell with separators or line ends; doubled within it.
    pub(crate) quote: char,
    /// Characters that are removed from the end of every line: some programs end lines with `;`.
    pub(crate) trailing: String,
}

/// Limits of a file: an archive of a few bytes can unpack to terabytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// MiB of a file, and of all that is unpacked from it.
    #[schemars(range(min = 1, max = 65_536))]
    pub(crate) total: u32,
    /// Most unpacked bytes for each packed byte.
    #[schemars(range(min = 2, max = 10_000))]
    pub(crate) ratio: u32,
    /// Files within an archive.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) entries: u32,
    /// MiB of one record.
    #[schemars(range(min = 1, max = 16))]
    pub(crate) record: u32,
}

/// Where the revision is: in the name of the file, or in the record.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RevisionConfig {
    /// A part of the file's name that contains a time: `_%Y%m%d%H%M%S.`.
    pub(crate) name: Option<String>,
    /// A field of the record.
    pub(crate) at: Option<Path>,
    /// How that field writes a time; without it, the field is a whole number.
    pub(crate) format: Option<String>,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Lines of cells, the first one names them: `.csv`, `.txt`, `.tsv`.
    Csv,
    /// The first sheet of a workbook, its first row names the columns: `.xlsx`.
    Xlsx,
    /// The same in the format before Excel 2007: `.xls`.
    Xls,
    /// An XML document of records: `.xml`.
    Xml,
    /// One JSON object per line: `.jsonl`, `.ndjson`.
    JsonLines,
    /// A JSON array of objects: `.json`.
    JsonArray,
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

impl Limits {
    /// Most bytes that one file may be, and may unpack to.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.total) << 20
    }
}

fn listing() -> u32 {
    1_000
}
