//! Checks that `explain` shows of each file what `sync` does with it.
//!
//! A case is a folder with a `channel.toml` and the files of its `in/`. Each file is explained, then
//! put into the folder of the channel and read into an empty store. Both verdicts are printed.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::run::{build, print, root};

/// What became of the records of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    accepted: u64,
    skipped: u64,
    rejected: u64,
    /// Why records were rejected, or why the file was not read at all.
    reasons: BTreeSet<String>,
}

/// Runs every case of `folder/files`; fails where the two differ.
pub(crate) fn cases(folder: &Path) -> Result<()> {
    build(&["tonghui"])?;
    let work = tempfile::tempdir()?;
    let config = work.path().join("config");
    tonghui(&["init", &config.to_string_lossy()])?;
    let (mut n_files, mut n_different) = (0, 0);
    for case in sorted(&folder.join("files"))? {
        if !case.join("channel.toml").exists() {
            continue;
        }
        let channel = config.join("channels/x");
        fs::create_dir_all(&channel)?;
        fs::copy(case.join("channel.toml"), channel.join("channel.toml"))?;
        for input in sorted(&case.join("in"))? {
            let dropped = drop_alone(work.path(), &config, &input)?;
            let explained = explain(&config, &dropped);
            let synced = sync(&config)?;
            n_files += 1;
            n_different += u32::from(explained != synced);
            let case = case.file_name().unwrap_or_default().to_string_lossy();
            let input = input.file_name().unwrap_or_default().to_string_lossy();
            let sign = if explained == synced { "  " } else { "≠ " };
            let name = format!("{case}/{input}");
            print(format_args!("{sign}{name:60} explain {explained}"));
            print(format_args!("  {:60} sync    {synced}", ""));
        }
    }
    print(format_args!("{n_files} files, {n_different} of which `explain` and `sync` differ"));
    ensure!(n_files > 0, "{} holds no cases", folder.display());
    ensure!(n_different == 0, "`explain` and `sync` differ");
    Ok(())
}

fn explain(config: &Path, input: &Path) -> Verdict {
    let input = input.to_string_lossy();
    let config = config.to_string_lossy();
    let printed = tonghui(&["--config", &config, "explain", "x", &input, "--format", "json"]);
    let outcomes = match printed.and_then(|text| Ok(serde_json::from_str::<Vec<Value>>(&text)?)) {
        Ok(outcomes) => outcomes,
        Err(error) => return Verdict::failed(&format!("{error:#}")),
    };
    let mut verdict = Verdict::default();
    for outcome in outcomes {
        match outcome["verdict"].as_str() {
            Some("accepted") => verdict.accepted += 1,
            Some("skipped") => verdict.skipped += 1,
            _ => {
                verdict.rejected += 1;
                let reason = &outcome["result"]["reason"];
                let code = reason["code"].as_str().or(reason.as_str()).unwrap_or("unknown");
                verdict.reasons.insert(code.to_owned());
            }
        }
    }
    verdict
}

/// Puts a copy of `input` into an empty folder that the channel reads, beside an empty store.
fn drop_alone(work: &Path, config: &Path, input: &Path) -> Result<PathBuf> {
    let (drop, data) = (work.join("drop"), config.join("data"));
    for folder in [&drop, &data] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir(&drop)?;
    let dropped = drop.join(input.file_name().context("an input has no name")?);
    fs::copy(input, &dropped)?;
    fs::write(config.join("channels/x/url"), drop.to_string_lossy().as_bytes())?;
    Ok(dropped)
}

fn sync(config: &Path) -> Result<Verdict> {
    let config = config.to_string_lossy();
    let ask = |arguments: &[&str]| -> Result<Value> {
        let arguments = [&["--config", &config], arguments, &["--format", "json"]].concat();
        Ok(serde_json::from_str(&tonghui(&arguments)?)?)
    };
    let done = match ask(&["sync", "x"]) {
        Ok(done) => done,
        Err(error) => return Ok(Verdict::failed(&format!("{error:#}"))),
    };
    if done[0]["became"] != "done" {
        return Ok(Verdict::failed(done[0]["why"].as_str().unwrap_or("not done")));
    }
    let books = &ask(&["books"])?["channels"][0];
    let count = |name: &str| books[name].as_u64().unwrap_or_default();
    let waiting = ask(&["quarantine", "list", "--limit", "1000"])?;
    let reasons = waiting.as_array().into_iter().flatten();
    Ok(Verdict {
        accepted: count("accepted"),
        skipped: count("skipped"),
        rejected: count("rejected"),
        reasons: reasons.filter_map(|row| row["reason"].as_str()).map(str::to_owned).collect(),
    })
}

impl Verdict {
    fn failed(why: &str) -> Self {
        Self { reasons: BTreeSet::from([why.to_owned()]), ..Self::default() }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accepted, skipped, rejected, reasons } = self;
        write!(f, "{accepted} accepted, {skipped} skipped, {rejected} rejected")?;
        let reasons: Vec<&str> = reasons.iter().map(String::as_str).collect();
        if reasons.is_empty() { Ok(()) } else { write!(f, ": {}", reasons.join(", ")) }
    }
}

/// The output of `tonghui`; the last line of its errors if it fails.
fn tonghui(arguments: &[&str]) -> Result<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), Into::into);
    let done = Command::new(target.join("debug/tonghui")).args(arguments).output()?;
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{}", errors.lines().last().unwrap_or("no reason given"));
    Ok(String::from_utf8(done.stdout)?)
}

/// The entries of a folder, sorted by name.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.sort();
    Ok(paths)
}
