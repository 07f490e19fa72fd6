//! `cargo xtask cases`: checks that the commands `explain` and `sync` of the gateway give the same verdicts
//! for the same file.
//!
//! A case is a folder with a `channel.toml` and input files in `in/`. Each input file is put alone into
//! the folder that the channel reads; `explain` judges it, and then `sync` reads it into an empty store.
//! Both results are printed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::run::{build, print, root};

/// How many records of a file were accepted, skipped and rejected.
#[derive(Debug, Default, PartialEq, Eq)]
struct VerdictCounts {
    accepted: u64,
    skipped: u64,
    rejected: u64,
    /// The reason codes of the rejects, or the message if the command failed.
    reasons: BTreeSet<String>,
}

/// Runs every case of `folder/files`; fails if `explain` and `sync` differ.
pub(crate) fn cases(folder: &Path) -> Result<()> {
    build(&["tonghui"])?;
    let work = tempfile::tempdir()?;
    let config = work.path().join("config");
    tonghui(&["init", &config.to_string_lossy()])?;
    let (mut n_files, mut n_different) = (0, 0);
    for case in sorted_entries(&folder.join("files"))? {
        if !case.join("channel.toml").exists() {
            continue;
        }
        let channel = config.join("channels/x");
        fs::create_dir_all(&channel)?;
        fs::copy(case.join("channel.toml"), channel.join("channel.toml"))?;
        for input in sorted_entries(&case.join("in"))? {
            let copied = replace_input(work.path(), &config, &input)?;
            let explained = explain(&config, &copied);
            let synced = sync(&config)?;
            n_files += 1;
            n_different += u32::from(explained != synced);
            let case = case.file_name().unwrap_or_default().to_string_lossy();
            let input = input.file_name().unwrap_or_default().to_string_lossy();
            let mark = if explained == synced { "  " } else { "≠ " };
            let name = format!("{case}/{input}");
            print(format_args!("{mark}{name:60} explain {explained}"));
            print(format_args!("  {:60} sync    {synced}", ""));
        }
    }
    print(format_args!("`explain` and `sync` differ for {n_different} of {n_files} files"));
    ensure!(n_files > 0, "no input file is at files/NAME/in/ in {}", folder.display());
    ensure!(n_different == 0, "`explain` and `sync` differ for {n_different} files, see above");
    Ok(())
}

/// What `explain` says about the file `input`.
fn explain(config: &Path, input: &Path) -> VerdictCounts {
    let input = input.to_string_lossy();
    let config = config.to_string_lossy();
    let printed = tonghui(&["--config", &config, "explain", "x", &input, "--format", "json"]);
    let outcomes = match printed.and_then(|text| Ok(serde_json::from_str::<Vec<Value>>(&text)?)) {
        Ok(outcomes) => outcomes,
        Err(error) => return VerdictCounts::failed(&format!("{error:#}")),
    };
    let mut counts = VerdictCounts::default();
    for outcome in outcomes {
        match outcome["verdict"].as_str() {
            Some("accepted") => counts.accepted += 1,
            Some("skipped") => counts.skipped += 1,
            _ => {
                counts.rejected += 1;
                let reason = &outcome["result"]["reason"];
                let code = reason["code"].as_str().or(reason.as_str()).unwrap_or("unknown");
                counts.reasons.insert(code.to_owned());
            }
        }
    }
    counts
}

/// Empties the folder that the channel reads and the store, and puts a copy of `input` into the folder.
/// Returns the path of the copy.
fn replace_input(work: &Path, config: &Path, input: &Path) -> Result<PathBuf> {
    let (drop, data) = (work.join("drop"), config.join("data"));
    for folder in [&drop, &data] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir(&drop)?;
    let copied = drop.join(input.file_name().context("an input has no name")?);
    fs::copy(input, &copied)?;
    fs::write(config.join("channels/x/url"), drop.to_string_lossy().as_bytes())?;
    Ok(copied)
}

/// What `sync` stores from the folder that the channel reads.
fn sync(config: &Path) -> Result<VerdictCounts> {
    let config = config.to_string_lossy();
    let query = |arguments: &[&str]| -> Result<Value> {
        let arguments = [&["--config", &config], arguments, &["--format", "json"]].concat();
        Ok(serde_json::from_str(&tonghui(&arguments)?)?)
    };
    let results = match query(&["sync", "x"]) {
        Ok(results) => results,
        Err(error) => return Ok(VerdictCounts::failed(&format!("{error:#}"))),
    };
    if results[0]["became"] != "done" {
        return Ok(VerdictCounts::failed(
            results[0]["why"].as_str().unwrap_or("sync did not finish"),
        ));
    }
    let books = &query(&["books"])?["channels"][0];
    let count = |name: &str| books[name].as_u64().unwrap_or_default();
    let rejects = query(&["quarantine", "list", "--limit", "1000"])?;
    let reasons = rejects.as_array().into_iter().flatten();
    Ok(VerdictCounts {
        accepted: count("accepted"),
        skipped: count("skipped"),
        rejected: count("rejected"),
        reasons: reasons.filter_map(|row| row["reason"].as_str()).map(str::to_owned).collect(),
    })
}

impl VerdictCounts {
    /// The counts of a command that failed with this message.
    fn failed(message: &str) -> Self {
        Self { reasons: BTreeSet::from([message.to_owned()]), ..Self::default() }
    }
}

impl std::fmt::Display for VerdictCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accepted, skipped, rejected, reasons } = self;
        write!(f, "{accepted} accepted, {skipped} skipped, {rejected} rejected")?;
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
        if reasons.is_empty() { Ok(()) } else { write!(f, ": {}", reasons.join(", ")) }
    }
}

/// Runs `tonghui` and returns its standard output. If it fails, the error is its last line on standard error.
fn tonghui(arguments: &[&str]) -> Result<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), Into::into);
    let output = Command::new(target.join("debug/tonghui")).args(arguments).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", errors.lines().last().unwrap_or("no error message"));
    Ok(String::from_utf8(output.stdout)?)
}

/// The entries of a folder, sorted by name.
fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    Ok(paths)
}
