//! `tonghui-sandbox`: the simulated city for people, with sources to point a gateway at.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use sandbox::{CHANNELS, City, CityPlan, Corpus, Limits, Memory, Mobile, board};
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
    /// Runs the sources of a city until Ctrl-C, then writes what each of them said
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
    /// Folder for hotline.db and, at the end, CHANNEL.jsonl with every state of every record
    #[arg(long)]
    dir: PathBuf,
    /// Channels to serve, separated by commas; all of them when left out
    #[arg(long, value_delimiter = ',')]
    channels: Vec<String>,
    /// Demands there from the start, over all channels
    #[arg(long, default_value_t = 1_000)]
    records: u64,
    /// New demands per second after that, over all channels
    #[arg(long, default_value_t = 2)]
    per_second: u64,
    /// Same seed, same demands
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong: `all` everywhere, or CHANNEL=SWITCHES, for example
    /// `hotline=poison@100,late_commit@50`; may be given for several channels
    #[arg(long, value_name = "SWITCHES")]
    faults: Vec<String>,
    /// Texts to serve instead of generated ones, JSON lines
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// The limits of the real sources instead of a thousand times wider ones
    #[arg(long)]
    real_limits: bool,
    /// Address the mobile platform pushes its reports into, http://host:port/path
    #[arg(long, value_name = "URL")]
    push: Option<String>,
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
        std::fs::create_dir_all(&self.dir)
            .with_context(|| format!("cannot create {}", self.dir.display()))?;
        let city = City::open(&self.plan()?).await?;
        for (channel, records) in city.split() {
            say(&format!("# {channel}: {records} demands"))?;
        }
        if city.message_board.is_some() {
            say(&format!("# message_board: forums {:?}", board::fids()))?;
        }
        for (channel, url) in city.addresses() {
            say(&format!("# {channel}: {url}"))?;
        }
        for (name, value) in city.environment() {
            say(&format!("{name}={value}"))?;
        }
        self.until_stopped(&city).await?;
        for truth in city.truths().await? {
            let path = self.dir.join(format!("{}.jsonl", truth.channel()));
            let file = std::fs::File::create(&path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            truth.write_jsonl(std::io::BufWriter::new(file))?;
        }
        Ok(())
    }

    fn plan(&self) -> anyhow::Result<CityPlan> {
        let known = |name: &str| {
            let mut names = CHANNELS.iter().map(|(known, _)| *known);
            let all: Vec<_> = names.clone().collect();
            let found = names.find(|known| *known == name);
            found.with_context(|| format!("no channel {name}, there are: {}", all.join(", ")))
        };
        let mut plan = CityPlan::demonstration(self.seed, self.dir.clone(), self.records);
        plan.memory = Memory::All;
        plan.limits = if self.real_limits { Limits::Real } else { Limits::Loose };
        if !self.channels.is_empty() {
            plan.channels =
                self.channels.iter().map(|name| known(name)).collect::<anyhow::Result<_>>()?;
        }
        if self.faults != ["all"] {
            plan.faults = BTreeMap::new();
            for text in &self.faults {
                let (channel, switches) =
                    text.split_once('=').with_context(|| format!("{text}: write CHANNEL=…"))?;
                plan.faults.insert(known(channel)?.to_owned(), switches.to_owned());
            }
        }
        if let Some(path) = &self.corpus {
            plan.corpus = Corpus::from_jsonl(path)?;
        }
        Ok(plan)
    }

    /// Lets the city live until Ctrl-C.
    async fn until_stopped(&self, city: &City) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let pushing = async {
            let pushed = match (&self.push, &city.mobile) {
                (Some(url), Some(mobile)) => push(mobile, url, &stop).await,
                (Some(_), None) => Err(anyhow::anyhow!("--push needs the channel mobile")),
                (None, _) => Ok(()),
            };
            if pushed.is_err() {
                stop.cancel();
            }
            pushed
        };
        let ending = async {
            let pressed = stop.run_until_cancelled(tokio::signal::ctrl_c()).await;
            stop.cancel();
            pressed.transpose()
        };
        let (lived, pushed, pressed) =
            tokio::join!(city.live(self.per_second, stop.clone()), pushing, ending);
        lived?;
        pressed?;
        pushed
    }
}

/// Pushes what is new once a second.
async fn push(mobile: &Mobile, url: &str, stop: &CancellationToken) -> anyhow::Result<()> {
    let second = Duration::from_secs(1);
    while stop.run_until_cancelled(tokio::time::sleep(second)).await.is_some() {
        if let Some(pushed) = stop.run_until_cancelled(mobile.push(url)).await {
            pushed?;
        }
    }
    Ok(())
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
