//! Looks whether the compiler and its tools are there, before minutes are spent.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{
    run::{cargo, quiet},
    say::say,
};

/// Names the compiler and asks for the tools that a minimal installation lacks.
pub(crate) fn check() -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.arg("--version");
    say(format_args!("{}", quiet(rustc)?.trim()));
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        quiet(cargo(&[tool, "--version"]))
            .with_context(|| format!("install it: rustup component add {component}"))?;
    }
    let runner = if has_nextest() { "cargo-nextest" } else { "cargo test" };
    say(format_args!("tests run under {runner}"));
    Ok(())
}

/// Whether cargo-nextest is installed: it runs tests of several binaries at once and ends those
/// that hang. Without it `cargo test` runs the same tests.
pub(crate) fn has_nextest() -> bool {
    quiet(cargo(&["nextest", "--version"])).is_ok()
}
