//! Tasks that run another program of this repository: to measure, to fuzz, or to generate files and the
//! schemas. Except for `schema`, they are not part of the suite: they need files that are not in the
//! repository, take long, or check nothing.

use std::{env, fs, iter, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    bench::run_system_test_program,
    run::{build, cargo, print, root, run},
    setup,
};

/// Feeds the message files of a folder to the simulated hotline, runs the gateway, and compares the texts
/// with the stored demands.
pub(crate) fn corpus(folder: &Path) -> Result<()> {
    run_system_test_program("corpus", &[&absolute_path(folder)?], iter::empty())
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
    ("asyncapi", "docs/schema/asyncapi.json"),
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
