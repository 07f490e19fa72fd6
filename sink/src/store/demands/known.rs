//! Loads what the store already has of the demands and messages of an intake, before the plan is made, and
//! assigns row numbers. A database does this in the transaction that writes the plan.

use std::collections::{HashMap, HashSet};

use contract::{
    Demand, DemandId, DemandState, Digest, Event, Intake, MessageId, Part, ReadNo, Timestamp,
    TrackedFields, Version,
};
use serde_json::json;
use sqlx::Error;

use super::{rows::IntakePlan, walk};
use crate::store::database::{
    sql::{Columns, NO_ROWS, Sql, decode, int},
    transaction::{Failure, Transaction},
};

/// What the store already has of the demands and messages of an intake.
#[derive(Debug, Default)]
pub(crate) struct KnownState {
    /// Messages of the intake that were kept before, with their hashes.
    pub(crate) receipts: HashMap<MessageId, Digest>,
    /// Demands of the intake that the store already has.
    pub(crate) demands: HashMap<DemandId, KnownDemand>,
    /// The states in the history of the demands that [`stale_suspects`] returns: (row number of the demand,
    /// digest of the state).
    pub(crate) history: HashSet<(i64, Digest)>,
}

/// A demand that the store already has.
#[derive(Debug, Clone)]
pub(crate) struct KnownDemand {
    /// Its row number.
    pub(crate) seq: i64,
    /// Its current state.
    pub(crate) current: DemandState,
    /// The time of the last read that returned this state.
    pub(crate) last_seen_at: Timestamp,
}

impl KnownDemand {
    /// Reads a row of [`DEMANDS`]; returns the id of the demand too.
    fn read(row: &dyn Columns) -> Result<(DemandId, Self), Error> {
        let tracked = TrackedFields {
            status: row.text("status")?,
            status_raw: row.text("status_raw")?,
            kind: row.text("kind")?,
            region: row.text("region")?,
            org: row.text("org")?,
            urgency: row.text("urgency")?,
            due_at: row.time("due_at")?.map(|due| due.timestamp_micros()),
            urged: row.int("urged")?.and_then(|urged| u32::try_from(urged).ok()),
        };
        let state = DemandState { version: row.version()?, digest: row.digest("digest")?, tracked };
        let (seq, last_seen_at) = (row.some_int("seq")?, row.some_time("last_seen_at")?);
        Ok((row.demand_id()?, Self { seq, current: state, last_seen_at }))
    }
}

/// Looks up what the store has of an intake. PostgreSQL locks the demands in the order of their keys, so that
/// two sinks cannot deadlock. The receipts are read after that, because the sink that held the locks before
/// may have written some.
pub(crate) async fn load(tx: &mut Transaction<'_>, intake: &Intake) -> Result<KnownState, Failure> {
    // No stored key contains a NUL, and PostgreSQL refuses a parameter that does.
    let mut keys: Vec<_> =
        keys(intake).into_values().filter(|(_, key)| !key.contains('\0')).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows = tx.try_query(DEMANDS, &[json!(keys).into()], KnownDemand::read).await?;
    let demands = rows.into_iter().collect();
    let needed = stale_suspects(intake, &demands);
    let history = match needed.as_slice() {
        [] => Vec::new(),
        demands => tx.try_query(HISTORY, &[json!(demands).into()], past_state).await?,
    };
    let ids = intake.deliveries().iter().map(|delivery| &delivery.message.id);
    let ids = serde_json::Value::from_iter(ids.map(message_key));
    let receipts = tx.try_query(RECEIPTS, &[ids.into()], receipt).await?;
    let (receipts, history) = (receipts.into_iter().collect(), history.into_iter().collect());
    Ok(KnownState { receipts, demands, history })
}

/// Assigns the numbers of new rows. In PostgreSQL they come from sequences that all writers share. They are
/// taken while the demands are locked, so the states of a demand are numbered in the order in which they
/// were judged. In SQLite there is one writer, and numbers continue after the last row; if history was
/// dropped, after the positions of the workers that have read it.
pub(crate) async fn assign_numbers(
    tx: &mut Transaction<'_>,
    plan: &mut IntakePlan<'_>,
) -> Result<(), Failure> {
    if plan.history.is_empty() {
        return Ok(());
    }
    if !tx.is_shared() {
        let demand = last_number(tx, "SELECT max(seq) AS n FROM demand".into()).await?;
        plan.assign_numbers(demand + 1.., last_number(tx, walk::HISTORY_END).await? + 1..);
        return Ok(());
    }
    tx.try_query(walk::ANNOUNCE, &[], NO_ROWS).await?;
    let wanted = [int(plan.n_new() as u64).into(), int(plan.history.len() as u64).into()];
    let read = |row: &dyn Columns| Ok((row.bool("of_demand")?, row.some_int("n")?));
    let taken = tx.try_query(TAKE_NUMBERS, &wanted, read).await?;
    let (demands, history): (Vec<_>, Vec<_>) =
        taken.into_iter().partition(|(of_demand, _)| *of_demand == Some(true));
    plan.assign_numbers(demands.into_iter().map(|(_, n)| n), history.into_iter().map(|(_, n)| n));
    Ok(())
}

/// Reads the number in column `n` of the first row; 0 if there is none.
async fn last_number(tx: &mut Transaction<'_>, sql: Sql) -> Result<i64, Failure> {
    Ok(tx.try_query(sql, &[], walk::number).await?.first().copied().unwrap_or(0))
}

/// The demands with the keys $1, pairs of channel and source key, each looked up by its key. `LATERAL`
/// keeps the order of the list, in which the rows are locked.
const DEMANDS: Sql = Sql {
    sqlite:
        "SELECT d.seq, d.id, d.revision, d.read_no, d.mapping, d.digest, d.last_seen_at, d.status,
            d.status_raw, d.kind, d.region, coalesce(d.org, d.org_raw) AS org, d.urgency,
            d.due_at, d.counts ->> 'urged' AS urged
     FROM json_each($1) k CROSS JOIN demand d
     ON d.channel = k.value ->> 0 AND d.source_key = k.value ->> 1",
    postgres: "SELECT d.* FROM jsonb_array_elements($1) k CROSS JOIN LATERAL (
         SELECT seq, id, revision, read_no, mapping, digest, last_seen_at, status, status_raw, kind,
                region, coalesce(org, org_raw) AS org, urgency, due_at,
                CAST(counts ->> 'urged' AS bigint) AS urged
         FROM demand WHERE channel = k.value ->> 0 AND source_key = k.value ->> 1
         FOR NO KEY UPDATE) d",
};

/// The states of the demands $1. `OFFSET 0` makes PostgreSQL look up each demand, not scan the table.
const HISTORY: Sql = Sql {
    sqlite: "SELECT h.demand, h.digest FROM json_each($1) k
     CROSS JOIN demand_history h ON h.demand = k.value",
    postgres: "SELECT h.* FROM jsonb_array_elements_text($1) k CROSS JOIN LATERAL (
         SELECT demand, digest FROM demand_history WHERE demand = CAST(k.value AS bigint) OFFSET 0) h",
};

/// The receipts of the messages $1, lists of channel, read number and part.
const RECEIPTS: Sql = Sql {
    sqlite: "SELECT r.channel, r.read_no, r.part, r.hash FROM json_each($1) k CROSS JOIN receipt r
     ON r.channel = k.value ->> 0 AND r.read_no = k.value ->> 1 AND r.part = k.value ->> 2",
    postgres: "SELECT r.* FROM jsonb_array_elements($1) k CROSS JOIN LATERAL (
         SELECT channel, read_no, part, hash FROM receipt WHERE channel = k.value ->> 0
         AND read_no = CAST(k.value ->> 1 AS bigint) AND part = CAST(k.value ->> 2 AS bigint)
         OFFSET 0) r",
};

/// The next $1 numbers of demands and $2 of history, in PostgreSQL.
const TAKE_NUMBERS: &str =
    "SELECT true AS of_demand, nextval('demand_seq') AS n FROM generate_series(1, $1)
     UNION ALL SELECT false, nextval('demand_history_seq') FROM generate_series(1, $2)";

/// A message in a list of messages, as statements read it.
pub(super) fn message_key(id: &MessageId) -> serde_json::Value {
    json!([id.channel.as_str(), int(id.read_no.0), id.part])
}

fn message_id(row: &dyn Columns) -> Result<MessageId, Error> {
    let part = u32::try_from(row.some_int("part")?).map_err(|error| decode("part", error))?;
    Ok(MessageId { channel: row.channel()?, read_no: ReadNo(row.count("read_no")?), part })
}

fn receipt(row: &dyn Columns) -> Result<(MessageId, Digest), Error> {
    Ok((message_id(row)?, row.digest("hash")?))
}

/// A message in the books.
pub(super) fn listed(row: &dyn Columns) -> Result<(MessageId, Part), Error> {
    let events = u32::try_from(row.some_int("events")?);
    let events = events.map_err(|error| decode("events", error))?;
    let id = message_id(row)?;
    let part = Part { part: id.part, events, hash: row.digest("hash")? };
    Ok((id, part))
}

fn past_state(row: &dyn Columns) -> Result<(i64, Digest), Error> {
    Ok((row.some_int("demand")?, row.digest("digest")?))
}

/// The demands of an intake, each with its position: (index of the delivery, index of the event).
pub(crate) fn demands(intake: &Intake) -> impl Iterator<Item = ((usize, usize), &Demand)> {
    intake.deliveries().iter().enumerate().flat_map(|(delivery, content)| {
        content.events.iter().enumerate().filter_map(move |(index, event)| match event {
            Event::Demand(demand) => Some(((delivery, index), &**demand)),
            Event::Reject(_) | Event::Unreadable { .. } => None,
        })
    })
}

/// The keys of the demands and rejects in an intake, by id: (channel, source key).
pub(crate) fn keys(intake: &Intake) -> HashMap<DemandId, (&str, &str)> {
    let mut keys = HashMap::new();
    for delivery in intake.deliveries() {
        let channel = &delivery.message.id.channel;
        for event in &delivery.events {
            let (id, key) = match event {
                Event::Demand(demand) => (demand.id, Some(&demand.source_key)),
                Event::Reject(reject) => (reject.id, reject.source_key.as_ref()),
                Event::Unreadable { .. } => continue,
            };
            if let Some(key) = key {
                keys.insert(id, (channel.as_str(), key.as_str()));
            }
        }
    }
    keys
}

/// The row numbers of the demands of which the intake may contain a stale state. Their history is needed,
/// because a stale state is added to history only if it is not there yet.
pub(crate) fn stale_suspects(intake: &Intake, known: &HashMap<DemandId, KnownDemand>) -> Vec<i64> {
    let mut newest: HashMap<DemandId, Version> = HashMap::new();
    let mut needed = HashSet::new();
    for (_, demand) in demands(intake) {
        let Some(stored) = known.get(&demand.id) else { continue };
        let newest = newest.entry(demand.id).or_insert(stored.current.version);
        if demand.version > *newest {
            *newest = demand.version;
        } else {
            needed.insert(stored.seq);
        }
    }
    needed.into_iter().collect()
}
