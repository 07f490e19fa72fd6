//! The long fault run: the real processes of the gateway, with a broker and a database of their own, while a
//! source never rests and faults that a seed decides strike one after another. At the end, what the source ever
//! held is compared by identity with what is stored. `cargo xtask soak` runs it; docs/reliability.md describes it.

mod faults;
mod oracle;
mod plant;
mod proxy;
mod report;
mod source;

use std::{
    collections::BTreeMap,
    io::Write as _,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::ensure;
use clap::Parser;
use normalizer::Sealer;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use system_tests::marks::write_between_marks;
use tokio::time::{MissedTickBehavior, interval};

use self::{
    faults::{Fate, fresh},
    oracle::{Deeds, Findings, compare},
    plant::{PATIENCE, Plant, until},
    report::Report,
    source::{LISTS, Source},
};

/// How many wrong ids are printed.
const MAX_SHOWN: usize = 20;

#[derive(Debug, Parser)]
struct Arguments {
    /// How long faults are struck.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What decides the records and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many records the first list gets each second, beside those with which the faults keep time.
    #[arg(long, default_value_t = 0)]
    rate: u32,
    /// A file in which the text between the two marks is replaced by the table.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // Other users, as which the servers run, must have access; and the path of a socket must be short.
    let folder = tempfile::Builder::new().prefix("tonghui-soak-").tempdir_in("/tmp")?;
    let ended = Box::pin(soak(&arguments, folder.path())).await;
    let mut out = std::io::stdout();
    let failure = match ended {
        Ok(report) => {
            let text = report.markdown();
            write!(out, "{text}")?;
            let wrong = report.wrong();
            if wrong.is_empty() {
                if let Some(file) = &arguments.write {
                    write_between_marks(file, "soak", &text)?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            let shown = wrong.iter().take(MAX_SHOWN).map(|line| format!("\n  {line}"));
            format!("{} things are wrong:{}", wrong.len(), shown.collect::<String>())
        }
        Err(error) => format!("{error:#}"),
    };
    let (seed, kept) = (arguments.seed, folder.keep());
    let logs = kept.join("logs");
    writeln!(out, "FAILED with seed {seed}: {failure}\nlogs: {}", logs.display())?;
    Ok(ExitCode::FAILURE)
}

/// Runs everything, in `folder`.
async fn soak(arguments: &Arguments, folder: &Path) -> anyhow::Result<Report> {
    let length = Duration::from_secs(arguments.seconds);
    let source = Source::open(arguments.seed, arguments.rate).await?;
    let mut plant = Box::pin(Plant::start(folder, &source)).await?;
    Box::pin(fresh(&mut plant, &source)).await?;
    let mut fate = Fate::new(ChaCha8Rng::seed_from_u64(arguments.seed), length);
    let mut recoveries: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let began = Instant::now();
    source.set_living(true);
    while began.elapsed() < length {
        let kind = fate.next_kind();
        let recovery = Box::pin(fate.strike(kind, &mut plant, &source)).await?;
        recoveries.entry(kind).or_default().push(recovery);
    }
    let struck = began.elapsed();
    source.set_living(false);
    plant.say("the source rests; everything settles");
    Box::pin(fresh(&mut plant, &source)).await?;
    let found = Box::pin(settle(&mut plant, &source, fate.erased())).await?;
    let states = [0, 1].map(|list| source.states(list));
    let revisions = states.iter().flatten().map(|state| u64::from(state.revision)).sum();
    let records = states.iter().map(Vec::len).sum();
    plant.run(&["audit", "verify"])?;
    Box::pin(fresh(&mut plant, &source)).await?;
    Ok(Report {
        seed: arguments.seed,
        length: struck,
        recoveries,
        records,
        revisions,
        n_ended: plant.n_ended,
        found,
    })
}

/// Waits until nothing is in flight, maps again what an earlier mapping made, and compares until nothing is wrong, or
/// until that has taken too long.
async fn settle(
    plant: &mut Plant,
    source: &Source,
    erased: Range<usize>,
) -> anyhow::Result<Findings> {
    let (store, keys) = Box::pin(plant.store()).await?;
    until(plant, "nothing is in flight", async |_| {
        let books = store.books(None, None).await?;
        ensure!(books.len() == LISTS.len(), "there are books of {} channels", books.len());
        let in_flight: u64 = books.iter().map(|book| book.in_flight).sum();
        ensure!(in_flight == 0, "{in_flight} events are in flight");
        Ok(true)
    })
    .await?;
    for list in LISTS {
        plant.run(&["replay", list])?;
    }
    let deeds = Deeds { erased, grids: [plant.grid(LISTS[0])?, plant.grid(LISTS[1])?] };
    let (sealer, began) = (Sealer::new(&keys), Instant::now());
    let mut again = interval(Duration::from_secs(2));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        again.tick().await;
        let found = Box::pin(compare(source, &store, &sealer, &deeds)).await?;
        if found.wrong().is_empty() || began.elapsed() > PATIENCE / 4 {
            store.close().await;
            return Ok(found);
        }
    }
}
