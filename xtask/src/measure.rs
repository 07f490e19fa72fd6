//! `cargo xtask corpus`, `dictionary` and `bench`: programs of `tests/` that need a release build of
//! the gateway. They are not part of the tests: one needs texts that are not ours to ship, one makes
//! what is made once, one measures and asserts nothing.

use std::{fs, iter, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    run::{cargo, must, root},
    servers::Servers,
    setup,
};

/// What we are measured against. A newer one is taken by hand, so that two runs compare.
const PEERS: [&str; 1] = ["dlt[postgres]==1.31.0"];

/// Where a new dictionary is put; to be used, it needs a number in normalizer/src/seal/raw.rs.
const DICTIONARY: &str = "target/record.dict";

/// Sends the message files of a folder through the hotline and says what arrived.
pub(crate) fn corpus(folder: &Path) -> Result<()> {
    release("corpus", &[&absolute(folder)?], iter::empty())
}

/// Makes a dictionary of the records that a demo kept.
pub(crate) fn dictionary(config: &Path) -> Result<()> {
    let target = absolute(&root().join(DICTIONARY))?;
    release("dictionary", &[&absolute(config)?, &target], iter::empty())
}

fn absolute(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)?;
    Ok(path.to_str().context("its name is not UTF-8")?.to_owned())
}

/// Prints the numbers of docs/performance.md.
pub(crate) fn bench() -> Result<()> {
    let python = peers()?;
    setup::setup()?;
    let servers = Servers::start()?;
    let environment = servers.environment().chain([("TONGHUI_BENCH_PYTHON", python.as_str())]);
    release("bench", &[], environment)
}

/// Prints how late five channels are beside one that misbehaves.
pub(crate) fn lag(seconds: u64, runs: usize) -> Result<()> {
    let (seconds, runs) = (seconds.to_string(), runs.to_string());
    release("bench", &["lag", "--seconds", &seconds, "--runs", &runs], iter::empty())
}

/// An interpreter that has the peers we are measured against, from PyPI; made once.
fn peers() -> Result<String> {
    let folder = root().join("target/bench-peers");
    let python = folder.join("bin/python").display().to_string();
    if !folder.join("made").exists() {
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&folder);
        must(make).context("no virtual environment: apt-get install python3-venv")?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet"]).args(PEERS);
        must(install)?;
        fs::write(folder.join("made"), "")?;
    }
    Ok(python)
}

fn release<'a>(
    program: &str,
    arguments: &[&str],
    environment: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<()> {
    must(cargo(&["build", "--locked", "--release", "-p", "gateway", "-p", "system-tests"]))?;
    let mut command =
        cargo(&["run", "--locked", "--quiet", "--release", "-p", "system-tests", "--bin", program]);
    command.arg("--").args(arguments).envs(environment);
    must(command)
}
