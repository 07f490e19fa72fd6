//! `tonghui-sandbox`: the simulated city for people, with a database to point a gateway at.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use sandbox::{Clock, Corpus, Faults, Hotline, Pace, Settings, Storage};
use tokio_util::sync::CancellationToken;

/// A simulated city for the Tonghui gateway.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a 12345 hotline's front-end database until Ctrl-C, then writes what it held
    Serve(Serve),
    /// Prints generated demands, one JSON object a line
    Corpus {
        /// How many
        #[arg(long, default_value_t = 500)]
        count: u64,
        /// Same seed, same texts
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Args)]
struct Serve {
    /// Folder for hotline.db and, at the end, oracle.jsonl
    #[arg(long)]
    dir: PathBuf,
    /// Demands there from the start
    #[arg(long, default_value_t = 1_000)]
    records: u64,
    /// New demands per second after that
    #[arg(long, default_value_t = 2)]
    per_second: u64,
    /// Same seed, same demands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong: `all`, or for example `poison@100,late_commit@50`
    #[arg(long, default_value = "")]
    faults: String,
    /// Texts to serve instead of generated ones, JSON lines
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Width of the long text columns
    #[arg(long, value_enum, default_value_t = Width::Varchar4000)]
    storage: Width,
}

#[derive(Clone, Copy, ValueEnum)]
enum Width {
    Varchar4000,
    Clob,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::Corpus { count, seed } => print_corpus(count, seed),
    }
}

impl Serve {
    async fn run(self) -> anyhow::Result<()> {
        let settings = Settings {
            storage: match self.storage {
                Width::Varchar4000 => Storage::Varchar4000,
                Width::Clob => Storage::Clob,
            },
            faults: Faults::parse(&self.faults)?,
            corpus: match &self.corpus {
                Some(path) => Corpus::from_jsonl(path)?,
                None => Corpus::Generated,
            },
            ..Settings::new(self.seed, Clock::machine())
        };
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))?;
        let hotline = Hotline::create(&self.dir.join("hotline.db"), settings).await?;
        hotline.file(self.records).await?;
        say(hotline.url())?;
        self.keep_filing(&hotline).await?;
        write_oracle(&hotline, &self.dir.join("oracle.jsonl")).await
    }

    /// Files on until Ctrl-C; with a pace of 0 or a corpus used up, only waits for it.
    async fn keep_filing(&self, hotline: &Hotline) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let pace = Pace { records: 0, over: Duration::ZERO, then_per_second: self.per_second };
        let mut live = std::pin::pin!(hotline.live(pace, stop.clone()));
        tokio::select! {
            ended = &mut live => {
                ended?;
                Ok(tokio::signal::ctrl_c().await?)
            }
            pressed = tokio::signal::ctrl_c() => {
                stop.cancel();
                live.await?;
                Ok(pressed?)
            }
        }
    }
}

async fn write_oracle(hotline: &Hotline, path: &Path) -> anyhow::Result<()> {
    let oracle = hotline.oracle().await?;
    let file =
        std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    oracle.write_jsonl(std::io::BufWriter::new(file))
}

fn print_corpus(count: u64, seed: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for piece in Corpus::generated(seed, count) {
        serde_json::to_writer(&mut out, &piece)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
