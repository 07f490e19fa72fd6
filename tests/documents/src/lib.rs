//! The same bytes through every connector that reads documents: whatever is wrong in a record has
//! one fate, whoever brought it.

use anyhow::anyhow;
use connector_files::Files;
use connector_http::Http;
use connector_process::Process;
use connector_webhook::Webhook;
use contract::{Connector, ConnectorContext, Entry};
use serde_json::{Value, json};

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was taken, with doubts about so many of its texts.
    Taken {
        /// Its key.
        key: String,
        /// How many marks it has.
        n_marks: usize,
    },
    /// It was put aside.
    PutAside {
        /// Its key, where that could be read.
        key: Option<String>,
    },
}

/// The fates of all records of a document; `None` where it was refused as a whole.
pub type Fates = Option<Vec<Fate>>;

/// JSON records within a list, over files, http and webhook.
///
/// # Errors
/// The settings of a connector are none.
pub fn json_list(list: &[u8]) -> anyhow::Result<[(&'static str, Fates); 3]> {
    let files = files("json_array", "$.id")?;
    let http = http(json!({ "records": "$[*]", "key": "$.id" }))?;
    let webhook = webhook()?;
    Ok([
        ("files", fates(&files, "F_20261009000000.json", list)),
        ("http", fates(&http, "page.json", list)),
        ("webhook", fates(&webhook, "page.json", list)),
    ])
}

/// The same records as answers of a plugin, one a line.
///
/// # Errors
/// The settings are none.
pub fn plugin_lines(records: &[Vec<u8>]) -> anyhow::Result<Fates> {
    let process: Process = build(json!({ "command": ["plugin"] }))?;
    let mut page = Vec::new();
    for (number, record) in records.iter().enumerate() {
        page.extend(
            format!("{{\"record\":{{\"key\":\"{}\",\"revision\":1,\"body\":", number + 1).bytes(),
        );
        page.extend(record.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        page.extend(b"}}\n");
    }
    Ok(fates(&process, "page.jsonl", &page))
}

/// XML records within an element, over files and http.
///
/// # Errors
/// The settings of a connector are none.
pub fn xml_list(document: &[u8]) -> anyhow::Result<[(&'static str, Fates); 2]> {
    let files = files("xml", "$.id[0]['$text']")?;
    let http = http(json!({ "records": "$.rows[0].row[*]", "key": "$.id" }))?;
    Ok([
        ("files", fates(&files, "F_20261009000000.xml", document)),
        ("http", fates(&http, "page.xml", document)),
    ])
}

/// The rows of a table as text, by files, or why there are none.
///
/// # Errors
/// The settings are none.
pub fn csv_rows(table: &[u8], key: &str) -> anyhow::Result<Option<Vec<Value>>> {
    let files = files("csv", key)?;
    let Ok(entries) = files.sample("F_20261009000000.csv", table) else { return Ok(None) };
    let tree = |entry: &Entry| match entry {
        Entry::Record(record) => record.body.tree().clone(),
        Entry::Unreadable { .. } => Value::Null,
    };
    Ok(Some(entries.iter().map(tree).collect()))
}

fn files(format: &str, key: &str) -> anyhow::Result<Files> {
    build(json!({
        "url": "/nowhere", "match": ["F_*"], "format": format, "key": key,
        "revision": { "name": "_%Y%m%d%H%M%S." },
    }))
}

fn http(mut settings: Value) -> anyhow::Result<Http> {
    settings["url"] = json!("http://127.0.0.1:1/");
    build(settings)
}

fn webhook() -> anyhow::Result<Webhook> {
    build(json!({ "auth": "none", "key": "$.id" }))
}

fn build<C: Connector>(settings: Value) -> anyhow::Result<C> {
    let context = ConnectorContext::new("documents".parse()?, chrono_tz::Asia::Shanghai);
    C::build(serde_json::from_value(settings)?, context).map_err(|fault| anyhow!("{fault}"))
}

fn fates(connector: &impl Connector, name: &str, page: &[u8]) -> Fates {
    let entries = connector.sample(name, page).ok()?;
    // A file gives what it has found before it breaks off.
    let is_refused =
        |entry: &Entry| matches!(entry, Entry::Unreadable { place, .. } if place.at == name);
    if entries.iter().any(is_refused) {
        return None;
    }
    let fate = |entry: Entry| match entry {
        Entry::Record(record) => {
            let key = record.key.as_str().to_owned();
            Fate::Taken { key, n_marks: record.text.marks.len() }
        }
        Entry::Unreadable { place, .. } => {
            Fate::PutAside { key: place.key.map(|key| key.as_str().to_owned()) }
        }
    };
    Some(entries.into_iter().map(fate).collect())
}
