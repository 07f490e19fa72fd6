//! Measures normalizer/text and prints tables; `cargo xtask bench text [DIR]` calls it.
//!
//! For comparison, ftfy, chardet and charset-normalizer do the same work in the same run. The texts come
//! from DIR, without those that the model was trained with; without DIR they are made up. Python's codecs
//! break them. The program fails if a quality bar is missed. It prints speed, but does not judge it.

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

/// The same allocator as in the gateway.
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
    let verdict = if missed.is_empty() { "every bar of quality holds" } else { "a bar is missed" };
    say(format_args!("{verdict}; speed is for the reader to compare"))?;
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// A share in percent.
fn percent(part: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 }
}
