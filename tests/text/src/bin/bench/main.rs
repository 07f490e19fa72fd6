//! Measures normalizer/text and prints tables. `cargo xtask bench text [DIR]` runs it.
//!
//! For comparison, ftfy, chardet and charset-normalizer do the same work in the same run. The texts come
//! from DIR, which may also have a `dict.txt`, whose words must stay; without DIR, they are made up. Python's codecs break those that the model was not trained with.
//! The program fails if a quality target is missed. It prints speed, but does not judge it.

mod clean;
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
    missed.extend(clean::measure(&corpus, folder.as_deref())?);
    missed.extend(detection::measure(&corpus)?);
    speed::measure(&corpus)?;
    speed::measure_mapping()?;
    for target in &missed {
        say(format_args!("MISSED: {target}"))?;
    }
    let quality = if missed.is_empty() { "met" } else { "not met, see MISSED above" };
    say(format_args!("the quality targets are {quality}; compare the speed yourself"))?;
    Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// The percentage of `part` in `all`; 100 if `all` is 0.
fn percent(part: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 }
}
