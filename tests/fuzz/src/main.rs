//! Runs parsers with broken inputs. `cargo xtask fuzz [--seconds N] [TARGET]` runs it.
//!
//! The project has its own fuzzer, because fuzzers that use coverage need a nightly compiler. This one
//! mutates small inputs from `corpus/`, and mutates the results further, in an order that a seed determines.
//! An input is a finding if a target panics or takes seconds; the fuzzer writes it to a file. A target is a
//! parser with checks, and panics if a check fails.

mod mutate;
mod targets;

use std::{
    fs,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use mutate::Mutator;
use targets::{TARGETS, Target};

/// Run parsers with broken inputs.
#[derive(Parser)]
#[command(bin_name = "cargo xtask fuzz")]
struct Args {
    /// How long to run each target, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of the mutations; the same seed gives the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The target to run [default: all of them].
    target: Option<String>,
}

/// The longest time that an input of [`mutate::MAX_LEN`] bytes may take.
const MAX_TIME: Duration = Duration::from_secs(5);

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let chosen = |target: &&Target| args.target.as_ref().is_none_or(|name| name == target.name);
    let chosen: Vec<_> = TARGETS.iter().filter(chosen).collect();
    ensure!(!chosen.is_empty(), "unknown target; name one of {}", known.join(", "));
    let mut n_findings = 0;
    for target in chosen {
        n_findings += usize::from(!run(target, &args)?);
    }
    Ok(if n_findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one target until its time is over or there is a finding. Returns false if there is one.
fn run(target: &Target, args: &Args) -> Result<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let corpus = corpus(&folder)?;
    let mut mutator = Mutator::new(corpus, args.seed);
    let begun = Instant::now();
    let mut n_inputs = 0_u64;
    while begun.elapsed() < Duration::from_secs(args.seconds) {
        let input = mutator.next();
        n_inputs += 1;
        let is_long = |took: Duration| took > MAX_TIME;
        let is_found = match measure(target, &input) {
            // The machine may have paused, so this tries a slow input again.
            Some(first) => is_long(first) && measure(target, &input).is_none_or(is_long),
            None => true,
        };
        if is_found {
            let file = keep(target, &input)?;
            let shown = file.display();
            say(format_args!(
                "{}: FOUND after {n_inputs} inputs, seed {}: {shown}",
                target.name, args.seed
            ))?;
            return Ok(false);
        }
    }
    say(format_args!("{}: {n_inputs} inputs, seed {}, nothing found", target.name, args.seed))?;
    Ok(true)
}

/// Measures how long the target takes; `None` if it panics.
fn measure(target: &Target, input: &[u8]) -> Option<Duration> {
    let started = Instant::now();
    panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input))).ok()?;
    Some(started.elapsed())
}

fn corpus(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        files.push(entry?.path());
    }
    files.sort();
    files.into_iter().map(|file| Ok(fs::read(file)?)).collect()
}

/// Writes the input to a file in `target/fuzz`, with the name of the target.
fn keep(target: &Target, input: &[u8]) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz");
    fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{}.bin", target.name));
    fs::write(&file, input)?;
    Ok(file)
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}
