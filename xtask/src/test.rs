//! `cargo xtask test`: the command of the README and of the build server, one and the same.
//!
//! The cheapest check comes first; the first step that fails ends it. The tests of one step all
//! run, so that one run names every broken promise.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{
    counts::Counts,
    run::{cargo, must, shown},
    say::say,
    schema,
    servers::Servers,
    setup,
    steps::Steps,
    toolchain,
};

/// Runs everything.
pub(crate) fn test() -> Result<()> {
    let mut steps = Steps::default();
    let mut counts = Counts::default();
    let result = run_all(&mut steps, &mut counts);
    steps.summary();
    if let Err(error) = &result {
        say(format_args!("FAILED: {error:#}"));
    }
    say(format_args!("{} passed, {} failed", counts.passed, counts.failed));
    result
}

fn run_all(steps: &mut Steps, counts: &mut Counts) -> Result<()> {
    steps.step("toolchain", toolchain::check)?;
    steps.step("setup", setup::setup)?;
    steps.step("format", || must(cargo(&["fmt", "--all", "--check"])))?;
    steps.step("lints", || {
        let mut clippy = cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
        clippy.args(["--", "-D", "warnings"]);
        must(clippy)
    })?;
    steps.step("build", || must(cargo(&["build", "--locked", "--workspace", "--all-targets"])))?;
    steps.step("schemas", || schema::schema(true))?;
    steps.step("documentation", || {
        let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        must(doc)
    })?;
    let servers = steps.step("servers", Servers::start)?;
    // The laws of the architecture are among these tests: tests/system/architecture.rs.
    steps.step("tests", || run_tests(tests(), &servers, counts))?;
    let examples = cargo(&["test", "--locked", "--workspace", "--doc", "--no-fail-fast"]);
    steps.step("examples in the documentation", || run_tests(examples, &servers, counts))?;
    steps.step("servers stop", || {
        drop(servers);
        Ok(())
    })
}

fn tests() -> Command {
    if toolchain::has_nextest() {
        let config = "xtask/nextest.toml";
        cargo(&[
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--no-fail-fast",
            "--config-file",
            config,
        ])
    } else {
        let mut command = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
        command.args(["--lib", "--bins", "--tests", "--examples"]);
        command
    }
}

fn run_tests(mut command: Command, servers: &Servers, counts: &mut Counts) -> Result<()> {
    command.envs(servers.environment());
    let said = shown(command)?;
    let these = Counts::of(&said.text);
    *counts += these;
    ensure!(said.ok && these.failed == 0, "{} tests failed, see above", these.failed);
    ensure!(these.passed > 0, "no test ran, or its runner does not close as expected");
    Ok(())
}
