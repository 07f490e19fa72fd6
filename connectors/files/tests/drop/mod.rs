//! A folder of files as a source for tests, on this machine or on the SFTP server that
//! `cargo xtask test` starts.

#![allow(dead_code, reason = "each test binary uses a part of this module")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{NaiveDateTime, TimeDelta};
use connector_files::{Cursor as Position, Files};
use connector_testkit::Source;
use contract::{Connector as _, ConnectorContext, Cursor, Entry, Fault, Gate, OpenGate, PassEnd};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

/// A folder, and the settings of a channel that reads it.
pub(crate) struct Folder {
    /// Its path on this machine.
    pub(crate) path: PathBuf,
    /// The `[files]` section.
    pub(crate) settings: Value,
    /// The gate that limits the requests.
    pub(crate) gate: Arc<dyn Gate>,
    n_files: i64,
    /// Removed when the test ends.
    _temporary: Option<tempfile::TempDir>,
}

impl Folder {
    /// A folder on this machine. Its files have manifests and are archived.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().to_owned();
        Self::at(path.clone(), &path.display().to_string(), Some(temporary))
    }

    /// A folder at `path`, which the channel reads as `url`.
    pub(crate) fn at(path: PathBuf, url: &str, temporary: Option<tempfile::TempDir>) -> Self {
        for folder in [path.clone(), path.join("archive"), path.join("error")] {
            fs::create_dir_all(&folder).unwrap();
            // The SFTP server runs as another user.
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let settings = json!({
            "url": url, "match": ["F_*"], "key": "$.id", "manifest": ".ok", "stable": "0s",
            "revision": { "name": "_%Y%m%d%H%M%S" }, "charset": "gbk",
            "archive": "archive", "error": "error",
        });
        Self { path, settings, gate: Arc::new(OpenGate), n_files: 0, _temporary: temporary }
    }

    /// Changes settings; a `null` removes one.
    pub(crate) fn with(mut self, settings: Value) -> Self {
        for (name, value) in settings.as_object().unwrap() {
            match value {
                Value::Null => drop(self.settings.as_object_mut().unwrap().remove(name)),
                value => self.settings[name] = value.clone(),
            }
        }
        self
    }

    /// A folder whose files have no manifests and are not moved.
    pub(crate) fn without_manifests(self) -> Self {
        self.with(json!({ "manifest": null, "archive": null, "error": null }))
    }

    pub(crate) fn files(&self) -> Files {
        self.build().unwrap_or_else(|fault| panic!("{fault}"))
    }

    pub(crate) fn build(&self) -> Result<Files, Fault> {
        let defaults = ConnectorContext::new("drop".parse().unwrap(), chrono_tz::Asia::Shanghai);
        let context = ConnectorContext { gate: self.gate.clone(), ..defaults };
        Files::build(serde_json::from_value(self.settings.clone()).unwrap(), context)
    }

    /// Puts a complete file into the folder.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let hidden = self.path.join(".part");
        fs::write(&hidden, bytes).unwrap();
        fs::rename(hidden, self.path.join(name)).unwrap();
    }

    /// Puts a file into the folder, and its manifest if the channel expects one.
    pub(crate) fn announce(&self, name: &str, bytes: impl AsRef<[u8]>, n_rows: usize) {
        let bytes = bytes.as_ref();
        self.put(name, bytes);
        if let Some(suffix) = self.settings["manifest"].as_str() {
            self.put(&format!("{name}{suffix}"), manifest(name, bytes, n_rows));
        }
    }

    /// The names of the files in a subfolder, sorted.
    pub(crate) fn names(&self, subfolder: &str) -> Vec<String> {
        names(&self.path.join(subfolder))
    }

    /// Reads and settles after a cursor, until the connector has caught up.
    pub(crate) async fn entries(&self, after: Option<Cursor>, max: usize) -> (Vec<Entry>, Cursor) {
        let (entries, cursor, _) = self.pass(after, max).await;
        (entries, cursor)
    }

    /// The same, with the account of the pass.
    pub(crate) async fn pass(
        &self,
        after: Option<Cursor>,
        max: usize,
    ) -> (Vec<Entry>, Cursor, PassEnd) {
        let (mut files, mut entries) = (self.files(), Vec::new());
        let mut cursor = after.map(|after| after.decode::<Position>().unwrap());
        loop {
            let batch = files.read(cursor.as_ref(), max).await.unwrap_or_else(|f| panic!("{f}"));
            entries.extend(batch.entries);
            files.settled(&batch.upto).await.unwrap_or_else(|f| panic!("{f}"));
            if let Some(end) = batch.end {
                return (entries, Cursor::encode(&batch.upto).unwrap(), end);
            }
            cursor = Some(batch.upto);
        }
    }
}

impl Source for Folder {
    type Connector = Files;

    const MAX_DELAY: Duration = Duration::from_secs(3600);

    fn connector(&self) -> Files {
        self.files()
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        self.n_files += 1;
        let now = NaiveDateTime::parse_from_str("2026-10-09 10:30:00", "%F %T").unwrap();
        let at = now - TimeDelta::from_std(age).unwrap() + TimeDelta::seconds(self.n_files);
        let name = format!("F_{}.csv", at.format("%Y%m%d%H%M%S"));
        let rows: String = keys.iter().map(|key| format!("{key},{}\n", self.n_files)).collect();
        self.announce(&name, format!("id,title\n{rows}"), keys.len());
    }

    async fn change(&mut self, key: &str) {
        self.add(&[key.to_owned()], Duration::ZERO).await;
    }
}

/// The manifest of a file.
pub(crate) fn manifest(name: &str, bytes: &[u8], n_rows: usize) -> String {
    format!("{name}|{n_rows}|{}|{}\n", bytes.len(), hex::encode(Md5::digest(bytes)))
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    let mut names: Vec<String> =
        files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The key of an entry, or its place if it has no key. The key of a refused file is more than its name.
pub(crate) fn key(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.key.to_string(),
        Entry::Unreadable { place, .. } => {
            let key = place.key.as_ref().filter(|key| !key.as_str().starts_with(&place.at));
            key.map_or_else(|| place.at.clone(), ToString::to_string)
        }
    }
}

pub(crate) fn keys(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(key).collect()
}

pub(crate) fn body(entry: &Entry) -> &Value {
    match entry {
        Entry::Record(record) => record.body.tree(),
        Entry::Unreadable { .. } => panic!("{entry:?}"),
    }
}

/// The place of each unreadable entry, and the code of its reason.
pub(crate) fn refusals(entries: &[Entry]) -> Vec<(String, String)> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Unreadable { place, reason, .. } => {
                Some((place.at.clone(), reason.code.to_string()))
            }
            Entry::Record(_) => None,
        })
        .collect()
}
