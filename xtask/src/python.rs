//! Python packages in virtual environments under `target`: an existing Singer tap, so that what the
//! gateway says of taps is tested with one that was not written for it, and the peers we are
//! measured against. Versions are pinned, so that two runs compare.

use std::{fs, process::Command};

use anyhow::{Context, Result};

use crate::run::{must, quiet, root, say};

/// Names the interpreter to the programs that measure.
pub(crate) const VARIABLE: &str = "TONGHUI_BENCH_PYTHON";

/// A virtual environment. Where its requirements carry hashes, pip checks every file.
pub(crate) struct Environment {
    requirements: &'static str,
    folder: &'static str,
}

/// The tests look for the tap in this folder.
pub(crate) const SINGER_TAP: Environment = Environment {
    requirements: "connectors/process/tests/singer-tap.txt",
    folder: "target/singer",
};

/// Peers of the whole program.
pub(crate) const BENCH: Environment =
    Environment { requirements: "tests/bin/bench/requirements.txt", folder: "target/bench-peers" };

/// Peers of normalizer/text.
pub(crate) const TEXT: Environment =
    Environment { requirements: "tests/text/peers/requirements.txt", folder: "target/text-peers" };

/// Installs what is required, where it is missing or was another version; gives the interpreter.
pub(crate) fn install(environment: &Environment) -> Result<String> {
    let Environment { requirements, folder } = *environment;
    let list = root().join(requirements);
    let wanted = fs::read_to_string(&list).context(requirements)?;
    let installed = root().join(folder).join("installed.txt");
    let python = root().join(folder).join("bin/python");
    if !fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        say(format_args!("installing {requirements} into {folder}"));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(root().join(folder));
        must(venv).context("no virtual environment: apt-get install python3-venv")?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&list);
        must(pip)?;
        fs::write(installed, wanted)?;
    }
    Ok(python.display().to_string())
}

/// Whether Python can make virtual environments: Debian has that in a package of its own.
pub(crate) fn has_venv() -> bool {
    let mut pip = Command::new("python3");
    pip.args(["-m", "ensurepip", "--version"]);
    quiet(pip).is_ok()
}
