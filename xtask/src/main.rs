//! `cargo xtask`: everything a developer or a build server does with this repository.
//!
//! It is a Rust program and not a shell script, because the test servers must be stopped even if a task
//! fails or is interrupted.

mod check;
mod count;
mod test;

mod servers;
mod setup;

mod attack;
mod bench;
mod cases;
mod programs;

mod run;
mod sbom;

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
    /// Count the lines of code and the files of each folder; fail if there are too many in all.
    Count,
    /// Install the Debian packages and the Singer tap that the tests need, unless they are installed.
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
        /// Write nothing; fail if a committed schema is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Feed the messages of .jsonl files to the simulated hotline, run the gateway, and compare the
    /// texts with the stored demands.
    Corpus {
        /// The folder with the files; their texts are neither printed nor stored elsewhere.
        folder: PathBuf,
    },
    /// Run every case of a folder on the gateway, with servers where needed; print a table, and fail if
    /// one does not do what is right.
    Cases {
        /// The folder of the cases, with the folders files, http, infra and text.
        folder: PathBuf,
        /// Run only cases whose name begins with this, such as `http/04`.
        #[arg(long, value_name = "PREFIX", default_value = "")]
        only: String,
        /// The gateway to run, instead of building it.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Do to the gateway what hostile people do, with bounds of memory and time; print a table, and fail if one does
    /// not hold. Needs openssl and python3.
    Attack {
        /// Run only attacks whose name begins with this, such as `doors/`.
        #[arg(long, value_name = "PREFIX", default_value = "")]
        only: String,
        /// The gateway to run, instead of building it: a release program, if the memory shall mean something.
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
    /// Put each file of the public JSON, XML and CSV test suites between two good records, and read it
    /// with every connector; fail if a good record is damaged or two connectors differ.
    Conformance {
        /// The folder with clones of the suites' repositories.
        folder: PathBuf,
    },
    /// Measure our program, others and the floor in turn, on servers of their own; print Markdown, and write
    /// docs/performance.md.
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        subject: Option<BenchSubject>,
        /// Fewer records: measuring takes about five minutes; docs/performance.md stays as it is.
        #[arg(long)]
        quick: bool,
        /// Measure with ten million demands present too, which takes hours.
        #[arg(long)]
        large: bool,
        /// How to print the figures; everything else goes to standard error.
        #[arg(long, value_parser = ["markdown", "json"], default_value = "markdown")]
        format: String,
    },
    /// Generate a file that is shipped; `cargo xtask tool help` lists the tools.
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
    /// Run the real processes while faults strike one after another, and compare what the source held with what
    /// is stored; fail if anything is lost, altered or extra.
    Soak {
        /// How long faults are struck, in seconds.
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// What decides the records and the faults.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many records are added each second, beside those with which the faults keep time.
        #[arg(long, default_value_t = 0)]
        rate: u32,
        /// Write the table into docs/reliability.md.
        #[arg(long)]
        write: bool,
        /// Instead, run the fault tests of the suite for longer: schedules over thirty simulated days, killed
        /// processes, failing servers, and a thousand sources that behave at random.
        #[arg(long, conflicts_with_all = ["seconds", "seed", "rate", "write"])]
        tests: bool,
    },
    /// Check advisories, bans, licences and sources of all dependencies with cargo-deny.
    Deny,
    /// Write which crates are linked into `tonghui`, with versions, licences and checksums (CycloneDX 1.5).
    Sbom {
        /// The file; if left out, the document is printed.
        file: Option<PathBuf>,
    },
}

/// What to measure instead of the whole program.
#[derive(Subcommand)]
enum BenchSubject {
    /// Text decoding, repair and charset detection, compared with ftfy, chardet and charset-normalizer.
    Text {
        /// The folder with .jsonl message files, and perhaps with the dict.txt of jieba, whose words must
        /// not change; by default, the texts are generated.
        folder: Option<PathBuf>,
    },
    /// The lag of five channels while a sixth one hangs, floods, panics or is misconfigured.
    Lag {
        /// The duration of one run, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The number of runs for each kind of misbehaviour.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL, and the lag of the indexes.
    Load,
    /// The instructions of each stage for one record, counted by valgrind.
    Stages {
        /// Compare with the recorded counts, and fail if a stage has lost more than 5 %.
        #[arg(long, conflicts_with = "record")]
        check: bool,
        /// Record the counts.
        #[arg(long)]
        record: bool,
    },
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
        Task::Cases { folder, only, program } => cases::cases(&folder, &only, program.as_deref()),
        Task::Attack { only, program } => attack::attack(&only, program.as_deref()),
        Task::Conformance { folder } => programs::conformance(&folder),
        Task::Bench { subject: None, quick, large, format } => bench::all(quick, large, &format),
        Task::Bench { subject: Some(BenchSubject::Text { folder }), .. } => {
            programs::bench_text(folder.as_deref())
        }
        Task::Bench { subject: Some(BenchSubject::Lag { seconds, runs }), .. } => {
            bench::lag(seconds, runs)
        }
        Task::Bench { subject: Some(BenchSubject::Load), .. } => bench::load(),
        Task::Bench { subject: Some(BenchSubject::Stages { check, record }), .. } => {
            bench::stages(check, record)
        }
        Task::Tool { arguments } => programs::tool(&arguments),
        Task::Fuzz { arguments } => programs::fuzz(&arguments),
        Task::Soak { tests: true, .. } => test::soak_tests(),
        Task::Soak { seconds, seed, rate, write, .. } => test::soak(seconds, seed, rate, write),
        Task::Deny => test::deny(),
        Task::Sbom { file } => sbom::sbom(file.as_deref()),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print(format_args!("error: {error:#}"));
            // A missing program counts as a usage error (code 2), because a person has to install it.
            let code = if error.is::<setup::NotInstalled>() { 2 } else { 1 };
            ExitCode::from(code)
        }
    }
}
