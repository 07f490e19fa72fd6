//! Tasks that run another program of this repository: to measure, to fuzz, or to generate files and the
//! schemas. Except for `schema`, they are not part of the suite: they need files that are not in the
//! repository, take long, or check nothing.

use std::{
    env, fs, iter,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    run::{build, cargo, keep_output_for_result, print, root, run, run_directly},
    servers::Servers,
    setup,
};

/// Feeds the message files of a folder to the simulated hotline, runs the gateway, and compares the texts
/// with the stored demands.
pub(crate) fn corpus(folder: &Path) -> Result<()> {
    run_system_test_program("corpus", &[&absolute_path(folder)?], iter::empty())
}

/// Measures our program, others and the floor in turn; prints the figures on standard output, and everything
/// else on standard error. Except for quick runs, writes them into docs/performance.md too.
pub(crate) fn bench(quick: bool, large: bool, format: &str) -> Result<()> {
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
pub(crate) fn bench_lag(seconds: u64, runs: usize) -> Result<()> {
    let (seconds, runs) = (seconds.to_string(), runs.to_string());
    run_system_test_program(
        "bench",
        &["lag", "--seconds", &seconds, "--runs", &runs],
        iter::empty(),
    )
}

/// Prints how two sinks share the work of loading demands into an empty PostgreSQL.
pub(crate) fn bench_load() -> Result<()> {
    setup::setup()?;
    let servers = Servers::start()?;
    run_system_test_program("bench", &["load"], servers.environment())
}

/// Measures decoding, repair and charset detection in normalizer/text and in comparable libraries.
pub(crate) fn bench_text(folder: Option<&Path>) -> Result<()> {
    let mut bench = release_command("text-tests", "text-bench");
    bench.args(folder.map(std::path::absolute).transpose()?);
    run(bench.env(setup::PYTHON_VARIABLE, setup::install(&setup::TEXT_PEERS)?))
}

/// Runs a tool of the crate `tools`, which generates a shipped file.
pub(crate) fn tool(arguments: &[String]) -> Result<()> {
    let mut tool = release_command("tools", "tools");
    tool.args(arguments);
    if arguments.first().is_some_and(|name| name == "text-model") {
        tool.env(setup::PYTHON_VARIABLE, setup::install(&setup::TEXT_PEERS)?);
    }
    run(tool)
}

/// Runs the fuzzer without optimisation, so that arithmetic overflows are found too.
pub(crate) fn fuzz(arguments: &[String]) -> Result<()> {
    let mut fuzz = cargo(&["run", "--locked", "--quiet", "-p", "fuzz-tests", "--bin", "fuzz"]);
    run(fuzz.arg("--").args(arguments))
}

/// Reads the files of public JSON, XML and CSV test suites with every connector that reads documents.
pub(crate) fn conformance(folder: &Path) -> Result<()> {
    build(&["conformance"])?;
    let program = env::current_exe()?.with_file_name("conformance");
    run(Command::new(program).arg(absolute_path(folder)?))
}

/// Builds the gateway and the system tests, and runs a program of the system tests (`tests/bin`).
fn run_system_test_program<'a>(
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

/// A command that builds and runs a release binary; the caller adds the binary's arguments.
fn release_command(package: &str, program: &str) -> Command {
    let mut command = cargo(&["run", "--locked", "--quiet", "--release"]);
    command.args(["-p", package, "--bin", program, "--"]);
    command
}

fn absolute_path(path: &Path) -> Result<String> {
    Ok(std::path::absolute(path)?.display().to_string())
}

/// The names of the schemas for `tonghui schema`, and the file for each.
const SCHEMAS: &[(&str, &str)] = &[
    ("gateway", "config/schema/gateway.json"),
    ("channel", "config/schema/channel.json"),
    ("demand", "docs/schema/demand.json"),
];

/// Writes the schemas. With `check`, writes nothing, and fails if a committed schema is out of date. They
/// are committed, so that editors and other programs can use them without a build.
pub(crate) fn schema(check: bool) -> Result<()> {
    build(&["tonghui"])?;
    let mut outdated = Vec::new();
    for (name, file) in SCHEMAS {
        let schema = generate_schema(name)?;
        let path = root().join(file);
        if !check {
            fs::write(&path, &schema).with_context(|| format!("cannot write {file}"))?;
            print(format_args!("wrote {file}"));
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&schema) {
            outdated.push(*file);
        }
    }
    ensure!(outdated.is_empty(), "{} out of date: run `cargo xtask schema`", outdated.join(", "));
    Ok(())
}

fn generate_schema(name: &str) -> Result<String> {
    let program = env::current_exe()?.with_file_name("tonghui"); // in the same folder as xtask
    // `output_of` is not used: it would add warnings from standard error to the schema.
    let output = Command::new(program).args(["schema", name]).output()?;
    if !output.status.success() {
        bail!("`tonghui schema {name}` failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let schema = String::from_utf8(output.stdout).context("the schema is not UTF-8")?;
    Ok(format!("{}\n", schema.trim_end()))
}
