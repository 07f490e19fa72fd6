//! The `[files]` section of a channel file.
//!
//! Only the types of the settings are checked here; `options.rs` checks their values. Editors show
//! the doc comments below to the person who writes a channel file.

use std::collections::BTreeMap;

use contract::{Period, Secret};
use document::{CsvConfig, Duplicates, KeyPath, Malformed, Path};
use normalizer_text::Charset;
use schemars::JsonSchema;
use serde::Deserialize;

/// A folder into which the source puts files: which files are read, how, and where they are moved.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The folder: a path, or `sftp://USER:PASSWORD@HOST:PORT/PATH`. A secret:
    /// `{ env = "NAME" }` or `{ file = "PATH" }`.
    #[schemars(extend("allow" = "folder"))]
    pub(crate) url: Secret,
    /// How to verify an SFTP server and log in to it; not used if `url` is a path.
    #[serde(default)]
    pub(crate) sftp: SftpConfig,
    /// Names of the files to read; `*` stands for any characters. Other files are ignored.
    #[serde(rename = "match")]
    pub(crate) pattern: Vec<String>,
    /// The format of all files. Without it, the extension of a file decides.
    pub(crate) format: Option<Format>,
    /// The charset of files whose bytes neither prove nor declare one. Without it, the charset is
    /// guessed from the bytes.
    pub(crate) charset: Option<Charset>,
    /// The charset of every file, even if its bytes declare another one.
    pub(crate) force: Option<Charset>,
    /// What happens to a record with bytes that are not valid in the charset.
    #[serde(default)]
    pub(crate) malformed: Malformed,
    /// Separators, quotes and header of CSV files.
    #[serde(default)]
    pub(crate) csv: CsvConfig,
    /// Where the list of records is in a JSON file that contains more than this list: `$.data`.
    /// A file that has no list there is not read.
    pub(crate) records: Option<Path>,
    /// Texts that mean that a field has no value, like `\N`, `NULL` or `无`, in every field.
    #[serde(default)]
    pub(crate) null: Vec<String>,
    /// Name of the XML element that is one record. Without it, each child of the root is a record.
    pub(crate) element: Option<String>,
    /// Columns that a CSV file or workbook must have, each with its other names. A file that lacks
    /// one of them is not read: it goes to quarantine and to the folder `error`. All other columns
    /// are read too.
    #[serde(default)]
    pub(crate) columns: BTreeMap<String, Vec<String>>,
    /// Name of the sheet of a workbook that contains the records, even if it is hidden; `*` stands
    /// for any characters. If several sheets have that name, they are one table. Without it, that is
    /// the only visible sheet with a record: a row below the header, or any row of two cells or more that
    /// is not the header. A workbook with several such sheets goes to quarantine. Hidden sheets are not read.
    pub(crate) sheet: Option<String>,
    /// Records to leave out, like the totals below a table: for each field, the texts that it has
    /// in such a record; `*` stands for any characters, and "" for a field that is empty or absent.
    #[serde(default)]
    pub(crate) skip: BTreeMap<String, Vec<String>>,
    /// The only records to read: for each field, the texts that it may have, written as in `skip`.
    #[serde(default)]
    pub(crate) only: BTreeMap<String, Vec<String>>,
    /// Where the key is in a record: one path, or a list of paths whose values together are the key. A key
    /// must be unique and never change. A record whose key is missing or not exact goes to quarantine.
    pub(crate) key: KeyPath,
    /// What happens to records of one file that have the same key and revision and different contents; `stop`
    /// refuses the file. The same happens to such a record in a file if another file of the pass has the other one,
    /// which was already read; `stop` refuses the file from there on.
    #[serde(default = "quarantine")]
    pub(crate) duplicates: Duplicates,
    /// The number or time that orders the states of one record. A record without it is rejected; if
    /// it is in the name of the file, a file without it.
    pub(crate) revision: RevisionConfig,
    /// Suffix of the names of manifests, like `.ok`. The manifest `a.csv.ok` says that `a.csv` is
    /// complete, and contains the line `name|rows|bytes|md5`. A file without a manifest then
    /// waits, and the pass is not known to be complete. The suffix may be in capital or small letters.
    pub(crate) manifest: Option<String>,
    /// How long a file must have been unchanged before it is read. A file with a manifest is read
    /// at once; if the two contradict each other, this is how long the file must have been
    /// unchanged before that is an error. Zero if the source never writes into a visible file. A file
    /// that was read is read again if its size or its time changes. An SFTP server gives times in whole
    /// seconds: a file that is overwritten within the same second, or with its old time, by one of the same
    /// size is not read again. A source that overwrites files should give each a name of its own there.
    #[serde(default = "Period::seconds::<60>")]
    pub(crate) stable: Period,
    /// Folder for files whose records are in custody (confirmed by the bus, or stored): absolute, or
    /// relative to `url`. Without it, these files stay. Whenever a pass begins, the eight files without a manifest
    /// that were moved last are looked at: one that was written to since is put back and read again.
    #[schemars(extend("allow" = "subfolder"))]
    pub(crate) archive: Option<String>,
    /// Folder for files that cannot be read: absolute, or relative to `url`. Without it, these
    /// files stay.
    #[schemars(extend("allow" = "subfolder"))]
    pub(crate) error: Option<String>,
    /// The maximum number of names that are read from one listing of the folder.
    #[serde(default = "contract::default_number::<1000>")]
    #[schemars(range(min = 1, max = 1_400))]
    pub(crate) listing: u32,
    /// The maximum time of one request to an SFTP server.
    #[serde(default = "Period::seconds::<30>")]
    pub(crate) timeout: Period,
    /// The maximum size of files and records.
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// How to verify an SFTP server and log in to it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SftpConfig {
    /// Fingerprint of the server's host key: `SHA256:…`, as `ssh-keygen -l` shows it.
    pub(crate) host_key: Option<String>,
    /// Path of a `known_hosts` file, in the format of OpenSSH.
    pub(crate) known_hosts: Option<String>,
    /// Our private key in OpenSSH format: `{ file = "PATH" }`.
    pub(crate) key: Option<Secret>,
    /// The passphrase of the private key.
    pub(crate) passphrase: Option<Secret>,
}

/// The maximum size of files and records: a small archive can unpack to terabytes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// The maximum size of a file, of everything unpacked from it, and of the texts in all cells of a workbook
    /// together, in MiB.
    #[schemars(range(min = 1, max = 65_536))]
    pub(crate) total: u32,
    /// The maximum ratio of unpacked bytes to packed bytes.
    #[schemars(range(min = 2, max = 10_000))]
    pub(crate) ratio: u32,
    /// The maximum number of files in an archive.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) entries: u32,
    /// The maximum size of one record, in MiB.
    #[schemars(range(min = 1, max = 16))]
    pub(crate) record: u32,
}

/// Where the revision of a record is: in the name of its file, or in the record.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RevisionConfig {
    /// The format of the time in the name of a file, including the characters around the time:
    /// `_%Y%m%d%H%M%S.`.
    pub(crate) name: Option<String>,
    /// The field of the record that contains the revision.
    pub(crate) at: Option<Path>,
    /// The format of the time in that field. Without it, the field is a whole number.
    pub(crate) format: Option<String>,
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Lines of cells; one of the first ten names the columns: `.csv`, `.txt`, `.tsv`.
    Csv,
    /// A sheet of a workbook; one of its first ten rows names the columns: `.xlsx`.
    Xlsx,
    /// A sheet of a workbook in the format before Excel 2007: `.xls`.
    Xls,
    /// An XML document that contains records: `.xml`.
    Xml,
    /// JSON objects one after another, usually one per line: `.jsonl`, `.ndjson`. A file that begins
    /// with `[` is an array.
    JsonLines,
    /// A JSON array of objects, or objects one after another: `.json`.
    JsonArray,
}

/// A file cannot be asked for again: its other records are read.
fn quarantine() -> Duplicates {
    Duplicates::Quarantine
}

impl Default for Limits {
    fn default() -> Self {
        Self { total: 2_048, ratio: 200, entries: 100, record: 4 }
    }
}

impl Limits {
    /// The maximum size of a file, and of everything unpacked from it, in bytes.
    pub(crate) fn total_bytes(&self) -> u64 {
        u64::from(self.total) << 20
    }
}
