//! Reads the same bytes with every connector that reads documents. Whatever is wrong in a record, all
//! connectors must treat it in the same way.

use anyhow::anyhow;
use connector_files::Files;
use connector_http::Http;
use connector_process::Process;
use connector_webhook::Webhook;
use contract::{Connector, ConnectorContext, Entry};
use serde_json::{Value, json};

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was accepted.
    Accepted {
        /// Its key.
        key: String,
        /// The number of quality flags of its texts.
        n_flags: usize,
    },
    /// It was unreadable.
    Unreadable {
        /// Its key, if that could be read.
        key: Option<String>,
    },
}

/// The outcomes of all records of a document; `None` if the whole document was refused.
pub type Outcomes = Option<Vec<Outcome>>;

/// The outcomes of JSON records in a list, in the connectors `files`, `http` and `webhook`.
///
/// # Errors
/// The settings of a connector are invalid.
pub fn json_list(list: &[u8]) -> anyhow::Result<[(&'static str, Outcomes); 3]> {
    let files = files("json_array", "$.id")?;
    let http = http(json!({ "records": "$[*]", "key": "$.id" }))?;
    let webhook = webhook()?;
    Ok([
        ("files", outcomes(&files, "F_20261009000000.json", list)),
        ("http", outcomes(&http, "page.json", list)),
        ("webhook", outcomes(&webhook, "page.json", list)),
    ])
}

/// The outcomes of JSON records that a plugin of the connector `process` writes, one in each line.
///
/// # Errors
/// The settings are invalid.
pub fn plugin_lines(records: &[Vec<u8>]) -> anyhow::Result<Outcomes> {
    let process: Process = build(json!({ "command": ["plugin"] }))?;
    let mut page = Vec::new();
    for (number, record) in records.iter().enumerate() {
        page.extend(
            format!("{{\"record\":{{\"key\":\"{}\",\"revision\":1,\"body\":", number + 1).bytes(),
        );
        page.extend(record.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        page.extend(b"}}\n");
    }
    Ok(outcomes(&process, "page.jsonl", &page))
}

/// The outcomes of XML records in one document, in the connectors `files` and `http`.
///
/// # Errors
/// The settings of a connector are invalid.
pub fn xml_list(document: &[u8]) -> anyhow::Result<[(&'static str, Outcomes); 2]> {
    let files = files("xml", "$.id[0]['$text']")?;
    let http = http(json!({ "records": "$.rows[0].row[*]", "key": "$.id" }))?;
    Ok([
        ("files", outcomes(&files, "F_20261009000000.xml", document)),
        ("http", outcomes(&http, "page.xml", document)),
    ])
}

/// The rows that the connector `files` reads from a CSV table (null for an unreadable row); `None` if it
/// refuses the table.
///
/// # Errors
/// The settings are invalid.
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

fn outcomes(connector: &impl Connector, name: &str, page: &[u8]) -> Outcomes {
    let entries = connector.sample(name, page).ok()?;
    // For a broken file, the connector also returns the entries before the damage.
    let is_refused =
        |entry: &Entry| matches!(entry, Entry::Unreadable { place, .. } if place.at == name);
    if entries.iter().any(is_refused) {
        return None;
    }
    let outcome = |entry: Entry| match entry {
        Entry::Record(record) => {
            let key = record.key.as_str().to_owned();
            Outcome::Accepted { key, n_flags: record.text.flags.len() }
        }
        Entry::Unreadable { place, .. } => {
            Outcome::Unreadable { key: place.key.map(|key| key.as_str().to_owned()) }
        }
    };
    Some(entries.into_iter().map(outcome).collect())
}
