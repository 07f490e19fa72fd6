//! Makes the statement of a day from the store.

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use contract::{ChannelId, Fault, Timestamp};
use sink::{
    bus::BusKey,
    store::{Database, FirstSeen},
};

use super::{Counts, Pass, Statement, line, set_hash};
use crate::clock;

/// Number of demands that are read from the store at a time.
const PAGE: u32 = 10_000;

/// After this time the books of a day may be folded. It also keeps anybody from having a day proved to balance on which
/// the store did not exist yet, and which therefore has no reads.
const MAX_AGE: TimeDelta = TimeDelta::days(28);

/// What a statement is asked for.
pub(crate) struct Request<'a> {
    pub(crate) channel: ChannelId,
    /// Display name of the channel.
    pub(crate) name: Option<String>,
    pub(crate) day: NaiveDate,
    pub(crate) zone: Tz,
    /// The statement of the day before.
    pub(crate) previous: Option<&'a Statement>,
    pub(crate) now: Timestamp,
}

/// Makes a statement.
///
/// # Errors
/// The store cannot be read, or what it has of the day is not exact: then the fault says why.
pub(crate) async fn make(
    request: Request<'_>,
    store: &Database,
    key: &BusKey,
) -> Result<Statement, Fault> {
    let Request { channel, name, day, zone, previous, now } = request;
    let (from, to) = period(day, zone)?;
    if to > now {
        return Err(Fault::stopped(format!("{day} is not over in time zone {zone}"))
            .remedy("make the statement after midnight, when the books of the day are closed"));
    }
    if now - to > MAX_AGE {
        return Err(Fault::stopped(format!("{day} is more than 28 days ago"))
            .remedy("make each statement within 28 days, for example every morning by a timer"));
    }
    if let Some(before) = previous
        && (before.channel != channel || before.zone != zone || before.day.succ_opt() != Some(day))
    {
        return Err(Fault::stopped(format!(
            "the previous statement is about {} of channel {}, in time zone {}",
            before.day, before.channel, before.zone
        ))
        .remedy(format!(
            "give that of the day before {day}, of channel {channel} and of zone {zone}, or leave --previous out: then the statement \
             follows no other, and says so"
        )));
    }
    let last_read_at = store.progress(&channel).await?.last_read_at;
    let found = store.period_books(&channel, from, to).await?;
    if found.is_folded {
        return Err(Fault::stopped(format!(
            "the books of {day} are totals of days in UTC by now, and have no exact counts of that day in time zone {zone}"
        ))
        .remedy(format!(
            "make each statement within 28 days, for example every morning by a timer; `tonghui books {channel} --since \
             {day}` still shows the totals"
        )));
    }
    let mut ids = Vec::new();
    for FirstSeen { id, digest, .. } in first_seen(&channel, (from, to), store).await? {
        let digest = digest.ok_or_else(|| {
            Fault::stopped(format!("history does not have the first state of demand {id}")).remedy(
                "a retention ([store] history) has dropped it, or somebody deleted it: make each statement before \
                 history is dropped, and find out who may write to the store",
            )
        })?;
        ids.push(line(&id, digest));
    }
    ids.sort_unstable();
    let last_pass = found.pass.map(|(ended_at, pass)| Pass {
        ended_at,
        listed: pass.listed,
        given: pass.given,
        distinct: pass.distinct,
        dropped: pass.dropped.values().sum(),
        complete: pass.complete(),
        missing: pass.missing(),
    });
    let statement = Statement {
        gateway: env!("CARGO_PKG_VERSION").to_owned(),
        channel,
        name,
        day,
        zone,
        made_at: now,
        last_read_at,
        counts: Counts::of(&found.books),
        balanced: found.books.balanced,
        extra: found.books.extra,
        last_pass,
        demands: ids.len() as u64,
        set_hash: set_hash(&ids),
        ids,
        previous: previous.map(Statement::hash).transpose()?,
        mac: String::new(),
    };
    statement.prove(key)
}

/// When the day begins and ends.
pub(super) fn period(day: NaiveDate, zone: Tz) -> Result<(Timestamp, Timestamp), Fault> {
    clock::day_period(day, zone)
        .ok_or_else(|| Fault::stopped(format!("{day} is no day of the calendar of {zone}")))
}

/// The demands of the channel that were first seen in the period.
pub(super) async fn first_seen(
    channel: &ChannelId,
    (from, to): (Timestamp, Timestamp),
    store: &Database,
) -> Result<Vec<FirstSeen>, Fault> {
    let mut all: Vec<FirstSeen> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.seq);
        let page = store.first_seen(channel, from, to, after, PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
