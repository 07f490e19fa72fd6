//! `cargo xtask corpus` and `cargo xtask bench`: programs of `tests/` that need a release build of
//! the gateway beside them. They are not part of the tests: one needs texts that are not ours to
//! ship, the other measures and asserts nothing.

use std::path::Path;

use anyhow::{Context, Result};

use crate::run::{cargo, must};

/// Sends the message files of a folder through the hotline and says what arrived.
pub(crate) fn corpus(folder: &Path) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let folder = folder.to_str().context("the folder's name is not UTF-8")?;
    release("corpus", &[folder])
}

/// Prints the numbers of docs/performance.md.
pub(crate) fn bench() -> Result<()> {
    release("bench", &[])
}

fn release(program: &str, arguments: &[&str]) -> Result<()> {
    must(cargo(&["build", "--locked", "--release", "-p", "gateway", "-p", "system-tests"]))?;
    let mut command =
        cargo(&["run", "--locked", "--quiet", "--release", "-p", "system-tests", "--bin", program]);
    command.arg("--").args(arguments);
    must(command)
}
