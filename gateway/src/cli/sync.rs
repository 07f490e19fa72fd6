//! `tonghui sync`: reads channels once, then exits; for cron, timers and job schedulers. If a service is
//! running, `sync` requests a pass from it and waits; otherwise `sync` reads the channels itself.

mod pass;
mod stored;

use chrono_tz::Tz;
use clap::ValueEnum;
use config::{Problem, Problems, Settings};
use contract::{ChannelId, Complete, Period, TimeRange};
use serde::Serialize;
use sink::store::Database;

use super::{Context, Exit, out, run::open_store_and_channels};
use crate::{
    assemble,
    channel::LiveChannel,
    clock::{self, format_time, parse_time},
    flight::{overdue_before, trouble},
    offline::unknown_channel,
    reload::broken_fault,
    service::{BusEnds, Role, run_within},
    stop::Stop,
};
use pass::pass;
pub(super) use pass::{POLL_INTERVAL as LEASE_POLL_INTERVAL, PassResult, Requested};
pub(super) use stored::pass_and_store;

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
    /// Request the pass from the running service and do not wait. Without a service, the same as
    /// `--wait broker`.
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
    /// Time limit; after it the command exits with code 75, and nothing is lost.
    #[arg(long, default_value = "20m", value_name = "PERIOD")]
    deadline: Period,
    /// Backfill: read records from this time on again: 2026-11-23, 20261123, yesterday, -1d, in the
    /// gateway's time zone. If it is interrupted, it prints the command that continues it.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End of the backfill, exclusive; if left out, it ends with the newest record.
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
    /// Everything that was read is stored; not what was read before.
    #[default]
    Stored,
}

/// What `sync` prints about one channel.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    channel: ChannelId,
    #[serde(flatten)]
    end: PassResult,
    /// The number of its records in quarantine, from this pass and from earlier ones.
    quarantined: u64,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut settings = assemble::settings(&context.config)?;
    if let Some(id) = args.channels.iter().find(|id| !settings.channel_ids().contains(id)) {
        return Err(unknown_channel(&settings, id).into());
    }
    let range = range(args.from.as_deref(), args.to.as_deref(), settings.zone)?;
    let is_meant = |id: &ChannelId| args.all || args.channels.contains(id);
    settings.channels.retain(|channel| is_meant(&channel.id));
    settings.broken.retain(|id, _| is_meant(id));
    super::runtime()?.block_on(async {
        let stop = Stop::default();
        let zone = settings.zone;
        let work = Box::pin(sync(&mut settings, args, range, &stop));
        let (rows, exit) = run_within(&stop, args.deadline.0, work).await?;
        out::show(context.format, &rows, |rows| {
            rows.iter().map(Row::line).collect::<Vec<_>>().join("\n")
        })?;
        if let Some(range) = range {
            print_continuation(&rows, range, zone);
        }
        Ok(exit)
    })
}

/// Prints the command that continues an interrupted backfill, with absolute times: `-1d` would be
/// another time by then.
fn print_continuation(rows: &[Row], range: TimeRange, zone: Tz) {
    let is_unfinished = |row: &&Row| matches!(row.end, PassResult::NotYet { .. });
    let names: Vec<_> = rows.iter().filter(is_unfinished).map(|row| row.channel.as_str()).collect();
    if names.is_empty() {
        return;
    }
    let (names, from) = (names.join(" "), format_time(range.from(), zone));
    let to = range.to().map(|to| format!(" --to {}", format_time(to, zone))).unwrap_or_default();
    out::note(format!("to continue, run `tonghui sync {names} --from {from}{to}`"));
}

/// The time range of `--from` and `--to`; `None` without `--from`.
pub(super) fn range(
    from: Option<&str>,
    to: Option<&str>,
    zone: Tz,
) -> Result<Option<TimeRange>, Problems> {
    let now = clock::now();
    let parse = |text: &str, name: &str| {
        let wrong =
            |error: anyhow::Error| Problems::from(Problem::of_file(name, error.to_string()));
        parse_time(text, zone, now).map_err(wrong)
    };
    let Some(from) = from else { return Ok(None) };
    let to = to.map(|to| parse(to, "--to")).transpose()?;
    match TimeRange::new(parse(from, "--from")?, to) {
        Some(range) => Ok(Some(range)),
        None => Err(Problem::of_file("--to", "it must be later than --from").into()),
    }
}

/// Reads the channels once, and waits as `args` say. Returns the end of each pass, and the exit code.
async fn sync(
    settings: &mut Settings,
    args: &Args,
    range: Option<TimeRange>,
    stop: &Stop,
) -> anyhow::Result<(Vec<Row>, Exit)> {
    let unreachable_store = |settings: &Settings| {
        let row = |channel: &config::ChannelSettings| {
            let why = "the store was not opened in time; the log says why".to_owned();
            Row::new(channel.id.clone(), PassResult::NotYet { why })
        };
        (settings.channels.iter().map(row).collect(), Exit::TryAgain)
    };
    let Some((store, channels)) = open_store_and_channels(settings, Role::All, stop).await? else {
        return Ok(unreachable_store(settings));
    };
    let once = |channel: LiveChannel| match range {
        None => channel.with_schedule(None),
        Some(range) => channel.backfill(range),
    };
    let channels = channels.into_iter().map(once).collect();
    let Some(ends) = BusEnds::open(settings, Role::All, &store, stop).await? else {
        return Ok(unreachable_store(settings));
    };
    let Some(shared) = ends.shared() else {
        return Ok((Vec::new(), Exit::Done));
    };
    let reading = async {
        if args.wait == Wait::Broker || args.no_wait {
            return pass(channels, &shared, args.no_wait).await;
        }
        pass_and_store(channels, &shared).await
    };
    let (mut rows, sink) = Box::pin(ends.run_sink_beside(reading)).await?;
    if let Some(fault) = sink {
        rows.iter_mut().for_each(|row| row.end.add_reason(&fault));
    }
    rows.extend(settings.broken.iter().map(|(channel, problems)| {
        let why = broken_fault(problems).to_string();
        Row::new(channel.clone(), PassResult::Failed { why })
    }));
    count_quarantined(&mut rows, &store).await?;
    let is_overdue = note_overdue(&rows, settings, &store).await?;
    let exit = match exit_for(&rows, args.strict, &store).await? {
        Exit::Done if is_overdue => Exit::SomeChannels,
        exit => exit,
    };
    store.close().await;
    Ok((rows, exit))
}

async fn exit_for(rows: &[Row], strict: bool, store: &Database) -> anyhow::Result<Exit> {
    if rows.iter().any(|row| row.end.needs_attention()) {
        return Ok(Exit::SomeChannels);
    }
    if rows.iter().any(|row| matches!(row.end, PassResult::NotYet { .. })) {
        return Ok(Exit::TryAgain);
    }
    let was_read = |channel: &ChannelId| rows.iter().any(|row| row.channel == *channel);
    let books = store.books(None, None).await?;
    if books.iter().any(|book| was_read(&book.channel) && book.balanced == Some(false)) {
        out::note("the books do not balance; see `tonghui books`");
        return Ok(Exit::Failed);
    }
    match strict && rows.iter().any(|row| row.quarantined > 0) {
        true => Ok(Exit::Quarantined),
        false => Ok(Exit::Done),
    }
}

/// Says which of these channels have had messages in flight for too long: this did not wait for those of earlier
/// passes. Returns whether there is one.
async fn note_overdue(rows: &[Row], settings: &Settings, store: &Database) -> anyhow::Result<bool> {
    let overdue = overdue_before(settings.limits.flight.0, store.now().await?);
    let mut is_overdue = false;
    for flight in store.in_flight().await? {
        if rows.iter().any(|row| row.channel == flight.channel)
            && let Some(what) = trouble(&flight, overdue, settings.zone)
        {
            is_overdue = true;
            out::note(format!("{}: {what}", flight.channel));
        }
    }
    Ok(is_overdue)
}

/// Sets how many records of each channel are in quarantine.
async fn count_quarantined(rows: &mut [Row], store: &Database) -> anyhow::Result<()> {
    let status = store.status().await?;
    for row in rows {
        let own = status.iter().find(|status| status.channel == row.channel);
        row.quarantined = own.map_or(0, |status| status.quarantined);
    }
    Ok(())
}

impl Row {
    fn new(channel: ChannelId, end: PassResult) -> Self {
        Self { channel, end, quarantined: 0 }
    }

    /// How the pass ended.
    pub(super) fn end(&self) -> &PassResult {
        &self.end
    }

    /// The result as a line of text.
    pub(super) fn line(&self) -> String {
        let channel = &self.channel;
        let quarantined = match self.quarantined {
            0 => String::new(),
            n => format!("; {n} in quarantine, see `tonghui quarantine list {channel}`"),
        };
        let line = match &self.end {
            PassResult::Done { by, pass, complete, .. } => {
                let by = by.as_ref().map(|by| format!(", by {by}")).unwrap_or_default();
                let result = if *complete == Complete::No { "INCOMPLETE" } else { "done" };
                format!("{channel}: {result}{by}; complete: {pass}")
            }
            PassResult::Asked { by } => format!("{channel}: requested from {by}"),
            PassResult::NotYet { why } => format!("{channel}: not yet: {why}"),
            PassResult::Failed { why } => format!("{channel}: FAILED: {why}"),
        };
        line + &quarantined
    }
}
