//! A temporary configuration folder, and the schemas that it is checked against.

use std::{fs, path::Path};

use config::{ConnectorSchema, Problems, SectionSchemas, Settings};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const GATEWAY: &str = include_str!("../folder/gateway.toml");
pub(crate) const HOTLINE: &str = include_str!("../folder/channels/hotline/channel.toml");

/// A folder without mistakes, and functions that put mistakes in.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for table in ["kind", "urgency", "status", "source", "pressing"] {
            folder.write(&format!("codes/hotline/{table}.csv"), "raw,code,label\n");
        }
        folder.write("gateway.toml", GATEWAY);
        folder.channel("hotline", HOTLINE);
        folder
    }

    /// Adds a channel with the fixtures that its examples name.
    pub(crate) fn channel(&self, name: &str, text: &str) {
        self.write(&format!("channels/{name}/channel.toml"), text);
        self.write(&format!("channels/{name}/fixtures/rows.json"), "[]");
        self.write(&format!("channels/{name}/fixtures/rows.expected.json"), "[]");
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    /// Replaces the first occurrence of `from` in a file.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{file} does not contain {from}");
        self.write(file, text.replacen(from, to, 1));
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn resolve(&self) -> Result<Settings, Problems> {
        config::resolve(self.path(), &section_schemas(), &environment)
    }

    pub(crate) fn resolve_usable(&self) -> Result<Settings, Problems> {
        config::resolve_usable(self.path(), &section_schemas(), &environment)
    }

    /// The report that an admin reads.
    pub(crate) fn report(&self) -> String {
        self.resolve().err().map_or_else(String::new, |problems| format!("{problems}\n"))
    }
}

fn environment(name: &str) -> Option<String> {
    Some(match name {
        "HOTLINE_DATABASE_URL" => "sqlite:hotline.db?secret=hunter2".to_owned(),
        "STORE" => "postgres://gateway:hunter2@db1,db2/demand".to_owned(),
        "BROKER" => "amqp://gateway:hunter2@mq1 amqps://gateway:hunter2@mq2".to_owned(),
        "EMPTY" => String::new(),
        _ => return None,
    })
}

pub(crate) fn section_schemas() -> SectionSchemas {
    let mut known: Value = serde_json::from_str(include_str!("../section_schemas.json")).unwrap();
    let kinds = ["table", "files"];
    SectionSchemas {
        shipped_code_tables: Vec::new(),
        connectors: kinds
            .map(|kind| ConnectorSchema { name: kind.to_owned(), schema: known[kind].take() })
            .into(),
        demand: known["demand"].take(),
    }
}

/// Compares `actual` with a file of `golden/`; if `UPDATE_GOLDEN` is set, writes the file.
pub(crate) fn golden(name: &str, actual: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if expected == actual {
        return Ok(());
    }
    Err(format!("{name}: expected\n{expected}\nbut found\n{actual}\n"))
}
