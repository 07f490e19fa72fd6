//! `cargo xtask`: everything a developer or a build server does with this repository.
//!
//! It is a Rust program, because the test servers must be stopped however a task ends; shell scripts
//! do that badly.

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
    /// Check the format, the lints and the quick tests of the crates that changed.
    Check,
    /// Check everything: format, lints, build, schemas, documentation, and all tests with real servers.
    Test,
    /// Count the lines of code and the files of each folder; fails if there are too many in all.
    Count,
    /// Install what the tests need, unless it is installed: Debian packages and a Singer tap.
    Setup,
    /// Start the test servers, and run a command that uses them: `cargo xtask with cargo test -p sink`.
    With {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Run one server until interrupted. Its data stays in the folder and is used by the next start.
    Serve {
        /// The server.
        name: servers::Name,
        /// The folder for its data, port and password.
        folder: PathBuf,
    },
    /// Write the JSON Schemas of the configuration and of the demand.
    Schema {
        /// Only compare: fail if a committed schema is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Send the texts of .jsonl message files through the hotline, and compare them with what arrives.
    Corpus {
        /// The folder with the files; no text is copied out of it.
        folder: PathBuf,
    },
    /// Run `explain` and `sync` on every file of a folder of cases; fails if their verdicts differ.
    Cases {
        /// The folder: `files/NAME/channel.toml` beside `files/NAME/in/`.
        folder: PathBuf,
    },
    /// Read each file of public JSON, XML and CSV suites between two good records, with every
    /// connector; fails if a good record is damaged or two connectors differ.
    Conformance {
        /// The folder with the clones of the suites.
        folder: PathBuf,
    },
    /// Measure throughput, memory and start-up time of the release binary; prints Markdown.
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
    },
    /// Generate a file that is shipped; `cargo xtask tool help` lists these files.
    Tool {
        /// The tool and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Feed broken inputs to the parsers; inputs that make one fail are kept in target/fuzz.
    Fuzz {
        /// `--seconds N` for each target, `--seed N`, and the name of a target to run only that one.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the fault tests of the suite for longer: jobs on thirty simulated days, kills, failing servers.
    Soak,
    /// Check advisories, bans, licences and sources of all dependencies with cargo-deny.
    Deny,
}

/// What to measure instead of the whole program.
#[derive(Subcommand)]
enum Part {
    /// Decoding, repair and charset detection, compared with ftfy, chardet and charset-normalizer.
    Text {
        /// Folder with .jsonl message files; by default the texts are generated.
        folder: Option<PathBuf>,
    },
    /// The lag of five channels while a sixth one hangs, floods, panics or is misconfigured.
    Lag {
        /// Length of one run, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Runs for each kind of misbehaviour.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL, and the lag of the indexes.
    Load,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = run::handle_signals().and_then(|()| match arguments.task {
        Task::Check => check::check(),
        Task::Test => test::test(),
        Task::Count => count::count(),
        Task::Setup => setup::setup(),
        Task::With { command } => servers::run_with_servers(&command),
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
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(format_args!("error: {error:#}"));
            // 2 is the code of usage and configuration errors: somebody has to install something.
            let code = if error.is::<setup::Missing>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}
