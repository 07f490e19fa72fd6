//! Measures normalizer/text and prints tables; `cargo xtask bench text [DIR]` calls it.
//!
//! Beside it ftfy, chardet and charset-normalizer do the same work in the same run. The texts are
//! those of DIR of which the model has seen none, or made up where there is no DIR; they are broken
//! by Python's codecs. It fails where a quality bar is missed. Speed is printed and not judged.

mod corpus;
mod detection;
mod restore;
mod speed;

use mimalloc::MiMalloc;
use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

/// As in the gateway.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> anyhow::Result<ExitCode> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let corpus = corpus::read(folder.as_deref())?;
    let mut missed = restore::measure(&corpus)?;
    missed.extend(corpus::measure_clean(&corpus)?);
    missed.extend(detection::measure(&corpus)?);
    speed::measure(&corpus)?;
    speed::measure_mapping()?;
    for bar in &missed {
        say(format_args!("MISSED: {bar}"))?;
    }
    let held = if missed.is_empty() { "every bar of quality holds" } else { "a bar is missed" };
    say(format_args!("{held}; speed is for the reader to compare"))?;
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// A share in per cent.
fn percent(part: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 }
}
