//! `tonghui sync`: reads channels once, then exits. For cron, timers and job schedulers. If a service is
//! running, it requests the pass there and waits for it; otherwise it does the pass itself.

mod pass;

use std::time::Duration;

use chrono_tz::Tz;
use clap::ValueEnum;
use config::{Problem, Problems};
use contract::{ChannelId, Period, TimeRange};
use serde::Serialize;
use sink::store::Database;

use super::{Context, Exit, out, run::open_store_and_channels, service::ensure_configured};
use crate::{
    assemble,
    channel::LiveChannel,
    clock::{self, format_time, parse_time},
    service::{BusEnds, Role, until_signal},
    stop::Stop,
};
use pass::{Became, pass};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder names of the channels.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    channels: Vec<ChannelId>,
    /// All channels of the configuration.
    #[arg(long)]
    all: bool,
    /// What to wait for before exiting.
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    wait: Wait,
    /// Request it from the running service and do not wait; without a service, the same as `--wait
    /// broker`.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Time limit; after it the command exits with code 75, and nothing is lost.
    #[arg(long, default_value = "20m", value_name = "PERIOD")]
    deadline: Period,
    /// Backfill: read again what is at this time or later: 2026-11-23, 20261123, yesterday, -1d, in the
    /// gateway's time zone. If it is interrupted, it prints the command that continues it.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End of the backfill, exclusive; without it, up to the newest.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "from")]
    to: Option<String>,
    /// Exit with code 3 if any record of these channels is in quarantine.
    #[arg(long)]
    strict: bool,
}

/// What `sync` waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// Everything is read and published.
    Broker,
    /// Everything is stored.
    #[default]
    Stored,
}

/// How the pass over one channel ended.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    channel: ChannelId,
    #[serde(flatten)]
    became: Became,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut settings = assemble::settings(&context.config)?;
    ensure_configured(&settings, &args.channels)?;
    let range = range(args, settings.zone)?;
    settings.channels.retain(|channel| args.all || args.channels.contains(&channel.id));
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let work = sync(&settings, args, range, &stop);
        tokio::pin!(work);
        let until_deadline = async {
            tokio::select! {
                rows = &mut work => return rows,
                () = tokio::time::sleep(args.deadline.0) => stop.request(),
            }
            work.await
        };
        let (rows, exit) = until_signal(&stop, until_deadline).await?;
        out::show(context.format, &rows, |rows| {
            rows.iter().map(Row::line).collect::<Vec<_>>().join("\n")
        })?;
        if let Some(range) = range {
            print_continuation(&rows, range, settings.zone);
        }
        Ok(exit)
    })
}

/// Prints the command that continues an interrupted backfill, with absolute times: `-1d` would be
/// another time by then.
fn print_continuation(rows: &[Row], range: TimeRange, zone: Tz) {
    let is_left = |row: &&Row| matches!(row.became, Became::NotYet { .. });
    let left: Vec<_> = rows.iter().filter(is_left).map(|row| row.channel.as_str()).collect();
    if left.is_empty() {
        return;
    }
    let (left, from) = (left.join(" "), format_time(range.from(), zone));
    let to = range.to().map(|to| format!(" --to {}", format_time(to, zone))).unwrap_or_default();
    out::note(format!("to continue, run `tonghui sync {left} --from {from}{to}`"));
}

/// The time range of the backfill.
fn range(args: &Args, zone: Tz) -> Result<Option<TimeRange>, Problems> {
    let now = clock::now();
    let at = |text: &String, name: &str| {
        let wrong =
            |error: anyhow::Error| Problems::from(Problem::of_file(name, error.to_string()));
        parse_time(text, zone, now).map_err(wrong)
    };
    let Some(from) = &args.from else { return Ok(None) };
    let to = args.to.as_ref().map(|to| at(to, "--to")).transpose()?;
    match TimeRange::new(at(from, "--from")?, to) {
        Some(range) => Ok(Some(range)),
        None => Err(Problem::of_file("--to", "it must be later than --from").into()),
    }
}

async fn sync(
    settings: &config::Settings,
    args: &Args,
    range: Option<TimeRange>,
    stop: &Stop,
) -> anyhow::Result<(Vec<Row>, Exit)> {
    let unreachable_store = || {
        let row = |channel: &config::ChannelSettings| Row {
            channel: channel.id.clone(),
            became: Became::NotYet { why: "the store was away until the deadline".to_owned() },
        };
        (settings.channels.iter().map(row).collect(), Exit::TryAgain)
    };
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return Ok(unreachable_store());
    };
    let once = |channel: LiveChannel| match range {
        None => channel.with_schedule(None),
        Some(range) => channel.backfill(range),
    };
    let channels = channels.into_iter().map(once).collect();
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return Ok(unreachable_store());
    };
    let Some(shared) = ends.shared() else {
        return Ok((Vec::new(), Exit::Done));
    };
    let reading = async {
        let mut rows = pass(channels, &shared, args.no_wait).await;
        if args.wait == Wait::Stored && !args.no_wait {
            for Row { channel, became } in &mut rows {
                await_stored(&store, channel, became, stop).await;
            }
        }
        rows
    };
    let rows = Box::pin(ends.store_during(reading)).await;
    let exit = exit_of(&rows, args.strict, &store).await?;
    Ok((rows, exit))
}

/// Waits until everything that the pass read is stored, whichever process does it.
async fn await_stored(store: &Database, channel: &ChannelId, became: &mut Became, stop: &Stop) {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let Became::Done { step, .. } = became else { return };
    loop {
        match store.missing_receipts(channel, *step).await {
            Ok(0) => return,
            // If the store is away, the sink reports it.
            Ok(_) | Err(_) if !stop.is_requested() => stop.or_sleep(LOOK_EVERY).await,
            Ok(_) | Err(_) => {
                let why = "read and published, but not all of it is stored yet".to_owned();
                *became = Became::NotYet { why };
                return;
            }
        }
    }
}

async fn exit_of(rows: &[Row], strict: bool, store: &Database) -> anyhow::Result<Exit> {
    if rows.iter().any(|row| matches!(row.became, Became::Failed { .. })) {
        return Ok(Exit::SomeChannels);
    }
    if rows.iter().any(|row| matches!(row.became, Became::NotYet { .. })) {
        return Ok(Exit::TryAgain);
    }
    let ours = |channel: &ChannelId| rows.iter().any(|row| row.channel == *channel);
    let books = store.books(None, None).await?;
    if books.iter().any(|book| ours(&book.channel) && book.balanced == Some(false)) {
        out::note("the books do not balance; see `tonghui books`");
        return Ok(Exit::Failed);
    }
    if strict {
        let status = store.status().await?;
        if status.iter().any(|status| ours(&status.channel) && status.quarantined > 0) {
            return Ok(Exit::Quarantined);
        }
    }
    Ok(Exit::Done)
}

impl Row {
    fn line(&self) -> String {
        let channel = &self.channel;
        match &self.became {
            Became::Done { by: Some(by), .. } => format!("{channel}: done, by {by}"),
            Became::Done { by: None, .. } => format!("{channel}: done"),
            Became::Asked { by } => format!("{channel}: requested from {by}"),
            Became::NotYet { why } => format!("{channel}: not yet: {why}"),
            Became::Failed { why } => format!("{channel}: FAILED: {why}"),
        }
    }
}
