//! The instructions of each stage: unlike times, they are nearly the same on each machine and in each run, so a loss
//! of a few percent is seen. `valgrind` counts them in this program itself.

use std::{collections::BTreeMap, fs, io::Write as _, path::PathBuf, process::Command};

use anyhow::{Context as _, bail, ensure};

use crate::{
    page::{JSON_PAGES, Kind, Page, STAGES, XML_PAGES},
    records::{PAGE_ROWS, Pages},
    report::real,
    site::{JSON, Site, XML},
    stages::open,
};

/// By how much a stage may grow until it counts as a loss.
const TOLERANCE: f64 = 0.05;
/// So many instructions more for one record are none: the order of a hash table differs in each run.
const NOISE: u64 = 100;
/// A run with this many pages has that many minus one more than a run with one page.
const PAGES: u64 = 3;

/// The kinds of pages, and the channels that read them.
const KINDS: [(&Kind, &str); 2] = [(&JSON_PAGES, JSON), (&XML_PAGES, XML)];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare with the recorded counts, and fail if a stage has lost more than 5 %.
    #[arg(long, conflicts_with = "record")]
    check: bool,
    /// Record the counts.
    #[arg(long)]
    record: bool,
    /// The file with the recorded counts.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// What one counted run of this program does.
#[derive(Debug, clap::Args)]
pub(crate) struct Part {
    /// The number of the kind of pages.
    kind: usize,
    /// How many stages each page goes through.
    n_stages: usize,
    /// The number of pages.
    pages: u64,
}

/// Counts the instructions of all stages, and prints them for one record.
pub(crate) fn measure(args: &Args) -> anyhow::Result<()> {
    let recorded: BTreeMap<String, u64> = if args.check {
        let text = fs::read_to_string(&args.file);
        serde_json::from_str(&text.context("no counts were recorded: use --record")?)?
    } else {
        BTreeMap::new()
    };
    let (mut counts, mut lost) = (BTreeMap::new(), Vec::new());
    let mut out = std::io::stdout();
    writeln!(out, "{:>12}  {:>12}  {:>7}  stage", "instructions", "recorded", "change")?;
    for (number, (kind, _)) in KINDS.iter().enumerate() {
        let mut before = counted(number, 0)?;
        for (n_done, stage) in (1..).zip(STAGES) {
            let upto = counted(number, n_done)?;
            let (name, count) = (format!("{stage} ({})", kind.name), upto.saturating_sub(before));
            before = upto;
            let known = recorded.get(&name).copied();
            let change = known.map(|known| real(count) / real(known.max(1)) - 1.0);
            let columns =
                [known.map(|n| n.to_string()), change.map(|c| format!("{:+.1} %", c * 100.0))];
            let [known, shown] = columns.map(|column| column.unwrap_or_else(|| "–".to_owned()));
            writeln!(out, "{count:>12}  {known:>12}  {shown:>7}  {name}")?;
            let is_noticeable = count > recorded.get(&name).copied().unwrap_or(0) + NOISE;
            if is_noticeable && change.is_some_and(|change| change > TOLERANCE) {
                lost.push(format!("{name} ({shown})"));
            }
            ensure!(!args.check || change.is_some(), "{name} was not recorded: use --record");
            counts.insert(name, count);
        }
    }
    if args.record {
        fs::write(&args.file, serde_json::to_string_pretty(&counts)? + "\n")?;
    }
    ensure!(lost.is_empty(), "more than 5 % more instructions than recorded: {}", lost.join(", "));
    Ok(())
}

/// The instructions for one record of this kind on its way through this many stages.
fn counted(kind: usize, n_stages: usize) -> anyhow::Result<u64> {
    let run = |pages: u64| {
        let mut command = Command::new("valgrind");
        command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
        command.arg(std::env::current_exe()?);
        command.args(["part", &kind.to_string(), &n_stages.to_string(), &pages.to_string()]);
        let output = command.output().context("cannot start valgrind")?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let number = text.lines().find_map(|line| line.split_once(" refs:"));
        match number.map(|(_, number)| number.trim().replace(',', "").parse::<u64>()) {
            Some(Ok(number)) if output.status.success() => Ok(number),
            _ => bail!("no instructions were counted: {text}"),
        }
    };
    // The start of the program and the making of records do not count: both runs do them.
    Ok(run(PAGES)?.saturating_sub(run(1)?) / ((PAGES - 1) * PAGE_ROWS))
}

/// Does one counted run.
pub(crate) async fn run(part: &Part) -> anyhow::Result<()> {
    let (kind, channel) = KINDS.get(part.kind).context("there is no such kind")?;
    let pages = Pages::open(PAGES * PAGE_ROWS).await?;
    let (normalizer, _) = Box::pin(open(&Site::http(channel, &pages)?)).await?;
    let bodies = (0..PAGES).map(|page| pages.body(page * PAGE_ROWS, kind.served_as));
    let bodies: Vec<_> = bodies.collect();
    for (number, body) in (0..part.pages).zip(bodies) {
        let mut page = Page::Served(body);
        while page.n_done() < part.n_stages {
            page = page.step(number, kind, &normalizer)?;
        }
    }
    Ok(())
}
