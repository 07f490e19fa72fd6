//! `cargo xtask`: everything a developer or a build server does with this repository.
//!
//! It is a program and not shell scripts, because servers must be stopped however a task ends, and
//! scripts do that badly.

mod check;
mod count;
mod test;

mod servers;
mod setup;

mod cases;
mod programs;

mod run;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::run::print;

/// Tasks of the Tonghui repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// While writing: format, lints and the quick tests of the crates that changed.
    Check,
    /// Format, lints, build, every test against real servers, documentation, schemas.
    Test,
    /// Lines of code and files of each folder; fails where there are too many.
    Count,
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
        /// The server.
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
    /// Explain every file of a folder of cases, and sync it; fails where the two differ.
    Cases {
        /// The folder: `files/NAME/channel.toml` beside `files/NAME/in/`.
        folder: PathBuf,
    },
    /// Read the files of public JSON, XML and CSV suites between two good records, over every
    /// connector; fails where a neighbour is damaged or two connectors differ.
    Conformance {
        /// The folder with the clones of the suites.
        folder: PathBuf,
    },
    /// Measure throughput, memory and start of the release binary; prints Markdown.
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
    },
    /// Make a file that is shipped and not written by hand; `cargo xtask tool help` lists them.
    Tool {
        /// The tool and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Feed parsers with broken inputs, and keep what breaks one in target/fuzz.
    Fuzz {
        /// `--seconds N` for each target, `--seed N`, and one target instead of all.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The fault runs of the suite, longer: jobs over thirty days, kills, servers that break.
    Soak,
    /// Advisories, bans, licences and sources of all dependencies, by cargo-deny.
    Deny,
}

/// A part that is measured alone, beside peers.
#[derive(Subcommand)]
enum Part {
    /// Decoding, repair and detection, beside ftfy, chardet and charset-normalizer.
    Text {
        /// Folder with .jsonl message files; without it the texts are made up.
        folder: Option<PathBuf>,
    },
    /// The lag of five channels beside a sixth one that hangs, floods, panics or is misconfigured.
    Lag {
        /// How long one run takes.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Runs for each way to misbehave.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL, and the indexes behind them.
    Load,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = run::handle_signals().and_then(|()| match arguments.task {
        Task::Check => check::check(),
        Task::Test => test::test(),
        Task::Count => count::count(),
        Task::Setup => setup::setup(),
        Task::With { command } => servers::with(&command),
        Task::Serve { name, folder } => servers::serve(name, &folder),
        Task::Schema { check } => programs::schema(check),
        Task::Corpus { folder } => programs::corpus(&folder),
        Task::Cases { folder } => cases::cases(&folder),
        Task::Conformance { folder } => programs::conformance(&folder),
        Task::Bench { part: None } => programs::bench(),
        Task::Bench { part: Some(Part::Text { folder }) } => {
            programs::bench_text(folder.as_deref())
        }
        Task::Bench { part: Some(Part::Lag { seconds, runs }) } => {
            programs::bench_lag(seconds, runs)
        }
        Task::Bench { part: Some(Part::Load) } => programs::bench_load(),
        Task::Tool { arguments } => programs::tool(&arguments),
        Task::Fuzz { arguments } => programs::fuzz(&arguments),
        Task::Soak => test::soak(),
        Task::Deny => test::deny(),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(format_args!("error: {error:#}"));
            // 2 as for every usage or configuration error: somebody has to install something.
            let code = if error.is::<setup::Missing>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}
