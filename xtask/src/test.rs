//! `cargo xtask test`: runs all checks. Developers and the build server use the same command.
//!
//! Fast checks come first, and the first step that fails ends the run. A step that runs tests runs all of
//! them, so that it shows all failures. The last step is one minute of the long fault run. Also `cargo xtask soak` and `cargo xtask deny`.

use std::{
    env,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    programs,
    run::{build, cargo, output_of, print, root, run, run_shown},
    sbom,
    servers::Servers,
    setup,
};

/// The configuration file of cargo-nextest.
pub(crate) const NEXTEST: &str = "xtask/nextest.toml";
/// How often a soak repeats the test `jobs_of_every_kind…`; the suite repeats it less often.
const SOAK_ROUNDS: &str = "200";
/// How long the suite lets faults strike.
const SUITE_SECONDS: u64 = 60;
/// How many sources of the test `no_source_is_called_complete…` a soak reads; the suite reads fewer.
const SOAK_SOURCES: &str = "1000";
/// How many seeds of the simulation a soak runs; the suite runs fewer.
const SOAK_SEEDS: &str = "10000";

/// Runs all steps, and prints a summary.
pub(crate) fn test() -> Result<()> {
    let mut steps = Steps::default();
    let mut counts = TestCounts::default();
    let result = run_all(&mut steps, &mut counts);
    steps.print_summary();
    if let Err(error) = &result {
        print(format_args!("FAILED: {error:#}"));
    }
    print(format_args!("{} passed, {} failed", counts.passed, counts.failed));
    result
}

/// The long fault run: `tests/bin/soak` starts servers of its own, because it kills them.
pub(crate) fn soak(seconds: u64, seed: u64, rate: u32, write: bool) -> Result<()> {
    setup::setup()?;
    build(&["tonghui", "soak"])?;
    run_soak(seconds, seed, rate, write)
}

fn run_soak(seconds: u64, seed: u64, rate: u32, write: bool) -> Result<()> {
    let mut soak = Command::new(env::current_exe()?.with_file_name("soak"));
    soak.args(["--seconds", &seconds.to_string(), "--seed", &seed.to_string()]);
    soak.args(["--rate", &rate.to_string()]);
    if write {
        soak.arg("--write").arg(root().join("docs/reliability.md"));
    }
    run(soak)
}

/// Runs the fault tests with more repetitions than in the suite.
pub(crate) fn soak_tests() -> Result<()> {
    setup::setup()?;
    run(cargo(&["build", "--locked", "--workspace"]))?; // the programs that the tests start
    let servers = Servers::start()?;
    let mut tests = cargo(&["test", "--locked", "--workspace", "--test", "system", "--"]);
    tests.args(["jobs_of_every_kind", "thirty_kills", "three_processes", "no_source_is_called"]);
    tests.args(["whatever_a_seed_decides", "--nocapture"]).envs(servers.environment());
    tests.env("TONGHUI_SIMULATION_SEEDS", SOAK_SEEDS);
    run(tests.env("TONGHUI_SOAK_ROUNDS", SOAK_ROUNDS).env("TONGHUI_SOAK_SOURCES", SOAK_SOURCES))
}

/// Checks advisories, bans, licences and sources of all dependencies with cargo-deny. The suite does not
/// include this, because advisories come from the internet and can change at any time.
///
/// # Errors
/// [`setup::NotInstalled`] if cargo-deny is not installed.
pub(crate) fn deny() -> Result<()> {
    if output_of(cargo(&["deny", "--version"])).is_err() {
        return Err(setup::NotInstalled("cargo install --locked cargo-deny".to_owned()).into());
    }
    run(cargo(&["deny", "--workspace", "check"]))
}

fn run_all(steps: &mut Steps, counts: &mut TestCounts) -> Result<()> {
    steps.step("toolchain", check_toolchain)?;
    steps.step("setup", setup::setup)?;
    steps.step("format", || run(cargo(&["fmt", "--all", "--check"])))?;
    steps.step("lints", || {
        let mut clippy = cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
        run(clippy.args(["--", "-D", "warnings"]))
    })?;
    // Only the gateway has a default feature, so cargo does not build the other crates again.
    steps.step("lints without the demo", || {
        let mut clippy = cargo(&["clippy", "--locked", "--workspace", "--all-targets"]);
        clippy.args(["--exclude", "system-tests", "--exclude", "tools", "--no-default-features"]);
        run(clippy.args(["--", "-D", "warnings"]))
    })?;
    steps.step("build", || run(cargo(&["build", "--locked", "--workspace", "--all-targets"])))?;
    steps.step("schemas", || programs::schema(true))?;
    steps.step("bill of materials", || sbom::make().map(drop))?;
    steps.step("documentation", || {
        let mut doc = cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
        run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    let servers = steps.step("servers", Servers::start)?;
    // These include the tests of the architecture, tests/system/architecture.rs.
    steps.step("tests", || run_tests(test_command(), &servers, counts))?;
    let examples = cargo(&["test", "--locked", "--workspace", "--doc", "--no-fail-fast"]);
    steps.step("examples in the documentation", || run_tests(examples, &servers, counts))?;
    steps.step("servers stop", || {
        drop(servers);
        Ok(())
    })?;
    steps.step("faults", || run_soak(SUITE_SECONDS, 1, 0, false))
}

fn test_command() -> Command {
    if has_nextest() {
        let mut command = cargo(&["nextest", "run", "--locked", "--workspace", "--no-fail-fast"]);
        command.args(["--config-file", NEXTEST]);
        command
    } else {
        let mut command = cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
        command.args(["--lib", "--bins", "--tests", "--examples"]);
        command
    }
}

fn run_tests(mut command: Command, servers: &Servers, counts: &mut TestCounts) -> Result<()> {
    let output = run_shown(command.envs(servers.environment()))?;
    let TestCounts { passed, failed } = TestCounts::parse(&output.text);
    counts.passed += passed;
    counts.failed += failed;
    ensure!(output.is_success && failed == 0, "{failed} tests failed, see above");
    ensure!(passed > 0, "no test ran, or the test runner printed an unknown summary");
    Ok(())
}

/// Prints the version of the compiler and the name of the test runner. Checks that rustfmt and clippy are
/// installed, which a minimal toolchain lacks.
fn check_toolchain() -> Result<()> {
    print(format_args!("{}", output_of(Command::new("rustc").arg("--version"))?.trim()));
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        output_of(cargo(&[tool, "--version"]))
            .with_context(|| format!("run `rustup component add {component}`"))?;
    }
    let runner = if has_nextest() { "cargo-nextest" } else { "cargo test" };
    print(format_args!("the test runner is {runner}"));
    Ok(())
}

/// Whether cargo-nextest is installed. It runs tests of several binaries in parallel and ends tests that
/// hang. Without it, `cargo test` runs the same tests.
pub(crate) fn has_nextest() -> bool {
    output_of(cargo(&["nextest", "--version"])).is_ok()
}

/// Runs steps. Prints the name and the duration of each, so that a log shows which step was slow or failed.
#[derive(Default)]
pub(crate) struct Steps {
    /// The name and the duration of each step so far.
    durations: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Runs `work` as a step with this name.
    pub(crate) fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        print(format_args!("==> {name}"));
        let start = Instant::now();
        let result = work().with_context(|| format!("step `{name}` failed"));
        let duration = start.elapsed();
        self.durations.push((name, duration));
        let status = if result.is_ok() { "done" } else { "FAILED" };
        print(format_args!("<== {name}: {status} in {:.1} s", duration.as_secs_f64()));
        result
    }

    /// Prints the durations of all steps so far.
    pub(crate) fn print_summary(&self) {
        print(format_args!("steps:"));
        for (name, duration) in &self.durations {
            print(format_args!("{:>8.1} s  {name}", duration.as_secs_f64()));
        }
    }
}

/// The numbers of tests by outcome, from the summary lines of the test runner. xtask counts them, because
/// a run without any test must not look like a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TestCounts {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed, timed out or could not be started.
    pub(crate) failed: u64,
}

impl TestCounts {
    /// Adds up all summary lines in `text`, which cargo-nextest or `cargo test` printed.
    pub(crate) fn parse(text: &str) -> Self {
        let mut sum = Self::default();
        for line in text.lines().map(without_colours) {
            if line.trim_start().starts_with("Summary [") || line.starts_with("test result: ") {
                sum.add_line(&line);
            }
        }
        sum
    }

    /// Adds the numbers in a summary line, such as `2 passed; 1 failed`.
    fn add_line(&mut self, line: &str) {
        for piece in line.split([',', ';', ':', '.']) {
            let Some((number, outcome)) = piece.trim().split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            if outcome.starts_with("passed") {
                self.passed += number;
            } else if ["failed", "timed out", "exec failed"].iter().any(|o| outcome.starts_with(o))
            {
                self.failed += number;
            }
        }
    }
}

/// The line without ANSI colour codes.
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or("", |(_, after)| after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, passed: u64, failed: u64) {
        assert_eq!(TestCounts::parse(text), TestCounts { passed, failed }, "{text}");
    }

    #[test]
    fn nextest_closes_with_a_summary() {
        check("     Summary [   0.022s] 10 tests run: 10 passed, 0 skipped\n", 10, 0);
        check(
            "     Summary [ 1.5s] 9/12 tests run: 5 passed (1 slow), 2 failed, 1 timed out",
            5,
            3,
        );
        check("     Summary [ 1.5s] 1 test run: 0 passed, 1 exec failed, 3 skipped", 0, 1);
    }

    #[test]
    fn cargo_test_closes_once_per_binary() {
        check(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; finished in 0.01s\n\
             test result: FAILED. 4 passed; 2 failed; 0 ignored\n",
            7,
            2,
        );
    }

    #[test]
    fn colours_do_not_matter() {
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 1s] \u{1b}[1m2\u{1b}[0m tests run: 2 passed",
            2,
            0,
        );
    }

    #[test]
    fn other_lines_are_not_counted() {
        check("running 3 tests\n3 passed\n", 0, 0);
    }
}
