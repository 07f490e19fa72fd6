//! `tonghui status`: where each channel stands, from the store: it works whether or not the gateway
//! runs.

mod quality;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use config::{ChannelSettings, Settings};
use contract::{ChannelId, Timestamp};
use serde::Serialize;
use sink::store::{Access, ChannelStatus, Database, Holding, Volume};

use super::{
    Context,
    out::{self, Exit},
};
use crate::{
    assemble,
    clock::Clock,
    instance, registry,
    schedule::{Pass, Schedule},
    table,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many demands carry which doubt, by channel and field, instead.
    #[arg(long)]
    quality: bool,
}

/// One channel, read or not.
#[derive(Debug, Serialize)]
struct Row {
    channel: ChannelId,
    state: &'static str,
    /// The process that reads it.
    held_by: Option<String>,
    last_read_at: Option<Timestamp>,
    /// By its schedule; none while it rests or nobody runs it.
    next_run_at: Option<Timestamp>,
    step: u64,
    demands: u64,
    quarantined: u64,
    /// Demands received since midnight, and how many there usually are by this hour of this day of the
    /// week.
    received_today: u64,
    expected_today: Option<u64>,
    /// Of its newest demands, those with a label that no table has, in the field that has most of
    /// them.
    unknown_codes: String,
    fault: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let settings = assemble::settings_without_secrets(&context.config)?;
    super::runtime()?.block_on(async {
        let store = assemble::open_store(&settings, Access::ReadOnly).await?;
        if args.quality {
            return quality::show(context.format, &store).await;
        }
        let rows = rows(&settings, &store).await?;
        out::show(context.format, &rows, |rows| draw(rows, settings.zone))?;
        Ok(Exit::Done)
    })
}

/// The channels of the configuration, and those that were once in it.
async fn rows(settings: &Settings, store: &Database) -> anyhow::Result<Vec<Row>> {
    let mut known = store.status().await?;
    for channel in &settings.channels {
        if known.iter().all(|status| status.channel != channel.id) {
            known.push(never_read(&channel.id));
        }
    }
    known.sort_by(|a, b| a.channel.cmp(&b.channel));
    let (leases, paused) = (store.leases().await?, store.paused().await?);
    let unknown = quality::unknown_codes(store).await?;
    let (now, mut rows) = (Clock.now(), Vec::new());
    for status in known {
        let is_paused = paused.contains(&status.channel);
        let unknown_codes =
            unknown.get(&status.channel).cloned().unwrap_or_else(|| "0.0 %".to_owned());
        let midnight = midnight(now, settings.zone);
        let Volume { received, expected } = store.volume(&status.channel, midnight, now).await?;
        rows.push(Row {
            unknown_codes,
            received_today: received,
            expected_today: expected,
            ..row(settings, status, is_paused, &leases)
        });
    }
    Ok(rows)
}

/// When the day of `now` began there; where it began twice, the first time.
fn midnight(now: Timestamp, zone: Tz) -> Timestamp {
    let day = now.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN);
    day.and_local_timezone(zone).earliest().map_or(now, |midnight| midnight.to_utc())
}

fn row(settings: &Settings, status: ChannelStatus, is_paused: bool, leases: &[Holding]) -> Row {
    let channel = settings.channels.iter().find(|channel| channel.id == status.channel);
    let held = leases
        .iter()
        .find(|lease| Some(lease.upstream.as_str()) == channel.map(ChannelSettings::upstream));
    let is_read = held.is_some() || channel.is_some_and(is_sent_to) && is_fresh(&status);
    let state = match (channel, &status.fault) {
        (None, _) => "not configured",
        _ if is_paused => "paused",
        _ if !is_read => "not running",
        (_, Some(_)) => "in trouble",
        _ => "running",
    };
    let next = channel.filter(|_| !is_paused && held.is_some_and(|lease| lease.serves));
    let next = next.and_then(|channel| {
        let last = status.last_read_at.map(|at| Pass { began: at, ended: at });
        Schedule::new(channel.schedule.clone(), settings.zone).next(last, Clock.now())
    });
    Row {
        state,
        held_by: held.map(|lease| instance::describe(&lease.holder)),
        last_read_at: status.last_read_at,
        next_run_at: next,
        step: status.step,
        demands: status.demands,
        quarantined: status.quarantined,
        received_today: 0,
        expected_today: None,
        unknown_codes: String::new(),
        fault: status.fault,
        channel: status.channel,
    }
}

/// Whether a channel is sent to: whoever receives it has no lease, and looks every few seconds.
fn is_sent_to(channel: &ChannelSettings) -> bool {
    let kinds = registry::kinds();
    kinds.iter().any(|kind| kind.name == channel.connector && kind.guard.is_some())
}

fn is_fresh(status: &ChannelStatus) -> bool {
    status.last_read_at.is_some_and(|at| Clock.now() - at < TimeDelta::seconds(30))
}

fn never_read(channel: &ChannelId) -> ChannelStatus {
    ChannelStatus {
        channel: channel.clone(),
        step: 0,
        last_read_at: None,
        fault: None,
        demands: 0,
        quarantined: 0,
    }
}

fn draw(rows: &[Row], zone: Tz) -> String {
    let time = |at: Option<Timestamp>, never: &str| {
        at.map_or_else(
            || never.to_owned(),
            |at| at.with_timezone(&zone).format("%F %T").to_string(),
        )
    };
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
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
            ]
        })
        .collect();
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
    ];
    let mut text = table::draw(&head, &cells, 4);
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
