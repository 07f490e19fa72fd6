//! `tonghui status` and `tonghui index`: the state of channels and indexes. Both read the store, so no
//! service has to run.

use chrono_tz::Tz;
use contract::{Complete, Timestamp};
use sink::store::{Access, Database, QualityCount};

use super::{Change, Context, Exit, Format, out};
use crate::{
    assemble,
    console::full_disk,
    feed,
    indexer::{Lag, lag},
    processes::{self, ProcessRow, sink_warning},
    status::{Row, percent, rows},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Instead, show how many demands have which quality flag, by channel and field.
    #[arg(long)]
    quality: bool,
    /// Instead, show the processes of the service only.
    #[arg(long, conflicts_with = "quality")]
    processes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct IndexArgs {
    #[command(subcommand)]
    command: Option<IndexCommand>,
}

#[derive(Debug, clap::Subcommand)]
enum IndexCommand {
    /// Go through all history again and add what an index lacks; existing entries stay. The running
    /// service does the work, or the next one that starts.
    Rebuild,
}

impl IndexArgs {
    /// What the command is about to change.
    pub(super) fn change(&self) -> Option<Change> {
        let IndexCommand::Rebuild = self.command.as_ref()?;
        Some(Change { action: "rebuild", subject: "indexes".to_owned() })
    }
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    context.with_store(Access::ReadOnly, async |settings, store| {
        if args.quality {
            return show_quality(context.format, store).await;
        }
        let processes = processes::rows(store).await?;
        if let Some(warning) = sink_warning(settings, &processes) {
            out::note(warning);
        }
        if let Some(warning) = full_disk(settings) {
            out::note(warning);
        }
        if args.processes {
            return out::show(context.format, &processes, |rows| {
                draw_processes(rows, settings.zone)
            });
        }
        let settings = assemble::with_all_problems(settings)?;
        let (rows, lags) = (rows(&settings, store).await?, lag(store).await?);
        let feed = match settings.feed {
            Some(_) => Some(feed::lag(store).await?),
            None => None,
        };
        out::show(context.format, &rows, |rows| {
            let mut text = draw(rows, settings.zone) + &draw_lags(&lags);
            text.extend(feed.and_then(draw_feed));
            if !processes.is_empty() {
                text.push_str("\n\n");
                text.push_str(&draw_processes(&processes, settings.zone));
            }
            text
        })
    })
}

/// `tonghui index`: how far the indexes are behind history, and rebuilding them.
pub(super) fn index(context: &Context, args: &IndexArgs) -> anyhow::Result<Exit> {
    let access = match args.command {
        None => Access::ReadOnly,
        Some(IndexCommand::Rebuild) => Access::ReadWrite,
    };
    context.with_store(access, async |_, store| {
        if args.command.is_some() {
            store.rebuild_indexes().await?;
        }
        out::show(context.format, &lag(store).await?, |lags| {
            let row = |lag: &Lag| {
                let (rows, seconds) = (lag.rows_behind.to_string(), lag.seconds_behind.to_string());
                vec![lag.index.name().to_owned(), rows, seconds]
            };
            out::table(&["index", "rows behind", "seconds behind"], lags.iter().map(row), 1)
        })
    })
}

/// The table of the channels as text, with their processes and faults below it.
fn draw(rows: &[Row], zone: Tz) -> String {
    let time = |at: Option<Timestamp>, never: &str| time_text(at, zone, never);
    let cells = |row: &Row| {
        vec![
            row.channel.to_string(),
            row.state.to_owned(),
            time(row.last_read_at, "never"),
            time(row.next_run_at, "-"),
            row.step.to_string(),
            row.demands.to_string(),
            row.quarantined.to_string(),
            row.received_today.to_string(),
            row.expected_today.map_or_else(|| "-".to_owned(), |usual| usual.to_string()),
            row.unknown_codes.clone(),
            row.complete.map_or("-", Complete::name).to_owned(),
        ]
    };
    let head = [
        "channel",
        "state",
        "last read",
        "next run",
        "steps",
        "demands",
        "in quarantine",
        "today",
        "expected",
        "unknown codes",
        "complete",
    ];
    let mut text = out::table(&head, rows.iter().map(cells), 4);
    for row in rows {
        if let Some(who) = &row.held_by {
            text.push_str(&format!("\n{}: read by {who}", row.channel));
        }
        if let Some(fault) = &row.fault {
            text.push_str(&format!("\n{}: {fault}", row.channel));
        }
    }
    text
}

/// A time in the zone of the gateway.
fn time_text(at: Option<Timestamp>, zone: Tz, never: &str) -> String {
    at.map_or_else(|| never.to_owned(), |at| at.with_timezone(&zone).format("%F %T").to_string())
}

/// The table of the processes.
fn draw_processes(rows: &[ProcessRow], zone: Tz) -> String {
    let cells = |row: &ProcessRow| {
        vec![
            row.process.clone(),
            row.role.clone(),
            row.host.clone(),
            time_text(Some(row.since), zone, "-"),
            time_text(Some(row.last_seen_at), zone, "-"),
            if row.alive { "alive" } else { "NOT SEEN" }.to_owned(),
            time_text(row.next_try_at, zone, "-"),
            row.fault.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let head = ["process", "role", "host", "since", "last seen", "state", "next try", "fault"];
    out::table(&head, rows.iter().map(cells), head.len())
}

/// A line for each index that is behind.
fn draw_lags(lags: &[Lag]) -> String {
    let behind = lags.iter().filter(|lag| lag.rows_behind > 0);
    let line = |Lag { index, rows_behind, seconds_behind }: &Lag| {
        let name = index.name();
        format!("\nindex {name}: {rows_behind} rows behind, the oldest read {seconds_behind} s ago")
    };
    behind.map(line).collect()
}

/// A line if the change feed is behind.
fn draw_feed(feed::Lag { versions_behind, seconds_behind }: feed::Lag) -> Option<String> {
    (versions_behind > 0).then(|| {
        format!("\nchange feed: {versions_behind} versions behind, the oldest read {seconds_behind} s ago")
    })
}

/// Prints how many demands have which quality flag.
async fn show_quality(format: Format, store: &Database) -> anyhow::Result<Exit> {
    let counts = store.quality(i64::MAX).await?;
    let cells = |count: &QualityCount| {
        let QualityCount { channel, field, flag, demands, of } = count;
        let share = percent(*demands, *of);
        vec![channel.to_string(), field.clone(), flag.clone(), demands.to_string(), share]
    };
    out::show(format, &counts, |counts| {
        let headings = ["channel", "field", "flag", "demands", "share"];
        out::table(&headings, counts.iter().map(cells), 3)
    })
}
