//! `tonghui demo`: pulls a simulated city into one SQLite file, or through a given broker into a given
//! database.
//!
//! The demo writes the shipped configuration into a folder of its own and then calls the same functions
//! as `run`, so it shows the real program.

mod progress;
mod servers;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chrono::TimeDelta;
use config::Settings;
use sandbox::{City, CityPlan};
use sink::store::Database;
use tokio_util::sync::CancellationToken;

use super::{
    Context, Exit, Format,
    books::{Ledger, read_ledger},
    out,
};
use crate::{
    assemble,
    channel::LiveChannel,
    keys,
    registry::section_schemas,
    schedule::Schedule,
    service::{Role, serve, stop_on_signal},
    shipped,
    stop::Stop,
    store_mark,
    supervise::ChannelEnd,
};
use servers::Servers;

/// Pause of each channel after a pass; real channels pause longer, to spare their sources.
const PAUSE: Duration = Duration::from_secs(2);
/// Age of the oldest demand at the start.
const MAX_AGE: TimeDelta = TimeDelta::days(60);
/// New demands per second while the demo keeps running.
const NEW_PER_SECOND: u64 = 3;
/// The shipped `limits.memory`, and that of the demo: its records are small, and the city needs memory too.
const MEMORY: [&str; 2] = ["\"256MiB\"", "\"32MiB\""];

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Exit once everything has been pulled.
    #[arg(long)]
    once: bool,
    /// Number of demands in the sources when the demo starts.
    #[arg(long, default_value_t = 8_000, value_name = "N")]
    records: u64,
    /// Seed of the random generator; the same seed gives the same demands.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Folder of the demo; files of an earlier demo in it are replaced, and no others.
    #[arg(long, default_value = "tonghui-demo", value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    servers: Servers,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    super::runtime()?.block_on(async {
        let plan = CityPlan::demonstration(args.seed, args.dir.clone(), args.records);
        prepare(&plan).with_context(|| format!("cannot prepare {}", args.dir.display()))?;
        args.servers.prepare(&args.dir.join("config")).await?;
        let split: Vec<_> = plan.split().iter().map(|(name, n)| format!("{name} {n}")).collect();
        out::note(format!("the city has {} demands: {} …", args.records, split.join(", ")));
        let city = City::open(&plan).await?;
        let since = plan.clock.now().date() - MAX_AGE;
        shipped::point_at(&args.dir.join("config"), &city.addresses, since)?;

        let settings = settings(args, &city)?;
        Servers::delete_queues(&settings).await?;
        let (store, keys) = assemble::open(&settings).await?;
        let channels = assemble::channels(&settings, &keys)?.into_iter().map(|channel| {
            channel.with_schedule((!args.once).then(|| Schedule::every(PAUSE, settings.zone)))
        });
        let channels = channels.collect();
        out::note(format!("pulling into {}", Servers::location(&settings)));
        let queries = Servers::queries(&settings);
        let demo = Demo { city, settings, store, queries };
        demo.pull(channels, args.once, context.format).await
    })
}

/// The demo while it runs.
struct Demo {
    city: City,
    settings: Settings,
    store: Database,
    /// Example queries, as text.
    queries: String,
}

impl Demo {
    async fn pull(
        self,
        channels: Vec<LiveChannel>,
        once: bool,
        format: Format,
    ) -> anyhow::Result<Exit> {
        let began = Instant::now();
        let watches: Vec<_> = channels.iter().map(|each| Arc::clone(&each.handle.watch)).collect();
        let (stop, city_stop) = (Stop::default(), CancellationToken::new());
        let serving = Box::pin(serve(&self.settings, Role::All, channels, &self.store, &stop));
        let showing = async {
            progress::until_caught_up(&watches, &self.city.split).await;
            if once {
                return Ok(());
            }
            let ledger =
                with_statistics(read_ledger(&self.store, None, None).await?, began.elapsed());
            out::show(format, &ledger, Ledger::draw)?;
            out::note(&self.queries);
            out::note("new demands keep arriving; press ctrl-c to end the demo");
            let growing = self.city.live(NEW_PER_SECOND, city_stop.clone());
            tokio::join!(growing, report_new_demands(&self.store, &stop)).0
        };
        let mut work = Box::pin(async { tokio::join!(serving, showing) });
        let (ended, shown) = tokio::select! {
            both = &mut work => both,
            () = stop_on_signal(&stop) => {
                if once {
                    drop(work);
                    self.store.close().await;
                    out::note("interrupted: the store has only a part of the demands");
                    return Ok(Exit::Failed);
                }
                city_stop.cancel();
                work.await
            }
        };
        shown?;
        let ended = ended?;
        let mut ledger = read_ledger(&self.store, None, None).await?;
        // Before its file is named: from then on it can be copied.
        self.store.close().await;
        if once {
            ledger = with_statistics(ledger, began.elapsed());
        }
        out::show(format, &ledger, Ledger::draw)?;
        if once && format == Format::Text {
            out::print(&self.queries)?;
        }
        Ok(exit_for(&ended, ledger.balanced))
    }
}

/// Adds the duration and the peak memory of the demo.
fn with_statistics(ledger: Ledger, took: Duration) -> Ledger {
    let seconds = (took.as_secs_f64() * 10.0).round() / 10.0;
    Ledger { seconds: Some(seconds), peak_rss_mb: peak_mib(), ..ledger }
}

/// Peak memory of this process, in MiB (Linux: `VmHWM`).
fn peak_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.div_ceil(1024))
}

/// Prints every few seconds how many demands arrived, until stop is requested.
async fn report_new_demands(store: &Database, stop: &Stop) {
    let mut last_count = None;
    while !stop.is_requested() {
        if let Ok(ledger) = read_ledger(store, None, None).await {
            let stored: u64 = ledger.channels.iter().map(|row| row.books.stored).sum();
            let before = *last_count.get_or_insert(stored);
            if stored > before {
                out::note(format!("+{} new or changed demands", stored - before));
                last_count = Some(stored);
            }
        }
        stop.or_sleep(Duration::from_secs(5)).await;
    }
}

/// The exit code; prints the channels that failed.
fn exit_for(ended: &[ChannelEnd], balanced: Option<bool>) -> Exit {
    let mut exit = if balanced == Some(true) { Exit::Done } else { Exit::Failed };
    for (channel, end) in ended {
        if let Err(fault) = end {
            out::note(format!("channel {channel} failed: {fault}"));
            exit = Exit::SomeChannels;
        }
    }
    exit
}

/// The file by which a demo knows the folder of an earlier one, whose files it may replace, and what it says.
const MARK: &str = "demo.txt";
const MARK_TEXT: &str =
    "Made by `tonghui demo`. The next demo in this folder replaces the files beside this one.\n";

/// Writes the shipped configuration and removes the files of an earlier demo. What no demo has made stays: it may be a
/// real store and its keys.
fn prepare(plan: &CityPlan) -> anyhow::Result<()> {
    let (config, mark) = (plan.dir.join("config"), plan.dir.join(MARK));
    let is_used = config.exists() || mark.exists() || plan.dir.join("hotline.db").exists();
    let is_ours = fs::read(&mark).is_ok_and(|text| text == MARK_TEXT.as_bytes());
    anyhow::ensure!(
        !is_used || is_ours,
        "no demo has made the files in it (it has no {MARK} that a demo wrote), and a demo would replace them; name \
         another folder with --dir"
    );
    let channels = fs::read_dir(config.join("channels")).into_iter().flatten().flatten();
    let mut names = channels.map(|channel| channel.file_name().to_string_lossy().into_owned());
    let other = names.find(|name| !plan.channels.contains(&name.as_str()));
    anyhow::ensure!(
        other.is_none(),
        "config/channels/{} is no channel of a demo, and a demo would remove it; move it, or name another folder with \
         --dir",
        other.unwrap_or_default()
    );
    keys::create_private_folder(&plan.dir)?;
    fs::write(mark, MARK_TEXT)?;
    for name in ["hotline.db", "config/data/tonghui.db"] {
        for suffix in ["", "-wal", "-shm"] {
            remove(&plan.dir.join(format!("{name}{suffix}")))?;
        }
    }
    for name in ["data/keys.json", store_mark::NAME] {
        remove(&config.join(name))?;
    }
    if let Err(error) = fs::remove_dir_all(config.join("channels"))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error.into());
    }
    shipped::write(&config, &plan.channels)?;
    let file = config.join("gateway.toml");
    let [shipped, ours] = MEMORY;
    fs::write(&file, fs::read_to_string(&file)?.replace(shipped, ours))?;
    Ok(())
}

fn remove(file: &Path) -> std::io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads the configuration of the demo, with the variables that the city and the servers need.
fn settings(args: &Args, city: &City) -> anyhow::Result<Settings> {
    let variables = &city.environment;
    let environment = |name: &str| {
        let variable = variables.iter().find(|(known, _)| *known == name);
        variable
            .map(|(_, value)| value.clone())
            .or_else(|| args.servers.variable(name))
            .or_else(|| std::env::var(name).ok())
    };
    Ok(config::resolve(&args.dir.join("config"), &section_schemas(), &environment)?)
}

#[cfg(test)]
mod tests {
    use contract::Fault;

    use super::*;

    #[test]
    fn the_demo_limits_its_memory_more_than_what_is_shipped() {
        let folder = tempfile::tempdir().unwrap();
        prepare(&CityPlan::demonstration(1, folder.path().to_owned(), 1)).unwrap();
        let settings = fs::read_to_string(folder.path().join("config/gateway.toml")).unwrap();
        assert!(settings.contains("\nmemory = \"32MiB\""), "{settings}");
    }

    #[test]
    fn a_demo_replaces_only_what_a_demo_has_made() {
        let folder = tempfile::tempdir().unwrap();
        let plan = CityPlan::demonstration(1, folder.path().to_owned(), 1);
        let store = folder.path().join("config/data/tonghui.db");
        fs::create_dir_all(store.parent().unwrap()).unwrap();
        fs::write(&store, "real").unwrap();
        let mark = folder.path().join(MARK);
        for others_file in [None, Some("notes on a demo")] {
            if let Some(text) = others_file {
                fs::write(&mark, text).unwrap();
            }
            assert!(prepare(&plan).unwrap_err().to_string().contains("--dir"));
            assert_eq!(fs::read(&store).unwrap(), b"real");
        }
        fs::write(&mark, MARK_TEXT).unwrap();
        prepare(&plan).unwrap();
        assert!(!store.exists());
        let own = folder.path().join("config/channels/mine");
        fs::create_dir(&own).unwrap();
        assert!(prepare(&plan).unwrap_err().to_string().contains("channels/mine"));
        assert!(own.exists());
    }

    #[test]
    fn a_demo_succeeds_only_with_balanced_books() {
        let ended = |end| [("hotline".parse().unwrap(), end)];
        for (balanced, exit) in
            [(Some(true), Exit::Done), (Some(false), Exit::Failed), (None, Exit::Failed)]
        {
            assert_eq!(exit_for(&ended(Ok(())), balanced), exit, "{balanced:?}");
        }
        let fault = Fault::stopped("no such table");
        assert_eq!(exit_for(&ended(Err(fault)), Some(true)), Exit::SomeChannels);
    }
}
