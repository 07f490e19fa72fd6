//! `cargo xtask fuzz`: parsers against what nobody would write, for as long as one likes.

use anyhow::Result;

use crate::run::{cargo, must};

/// Which parser, and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For each target.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same seed tries the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One target; all of them where none is named.
    target: Option<String>,
}

/// Runs the fuzzer of `tests/fuzz`, built as for tests: overflows are found too.
pub(crate) fn fuzz(args: &Args) -> Result<()> {
    let mut command = cargo(&["run", "--locked", "--quiet", "-p", "fuzz-tests", "--bin", "fuzz"]);
    command.args(["--", "--seconds", &args.seconds.to_string()]);
    command.args(["--seed", &args.seed.to_string()]).args(&args.target);
    must(command)
}
