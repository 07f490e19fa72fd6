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
mod fuzz;
mod measure;
mod schema;
mod soak;
mod tables;
mod text;

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
    /// Make the dictionary that records are compressed with, of those that a demo kept.
    Dictionary {
        /// The demo's folder of configuration.
        config: PathBuf,
    },
    /// Write the shipped table of administrative divisions from public CSV files.
    Regions {
        /// The folder of provinces.csv, cities.csv, areas.csv and streets.csv.
        folder: PathBuf,
        /// Old counties of history.jsonl too. Nobody states its licence: keep that table to yourself.
        #[arg(long)]
        history: bool,
    },
    /// Write a table of categories from category.jsonl, for a configuration of your own: its licence
    /// does not let it be shipped.
    Categories {
        /// The folder of category.jsonl.
        folder: PathBuf,
        /// The table, as in codes/category.csv.
        file: PathBuf,
    },
    /// Measure throughput, memory and start of the release binary; prints Markdown.
    Bench {
        #[command(subcommand)]
        part: Option<Part>,
    },
    /// Count the characters of the .jsonl message files of a folder for the model of plausibility.
    TextModel {
        /// The folder; its texts stay where they are.
        folder: PathBuf,
    },
    /// Feed parsers what nobody would write, and keep what breaks one in target/fuzz.
    Fuzz(fuzz::Args),
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
        Task::Dictionary { config } => measure::dictionary(&config),
        Task::Regions { folder, history } => tables::regions(&folder, history),
        Task::Categories { folder, file } => tables::categories(&folder, &file),
        Task::Bench { part: None } => measure::bench(),
        Task::Bench { part: Some(Part::Text { folder }) } => text::bench(folder.as_deref()),
        Task::Bench { part: Some(Part::Lag { seconds, runs }) } => measure::lag(seconds, runs),
        Task::TextModel { folder } => text::model(&folder),
        Task::Fuzz(args) => fuzz::fuzz(&args),
        Task::Soak => soak::soak(),
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
