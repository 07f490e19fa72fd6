//! The state of each channel. It is read from the store, so no service has to run.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use config::{ChannelSettings, Settings};
use contract::{ChannelId, Complete, Fault, PassEnd, Timestamp};
use serde::Serialize;
use sink::store::{BooksRow, ChannelStatus, Database, Holding, QualityCount, Volume};

use crate::{
    clock,
    flight::{overdue_before, trouble},
    instance,
    registry::ConnectorKind,
    schedule::{Pass, Schedule},
};

/// The state of one channel.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) channel: ChannelId,
    /// `running`, `in trouble` (it has a fault, messages have been in flight for too long, its last pass is
    /// incomplete, or a sender tried out numbers), `paused`, `not running`, `not configured`, or `broken` (its file has problems).
    pub(crate) state: &'static str,
    /// The process that reads it.
    pub(crate) held_by: Option<String>,
    pub(crate) last_read_at: Option<Timestamp>,
    /// When it reads next by its schedule; `None` if it is paused or no service runs it.
    pub(crate) next_run_at: Option<Timestamp>,
    /// How often its position has moved.
    pub(crate) step: u64,
    /// Number of its demands in the store.
    pub(crate) demands: u64,
    /// Number of its records in quarantine.
    pub(crate) quarantined: u64,
    /// Number of its events that were published and are not stored yet.
    pub(crate) in_flight: u64,
    /// When the oldest of them was read; `None` if nothing is in flight.
    pub(crate) oldest_in_flight_at: Option<Timestamp>,
    /// Number of demands received since midnight.
    pub(crate) received_today: u64,
    /// The usual number at this time of this weekday; `None` if it is not known yet.
    pub(crate) expected_today: Option<u64>,
    /// Share of its newest demands with a label that is in no code table, for the field with the most
    /// such demands.
    pub(crate) unknown_codes: String,
    /// Whether its last pass read everything that the source has; `None` before the end of the first one.
    pub(crate) complete: Option<Complete>,
    /// When one of its senders tried out numbers, as far as that was reported in the last day.
    pub(crate) guessed_at: Option<Timestamp>,
    /// The fault that keeps it from being read, what has been in flight for too long, what its last pass lacks, or
    /// that a sender tried out numbers.
    pub(crate) fault: Option<String>,
}

/// The name of a count of the books, and the function that reads the count.
pub(crate) type Count = (&'static str, fn(&BooksRow) -> u64);

/// The counts of the books: what became of records, then what became of published events.
pub(crate) const COUNTS: [Count; 13] = [
    ("read", |books| books.read),
    ("accepted", |books| books.accepted),
    ("skipped", |books| books.skipped),
    ("rejected", |books| books.rejected),
    ("published", |books| books.published),
    ("stored", |books| books.stored),
    ("unchanged", |books| books.unchanged),
    ("stale", |books| books.stale),
    ("quarantined", |books| books.quarantined),
    ("in flight", |books| books.in_flight),
    ("lost", |books| books.lost),
    ("redelivered", |books| books.redelivered),
    ("extra", |books| books.extra),
];

/// The state of each channel in the configuration, and of earlier ones, which are only in the store.
pub(crate) async fn rows(settings: &Settings, store: &Database) -> Result<Vec<Row>, Fault> {
    let mut statuses = store.status().await?;
    for id in settings.channel_ids() {
        if statuses.iter().all(|status| status.channel != id) {
            statuses.push(never_read(&id));
        }
    }
    statuses.sort_by(|a, b| a.channel.cmp(&b.channel));
    let (leases, paused) = (store.leases().await?, store.paused().await?);
    let unknown = unknown_codes(store).await?;
    let (now, mut rows) = (clock::now(), Vec::new());
    let guesses = store.guesses(now - TimeDelta::days(1)).await?;
    let (flights, overdue) =
        (store.in_flight().await?, overdue_before(settings.limits.flight.0, store.now().await?));
    for mut status in statuses {
        let flight = flights.iter().find(|flight| flight.channel == status.channel);
        let late = flight.and_then(|flight| trouble(flight, overdue, settings.zone));
        let is_late = late.is_some();
        status.fault = status.fault.or(late);
        let missing = status.pass.as_ref().and_then(PassEnd::missing);
        status.fault = status.fault.or_else(|| missing.map(|what| format!("incomplete: {what}")));
        let guessed_at = guesses.get(&status.channel).copied();
        if guessed_at.is_some() {
            let what = "a sender tried out telephone or identity numbers: see `tonghui audit`";
            status.fault.get_or_insert_with(|| what.to_owned());
        }
        let midnight = start_of_day(now, settings.zone);
        let Volume { received, expected } = store.volume(&status.channel, midnight, now).await?;
        let channel = settings.channels.iter().find(|channel| channel.id == status.channel);
        let broken = settings.broken.get(&status.channel);
        let is_paused = paused.contains(&status.channel);
        let upstream = channel.map(ChannelSettings::upstream);
        let held = leases.iter().find(|lease| Some(lease.upstream.as_str()) == upstream);
        // The store keeps only one time of the last pass.
        let last = status.last_read_at.map(|at| Pass { began: at, ended: at });
        let next = channel.filter(|_| !is_paused && held.is_some_and(|lease| lease.serves));
        rows.push(Row {
            state: match broken {
                Some(_) => "broken",
                None => state(channel, held, &status, is_paused, is_late),
            },
            held_by: held.map(|lease| instance::describe(&lease.holder)),
            next_run_at: next.and_then(|channel| {
                Schedule::new(channel.schedule.clone(), settings.zone).next(last, now)
            }),
            last_read_at: status.last_read_at,
            step: status.step,
            demands: status.demands,
            quarantined: status.quarantined,
            in_flight: flight.map_or(0, |flight| flight.events),
            oldest_in_flight_at: flight.map(|flight| flight.oldest_at),
            received_today: received,
            expected_today: expected,
            unknown_codes: unknown.get(&status.channel).map_or("0.0 %", String::as_str).to_owned(),
            complete: status.pass.as_ref().map(PassEnd::complete),
            guessed_at,
            fault: broken.map(ToString::to_string).or(status.fault),
            channel: status.channel,
        });
    }
    Ok(rows)
}

/// The time at which the day of `now` began in `zone`; if a clock change repeats midnight, the first one.
fn start_of_day(now: Timestamp, zone: Tz) -> Timestamp {
    let day = now.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN);
    day.and_local_timezone(zone).earliest().map_or(now, |midnight| midnight.to_utc())
}

/// The name of the state of a channel; `held` is the lease of its upstream. `is_late`: a message has been in flight for
/// too long, which is not over when nobody reads the channel.
fn state(
    channel: Option<&ChannelSettings>,
    held: Option<&Holding>,
    status: &ChannelStatus,
    is_paused: bool,
    is_late: bool,
) -> &'static str {
    match (channel, &status.fault) {
        (None, _) => "not configured",
        _ if is_late => "in trouble",
        _ if is_paused => "paused",
        (Some(channel), _) if held.is_none() && !(is_pushed(channel) && is_fresh(status)) => {
            "not running"
        }
        (_, Some(_)) => "in trouble",
        _ => "running",
    }
}

/// Whether a channel is a push channel. No process holds a lease for it, but its receivers store their
/// progress every few seconds.
fn is_pushed(channel: &ChannelSettings) -> bool {
    ConnectorKind::by_name(&channel.connector).is_some_and(|kind| kind.is_pushed)
}

/// Whether the channel was read in the last 30 s.
fn is_fresh(status: &ChannelStatus) -> bool {
    status.last_read_at.is_some_and(|at| clock::now() - at < TimeDelta::seconds(30))
}

/// The status of a channel that the store does not know yet.
fn never_read(channel: &ChannelId) -> ChannelStatus {
    ChannelStatus {
        channel: channel.clone(),
        step: 0,
        last_read_at: None,
        fault: None,
        braked: false,
        demands: 0,
        quarantined: 0,
        pass: None,
    }
}

/// Number of the newest demands from which the share is computed; computing it from millions would take
/// seconds.
const N_RECENT: i64 = 10_000;

/// For each channel, the share of its newest demands with a label that is in no code table, for the field
/// with the most such demands.
async fn unknown_codes(store: &Database) -> Result<BTreeMap<ChannelId, String>, Fault> {
    let mut unknown = BTreeMap::new();
    for QualityCount { channel, flag, demands, of, .. } in store.quality(N_RECENT).await? {
        if flag == "unknown_code" {
            let most: &mut (u64, u64) = unknown.entry(channel).or_default();
            *most = (*most).max((demands, of));
        }
    }
    let shares = unknown.into_iter().map(|(channel, (part, of))| (channel, percent(part, of)));
    Ok(shares.collect())
}

/// A percentage with one decimal, computed in integers.
pub(crate) fn percent(part: u64, total: u64) -> String {
    let tenths = (part * 1_000).checked_div(total).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
