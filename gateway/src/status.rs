//! Where each channel stands, from the store: whether or not the gateway runs.

use std::collections::BTreeMap;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use config::{ChannelSettings, Settings};
use contract::{ChannelId, Fault, Timestamp};
use serde::Serialize;
use sink::store::{ChannelStatus, Database, Holding, QualityCount, Volume};

use crate::{
    clock, instance,
    registry::Kind,
    schedule::{Pass, Schedule},
};

/// One channel, read or not.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) channel: ChannelId,
    pub(crate) state: &'static str,
    /// The process that reads it.
    pub(crate) held_by: Option<String>,
    pub(crate) last_read_at: Option<Timestamp>,
    /// By its schedule; none while it rests or nobody runs it.
    pub(crate) next_run_at: Option<Timestamp>,
    pub(crate) step: u64,
    pub(crate) demands: u64,
    pub(crate) quarantined: u64,
    /// Demands received since midnight, and how many there usually are by this hour of this day of the
    /// week.
    pub(crate) received_today: u64,
    pub(crate) expected_today: Option<u64>,
    /// Of its newest demands, those with a label that no table has, in the field that has most of
    /// them.
    pub(crate) unknown_codes: String,
    pub(crate) fault: Option<String>,
}

/// The channels of the configuration, and those that were once in it.
pub(crate) async fn rows(settings: &Settings, store: &Database) -> Result<Vec<Row>, Fault> {
    let mut known = store.status().await?;
    for channel in &settings.channels {
        if known.iter().all(|status| status.channel != channel.id) {
            known.push(never_read(&channel.id));
        }
    }
    known.sort_by(|a, b| a.channel.cmp(&b.channel));
    let (leases, paused) = (store.leases().await?, store.paused().await?);
    let unknown = unknown_codes(store).await?;
    let (now, mut rows) = (clock::now(), Vec::new());
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
    let is_read = held.is_some() || channel.is_some_and(is_pushed) && is_fresh(&status);
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
        Schedule::new(channel.schedule.clone(), settings.zone).next(last, clock::now())
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
fn is_pushed(channel: &ChannelSettings) -> bool {
    Kind::named(&channel.connector).is_some_and(|kind| kind.is_pushed)
}

fn is_fresh(status: &ChannelStatus) -> bool {
    status.last_read_at.is_some_and(|at| clock::now() - at < TimeDelta::seconds(30))
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

/// Demands that a rate is computed from: all of them would take seconds where there are millions.
const RECENT: i64 = 10_000;

/// Of the newest demands of each channel, the share with a label that no table has, in the field that
/// has most of them.
async fn unknown_codes(store: &Database) -> Result<BTreeMap<ChannelId, String>, Fault> {
    let mut unknown = BTreeMap::new();
    for QualityCount { channel, flag, demands, of, .. } in store.quality(RECENT).await? {
        if flag == "unknown_code" {
            let most: &mut (u64, u64) = unknown.entry(channel).or_default();
            *most = (*most).max((demands, of));
        }
    }
    let shares = unknown.into_iter().map(|(channel, (part, of))| (channel, percent(part, of)));
    Ok(shares.collect())
}

/// A share with one digit, computed without fractions.
pub(crate) fn percent(part: u64, of: u64) -> String {
    let tenths = (part * 1_000).checked_div(of).unwrap_or(0);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
