//! `cargo xtask bench text` and `cargo xtask text-model`: programs of `tests/text`, and the Python
//! packages that they need beside them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::run::{cargo, must, root};

/// Prints what normalizer/text does with texts, and what its peers do with them.
pub(crate) fn bench(folder: Option<&Path>) -> Result<()> {
    let folder = folder.map(std::path::absolute).transpose()?;
    let mut command = program("text-bench")?;
    command.args(folder);
    must(command)
}

/// Writes normalizer/text/model/chinese.txt.
pub(crate) fn model(folder: &Path) -> Result<()> {
    let mut command = program("text-model")?;
    command.arg(std::path::absolute(folder)?).arg(root().join("normalizer/text/model/chinese.txt"));
    must(command)
}

fn program(name: &str) -> Result<Command> {
    let python = peers()?;
    let mut command = cargo(&[
        "run",
        "--locked",
        "--quiet",
        "--release",
        "-p",
        "text-tests",
        "--bin",
        name,
        "--",
    ]);
    command.env("TONGHUI_BENCH_PYTHON", python);
    Ok(command)
}

/// An interpreter that has the peers, from PyPI, each file checked against its hash; made once for
/// each list of them.
fn peers() -> Result<String> {
    let list = root().join("tests/text/peers/requirements.txt");
    let folder = root().join("target/text-peers");
    let python = folder.join("bin/python").display().to_string();
    let (made, wanted) = (folder.join("made"), fs::read(&list)?);
    if fs::read(&made).ok().as_ref() != Some(&wanted) {
        let mut make = Command::new("python3");
        make.args(["-m", "venv"]).arg(&folder);
        must(make).context("no virtual environment: apt-get install python3-venv")?;
        let mut install = Command::new(&python);
        install.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]);
        install.arg(&list);
        must(install)?;
        fs::write(made, wanted)?;
    }
    Ok(python)
}
