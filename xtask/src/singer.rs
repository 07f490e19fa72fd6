//! An existing Singer tap, in a virtual environment under `target`: what the gateway says of taps is
//! tested with one that was not written for it. Pinned by hash, versions and all.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{
    run::{must, quiet, root},
    say::say,
};

/// What is installed; the tests look for the tap in [`folder`].
const REQUIREMENTS: &str = "connectors/process/tests/singer-tap.txt";

/// Installs the tap where it is missing or another one than it should be.
pub(crate) fn install() -> Result<()> {
    let wanted = fs::read_to_string(root().join(REQUIREMENTS)).context(REQUIREMENTS)?;
    let installed = folder().join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say(format_args!("installing a Singer tap into target/singer"));
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(folder());
    must(venv)?;
    let mut pip = Command::new(folder().join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--require-hashes", "--requirement"]);
    pip.arg(root().join(REQUIREMENTS));
    must(pip)?;
    Ok(fs::write(installed, wanted)?)
}

/// Whether Python can make virtual environments: Debian has that in a package of its own.
pub(crate) fn has_venv() -> bool {
    let mut pip = Command::new("python3");
    pip.args(["-m", "ensurepip", "--version"]);
    quiet(pip).is_ok()
}

fn folder() -> PathBuf {
    root().join("target/singer")
}
