//! `cargo xtask bench`: measures the programs as they are shipped (profile `dist`).

use std::{
    env, iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    run::{cargo, keep_output_for_result, print, root, run, run_directly},
    servers::Servers,
    setup,
};

/// Measures our program, others and the floor in turn; prints the figures on standard output, and everything
/// else on standard error. Except for quick runs, writes them into docs/performance.md too.
pub(crate) fn all(quick: bool, large: bool, format: &str) -> Result<()> {
    keep_output_for_result();
    let python = setup::install(&setup::BENCH_PEERS)?;
    let faucet = setup::install_faucet();
    setup::setup()?;
    build_dist()?;
    let servers = Servers::for_measurements()?;
    let mut bench = Command::new(dist_program("bench")?);
    bench.args(["--format", format]).args(large.then_some("--large"));
    bench.envs(servers.environment()).env(setup::PYTHON_VARIABLE, python);
    match quick {
        true => bench.arg("--quick"),
        false => bench.arg("--write").arg(root().join("docs/performance.md")),
    };
    match faucet {
        Ok(program) => bench.env(setup::FAUCET_VARIABLE, program),
        Err(error) => {
            print(format_args!("faucet is not measured: {error:#}"));
            bench.env_remove(setup::FAUCET_VARIABLE)
        }
    };
    run_directly(&mut bench)
}

/// Prints the lag of five channels while a sixth one misbehaves.
pub(crate) fn lag(seconds: u64, runs: usize) -> Result<()> {
    let (seconds, runs) = (seconds.to_string(), runs.to_string());
    run_system_test_program(
        "bench",
        &["lag", "--seconds", &seconds, "--runs", &runs],
        iter::empty(),
    )
}

/// Prints how two sinks share the work of loading demands into an empty PostgreSQL.
pub(crate) fn load() -> Result<()> {
    setup::setup()?;
    let servers = Servers::start()?;
    run_system_test_program("bench", &["load"], servers.environment())
}

/// Counts the instructions of each stage.
pub(crate) fn stages(check: bool, record: bool) -> Result<()> {
    let file = root().join("tests/bin/bench/instructions.json");
    let file = file.to_str().context("the path is not text")?;
    let flags = [("--check", check), ("--record", record)];
    let flags = flags.iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| *flag);
    let arguments: Vec<_> = ["stages", "--file", file].into_iter().chain(flags).collect();
    run_system_test_program("bench", &arguments, iter::empty())
}

/// Builds the gateway and the system tests, and runs a program of the system tests (`tests/bin`).
pub(crate) fn run_system_test_program<'a>(
    program: &str,
    arguments: &[&str],
    environment: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<()> {
    build_dist()?;
    run(Command::new(dist_program(program)?).args(arguments).envs(environment))
}

/// Builds the gateway and the system tests as they are shipped.
fn build_dist() -> Result<()> {
    let build = ["build", "--locked", "--profile", "dist", "-p", "gateway", "-p", "system-tests"];
    run(cargo(&[&build[..], &["--bins"]].concat()))
}

/// The path of a program that [`build_dist`] has built.
fn dist_program(name: &str) -> Result<PathBuf> {
    let own = env::current_exe()?;
    let target = own.parent().and_then(Path::parent).context("xtask is in no target folder")?;
    Ok(target.join("dist").join(name))
}
