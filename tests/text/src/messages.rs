//! Reads citizens' messages and the answers to them from .jsonl files, which this repository does not contain.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The names of the fields with prose, in any of the known files.
const PROSE: [&str; 5] = ["留言主题", "留言详情", "答复意见", "title", "content"];

/// One message.
pub struct Message {
    /// Whether the model of normalizer/text was trained with it.
    pub is_seen: bool,
    /// Its title, content and answer.
    pub texts: Vec<String>,
}

/// Reads all messages in the .jsonl files of a folder and its subfolders, in the order of file names.
pub fn read(folder: &Path) -> Result<Vec<Message>> {
    let mut messages = Vec::new();
    collect(folder, &mut messages)?;
    ensure!(!messages.is_empty(), "{}: no messages in .jsonl files", folder.display());
    Ok(messages)
}

fn collect(folder: &Path, messages: &mut Vec<Message>) -> Result<()> {
    let place = || folder.display().to_string();
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).with_context(place)? {
        paths.push(entry?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, messages)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            for line in fs::read_to_string(&path)?.lines() {
                let record =
                    serde_json::from_str(line).with_context(|| path.display().to_string())?;
                messages.extend(message(&record));
            }
        }
    }
    Ok(())
}

/// The message in a JSON object; `None` if it has no id. Messages with even ids trained the model; messages
/// with odd ids test it.
fn message(record: &Value) -> Option<Message> {
    let id = record.get("留言编号").or_else(|| record.get("id"))?.as_u64()?;
    let texts: Vec<_> = PROSE.iter().filter_map(|field| record.get(field)?.as_str()).collect();
    let texts = texts.into_iter().map(|text| text.trim().to_owned()).collect();
    Some(Message { is_seen: id % 2 == 0, texts })
}
