//! Makes the measurements of docs/performance.md. Ours, other programs and the floor read the same pages in
//! turn, on servers that `cargo xtask bench` has started; the whole sequence runs several times.

mod compare;
mod floor;
mod instructions;
mod lag;
mod latency;
mod load;
mod page;
mod peers;
mod process;
mod records;
mod report;
mod service;
mod site;
mod stages;

use std::{io::Write as _, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use system_tests::marks::write_between_marks;

use crate::{
    records::Pages,
    report::{Program, Report},
    site::Servers,
};

/// The allocator of the gateway: with a slower one, stages and the floor would be slower too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to measure. Without a command: everything that docs/performance.md records between its marks.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    subject: Option<Subject>,
    #[command(flatten)]
    all: All,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// The lag of five channels beside one that misbehaves, for each kind of misbehaviour.
    Lag {
        /// The duration of one run, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The number of runs for each kind of misbehaviour.
        #[arg(long, default_value_t = 5)]
        runs: usize,
    },
    /// Two sinks that load 200,000 demands into an empty PostgreSQL.
    Load,
    /// The instructions of each stage.
    Stages(instructions::Args),
    /// The part of the stages whose instructions are counted.
    #[command(hide = true)]
    Part(instructions::Part),
    /// The floor, which this program runs in a process of its own.
    #[command(hide = true)]
    Floor(floor::Args),
}

#[derive(Debug, clap::Args)]
struct All {
    /// Fewer records, and stores that stay small: measuring takes about five minutes.
    #[arg(long)]
    quick: bool,
    /// Also measure with ten million demands present, which takes hours.
    #[arg(long)]
    large: bool,
    /// How to print the figures.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file in which the text between the two marks is replaced by the figures.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Markdown,
    Json,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { subject, all } = Arguments::parse();
    match subject {
        Some(Subject::Lag { seconds, runs }) => lag::measure(seconds, runs).await,
        Some(Subject::Load) => load::measure().await,
        Some(Subject::Stages(args)) => instructions::measure(&args),
        Some(Subject::Part(part)) => instructions::run(&part).await,
        Some(Subject::Floor(args)) => floor::run(args).await,
        None => Box::pin(measure(&all)).await,
    }
}

/// Measures everything, and prints it.
async fn measure(all: &All) -> anyhow::Result<()> {
    let (records, rounds) = if all.quick { (20_000, 2) } else { (50_000, 3) };
    let servers = Servers::started()?;
    let pages = Pages::open(records).await?;
    let comparisons = Box::pin(compare::compare(&servers, &pages, records, rounds)).await?;
    let ours = comparisons.first().and_then(|main| main.programs.first());
    let rate = ours.and_then(Program::records_per_s).context("our program was not measured")?;
    say("stages");
    let stages = Box::pin(stages::measure(&servers, &pages)).await?;
    say("idle");
    let idle = service::idle(&pages).await?;
    say("latency");
    let length = Duration::from_secs(if all.quick { 10 } else { 30 });
    let latency = latency::latency(&servers, &pages, rate / 2.0, length);
    let latency = Box::pin(latency).await?;
    let mut growth = Vec::new();
    if !all.quick {
        let sizes = [100_000, 1_000_000, 10_000_000];
        let sizes = if all.large { &sizes[..] } else { &sizes[..2] };
        growth = Box::pin(service::growth(&servers, &pages, sizes, records)).await?;
    }
    let report = Report { records, rounds, comparisons, idle, latency, growth, stages };
    let markdown = report.markdown()?;
    if let Some(file) = &all.write {
        write_between_marks(file, "bench", &markdown)?;
    }
    let mut out = std::io::stdout();
    match all.format {
        Format::Markdown => write!(out, "{markdown}")?,
        Format::Json => writeln!(out, "{:#}", report.json())?,
    }
    Ok(())
}

/// Says what is going on: on standard error, because standard output is for the figures.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "bench: {text}");
}
