//! `cargo xtask`: everything a developer or a build server does with this repository.
//!
//! A program rather than shell scripts, because starting and stopping real servers, and stopping
//! them on every way out, is the part that scripts get wrong.

mod say;

mod interrupt;
mod run;

mod counts;
mod steps;
mod test;

mod servers;
mod setup;
mod singer;
mod toolchain;

mod deny;
mod measure;
mod schema;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::say::say;

/// Tasks of the Tonghui repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Format, lints, build, every test against real servers, documentation, schemas.
    Test,
    /// Install what the tests need (Debian packages, a Singer tap) where it is missing.
    Setup,
    /// Run a command with the test servers beside it: `cargo xtask with cargo test -p sink`.
    With {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run one server in a folder until interrupted; started there again, it goes on where it was.
    Serve {
        /// Which.
        name: servers::Name,
        /// Where it keeps its data, port and password.
        folder: PathBuf,
    },
    /// Write the JSON Schemas of the configuration and of the demand.
    Schema {
        /// Compare instead of write.
        #[arg(long)]
        check: bool,
    },
    /// Send the .jsonl message files of a folder through the hotline and compare what arrives.
    Corpus {
        /// The folder; its texts stay where they are.
        folder: PathBuf,
    },
    /// Measure throughput, memory and start of the release binary; prints Markdown.
    Bench,
    /// Advisories, bans, licences and sources of all dependencies, by cargo-deny.
    Deny,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = interrupt::arm().and_then(|()| match arguments.task {
        Task::Test => test::test(),
        Task::Setup => setup::setup(),
        Task::With { command } => servers::with(&command),
        Task::Serve { name, folder } => servers::serve(name, &folder),
        Task::Schema { check } => schema::schema(check),
        Task::Corpus { folder } => measure::corpus(&folder),
        Task::Bench => measure::bench(),
        Task::Deny => deny::deny(),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error:#}"));
            // 2 as for every usage or configuration error: somebody has to install something.
            let code = if error.is::<setup::Missing>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}
