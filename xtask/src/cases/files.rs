//! Cases of files that are dropped into a folder, and of texts.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{
    copy_files,
    gateway::{CHANNEL, Gateway},
    judge::{Fields, Seen},
    sorted_entries,
};

/// Drops the input files of a case all at once, and reads them twice.
pub(super) fn run(mut gateway: Gateway<'_>, case: &Path) -> Result<Seen> {
    let channel = gateway.channel();
    let drop = gateway.folder.join("drop");
    fs::create_dir(&drop)?;
    copy_files(&case.join("in"), &drop)?;
    fs::copy(case.join("channel.toml"), channel.join("channel.toml"))?;
    fs::write(channel.join("url"), drop.to_string_lossy().as_bytes())?;
    gateway.look(&[&["check"]])?;
    for file in sorted_entries(&drop)? {
        gateway.run(&["explain", CHANNEL, &file.to_string_lossy()])?;
    }
    gateway.sync()?;
    gateway.sync()?;
    gateway.look(&[&["quarantine", "list"], &["books"], &["status"]])?;
    Ok(gateway.seen)
}

/// Prints the report on a text and its repaired lines. The lines count as the demands, with their number
/// as the key.
pub(super) fn run_text(mut gateway: Gateway<'_>, file: &Path) -> Result<Seen> {
    let file = file.to_string_lossy();
    ensure!(
        gateway.run(&["text", "--lines", "--format", "json", &file])? == Some(0),
        "{}",
        gateway.seen.output
    );
    let lines = std::mem::take(&mut gateway.seen.output);
    gateway.run(&["text", &file])?;
    let line = |(n, line): (usize, &str)| -> Result<Fields> {
        let value: Value = serde_json::from_str(line)?;
        let text = value["text"].as_str().context("a line has no text")?;
        let fields = [("key", (n + 1).to_string()), ("text", text.to_owned())];
        Ok(fields
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect::<BTreeMap<_, _>>())
    };
    gateway.seen.demands = lines.lines().enumerate().map(line).collect::<Result<_>>()?;
    Ok(gateway.seen)
}
