//! Writes a plan table by table, and a table before those that refer to it. If several processes may write,
//! rows that two sinks could both write are written in the order of their keys, so that the sinks cannot
//! deadlock.

use std::{collections::BTreeMap, sync::LazyLock};

use contract::{MessageId, Version};
use serde_json::json;

use super::{
    columns::COLUMNS,
    index::Tokens,
    quarantine::{Quarantined, on_conflict},
    rows::{DemandChange, HistoryEntry, IntakePlan, Receipt},
};
use crate::store::database::{
    sql::{Row, Value, int},
    transaction::{Failure, Transaction},
};

/// Writes the plan; the caller commits. Returns false if another sink has changed a demand since the plan was
/// made: the caller must then roll back.
pub(crate) async fn write(
    tx: &mut Transaction<'_>,
    plan: &IntakePlan<'_>,
) -> Result<bool, Failure> {
    if !write_demands(tx, plan).await? {
        return Ok(false);
    }
    // Only PostgreSQL, the shared store, partitions `demand_raw` (by `seen_at`).
    let is_partitioned = tx.is_shared();
    tx.write_rows(HISTORY, &plan.history.iter().map(history_row).collect::<Vec<_>>()).await?;
    let raws: Vec<_> = plan.history.iter().map(|entry| raw_row(entry, is_partitioned)).collect();
    tx.write_rows(RAW, &raws).await?;
    let mut quarantined: Vec<_> = plan.quarantined.iter().collect();
    let mut changes: Vec<_> = plan.changes.iter().collect();
    if tx.is_shared() {
        quarantined.sort_unstable_by_key(|row| row.id);
        changes.sort_unstable_by_key(|change| change.id);
    }
    let rows: Vec<_> = quarantined.into_iter().map(quarantine_row).collect();
    tx.write_rows(&QUARANTINE, &rows).await?;
    tx.write_rows(RESOLVE, &changes.into_iter().map(resolve_row).collect::<Vec<_>>()).await?;
    write_receipts(tx, plan).await?;
    Ok(true)
}

async fn write_demands(tx: &mut Transaction<'_>, plan: &IntakePlan<'_>) -> Result<bool, Failure> {
    // What is neither a row nor a new version resolves only a row in quarantine.
    let written = plan.changes.iter().filter(|one| one.row.is_some() || one.has_new_version);
    let (rows, repeated): (Vec<_>, Vec<_>) = written.partition(|change| change.row.is_some());
    let n_expected = rows.len() + repeated.len();
    let (mut new, changed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|change| change.is_new);
    if tx.is_shared() {
        // Demands that exist are locked already, in the order of their keys.
        new.sort_unstable_by_key(|change| change.id);
    }
    let mut new: Vec<_> = new.into_iter().map(demand_row).collect();
    remove_empty_columns(&mut new);
    let mut n_written = tx.write_rows(INSERT, &new).await?;
    for (template, changes) in [(&UPDATE, changed), (&UPDATE_VERSION, repeated)] {
        let rows: Vec<_> = changes.into_iter().map(demand_row).collect();
        n_written += tx.write_rows(template, &rows).await?;
    }
    // A row replaces only an older version. If fewer rows were written, another sink has written newer
    // ones.
    Ok(n_written == n_expected as u64)
}

/// Removes the columns that are null in all rows: a source fills less than half of them, and each one costs time in
/// every row. No column of `demand` has a default, so they are null in the database too.
fn remove_empty_columns(rows: &mut [Row<'_>]) {
    let n_columns = rows.first().map_or(0, Vec::len);
    let is_used = |column: usize| {
        rows.iter().any(|row| row.get(column).is_some_and(|(_, value)| !value.is_null()))
    };
    let used: Vec<bool> = (0..n_columns).map(is_used).collect();
    for row in rows {
        let mut used = used.iter();
        row.retain(|_| used.next() == Some(&true));
    }
}

async fn write_receipts(tx: &mut Transaction<'_>, plan: &IntakePlan<'_>) -> Result<(), Failure> {
    let mut receipts: Vec<_> = plan.receipts.iter().collect();
    receipts.sort_unstable_by_key(|receipt| &receipt.message);
    tx.write_rows(RECEIPT, &receipts.into_iter().map(receipt_row).collect::<Vec<_>>()).await?;
    // One statement cannot update a row twice.
    let mut times: BTreeMap<&MessageId, i64> = BTreeMap::new();
    for message in &plan.redelivered {
        *times.entry(*message).or_default() += 1;
    }
    let rows = times.into_iter().map(|(message, times)| {
        let mut row = message_columns(message).to_vec();
        row.push(("times", times.into()));
        row
    });
    tx.write_rows(REDELIVERED, &rows.collect::<Vec<_>>()).await?;
    Ok(())
}

/// The row of a demand with all columns, or only with version and `last_seen_at` if nothing else changes.
fn demand_row<'a>(change: &'a DemandChange<'_>) -> Row<'a> {
    let mut row = vec![("seq", change.seq.into())];
    row.extend(version_columns(change.current.version));
    row.push(("last_seen_at", change.last_seen_at.into()));
    if let Some(values) = &change.row {
        row.push(("first_seen_at", change.first_seen_at.into()));
        row.extend(COLUMNS.iter().zip(values).map(|(column, value)| (column.name, value.clone())));
    }
    row
}

fn history_row<'a>(entry: &'a HistoryEntry<'_>) -> Row<'a> {
    let demand = entry.demand;
    let mut row = vec![("seq", entry.seq.into()), ("demand", entry.demand_seq.into())];
    row.extend(version_columns(demand.version));
    row.extend([
        ("outcome", entry.outcome.code().into()),
        ("status", Value::Text(demand.body.status.map(|status| status.code()))),
        ("kind", Value::Text(demand.body.kind.map(|kind| kind.code()))),
        ("region", Value::Text(demand.body.region.as_deref())),
        ("cause", demand.origin.cause.code().into()),
        ("digest", demand.digest.0.as_slice().into()),
        ("changed", json!(entry.changed).into()),
        ("seen_at", demand.origin.read_at.into()),
        ("tokens", Tokens::new(&demand.body.people, demand.body.address.as_ref()).to_json()),
    ]);
    row
}

fn raw_row<'a>(entry: &'a HistoryEntry<'_>, is_partitioned: bool) -> Row<'a> {
    let mut row =
        vec![("history", entry.seq.into()), ("raw", entry.demand.raw.0.as_slice().into())];
    if is_partitioned {
        row.push(("seen_at", entry.demand.origin.read_at.into()));
    }
    row
}

fn quarantine_row(quarantined: &Quarantined) -> Row<'_> {
    let mut row = vec![
        ("id", Value::Id(quarantined.id)),
        ("channel", quarantined.channel.as_str().into()),
        ("source_key", Value::Text(quarantined.source_key.as_deref())),
    ];
    row.extend(version_columns(quarantined.version));
    row.extend([
        ("reason", quarantined.reason.as_str().into()),
        ("detail", quarantined.detail.as_str().into()),
        ("place", quarantined.place.as_str().into()),
        ("message", quarantined.message.as_str().into()),
        ("raw", Value::Bytes(quarantined.raw.as_ref().map(|raw| raw.0.as_slice()))),
        ("event", Value::Text(quarantined.event.as_deref())),
        ("first_seen_at", Value::Time(quarantined.first_seen_at)),
        ("last_seen_at", Value::Time(quarantined.last_seen_at)),
        ("times_seen", int(quarantined.times_seen).into()),
        ("resolved_at", Value::Time(quarantined.resolved_at)),
    ]);
    row
}

/// The values for `RESOLVE`, which resolves the quarantine row of this demand, if there is an older one.
fn resolve_row<'a>(change: &'a DemandChange<'_>) -> Row<'a> {
    let mut row = vec![("id", Value::Id(change.id)), ("seen_at", change.last_seen_at.into())];
    row.push(("again", Value::Bool(Some(change.is_again))));
    row.extend(version_columns(change.current.version));
    row
}

fn receipt_row(receipt: &Receipt) -> Row<'_> {
    let outcomes = receipt.outcomes;
    let mut row = message_columns(&receipt.message).to_vec();
    row.extend([
        ("events", i64::from(receipt.events).into()),
        ("hash", receipt.hash.0.as_slice().into()),
        ("stored", int(outcomes.stored).into()),
        ("unchanged", int(outcomes.unchanged).into()),
        ("stale", int(outcomes.stale).into()),
        ("quarantined", int(outcomes.quarantined).into()),
        ("deliveries", 1.into()),
    ]);
    row
}

fn version_columns(version: Version) -> [(&'static str, Value<'static>); 3] {
    [
        ("revision", version.revision.to_column().into()),
        ("read_no", int(version.read_no.0).into()),
        ("mapping", i64::from(version.mapping.0).into()),
    ]
}

fn message_columns(message: &MessageId) -> [(&'static str, Value<'_>); 3] {
    [
        ("channel", message.channel.as_str().into()),
        ("read_no", int(message.read_no.0).into()),
        ("part", i64::from(message.part).into()),
    ]
}

// Templates: `database/sql.rs` fills in `{insert}`, `{names}` and `{rows}`. `format!` needs double braces.

const INSERT: &str = "{insert} INTO demand ({names}) {rows}";

/// Sets the columns that can change. It does not set id, channel and key, because that would rewrite their
/// indexes.
static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let columns = COLUMNS.iter().map(|column| column.name);
    let columns = columns.filter(|name| !matches!(*name, "id" | "channel" | "source_key"));
    update(columns)
});

static UPDATE_VERSION: LazyLock<String> = LazyLock::new(|| update([].into_iter()));

/// The statement that sets the version, `last_seen_at` and these columns of demands that have an older version.
fn update<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let always = ["revision", "read_no", "mapping", "last_seen_at"];
    let set: Vec<_> =
        always.into_iter().chain(columns).map(|name| format!("{name} = v.{name}")).collect();
    format!(
        "WITH v ({{names}}) AS ({{rows}})
         UPDATE demand SET {}
         FROM v WHERE demand.seq = v.seq
         AND (v.revision, v.read_no, v.mapping) > (demand.revision, demand.read_no, demand.mapping)",
        set.join(", ")
    )
}

const HISTORY: &str = "{insert} INTO demand_history ({names}) {rows}";

const RAW: &str = "{insert} INTO demand_raw ({names}) {rows}";

static QUARANTINE: LazyLock<String> =
    LazyLock::new(|| format!("INSERT INTO quarantine ({{names}}) {{rows}} {}", on_conflict()));

/// See [`Quarantined::is_resolved_by`].
const RESOLVE: &str = "WITH v ({names}) AS ({rows})
     UPDATE quarantine SET resolved_at = v.seen_at
     FROM v WHERE quarantine.id = v.id AND quarantine.resolved_at IS NULL
     AND CASE WHEN quarantine.revision < -9223372036854775807
         THEN (v.read_no, v.mapping) > (quarantine.read_no, quarantine.mapping)
              OR v.again AND (v.read_no, v.mapping) = (quarantine.read_no, quarantine.mapping)
         ELSE (v.revision, v.read_no, v.mapping)
              > (quarantine.revision, quarantine.read_no, quarantine.mapping)
              OR v.again AND (v.revision, v.read_no, v.mapping)
              = (quarantine.revision, quarantine.read_no, quarantine.mapping) END";

const RECEIPT: &str = "INSERT INTO receipt ({names}) {rows}";

const REDELIVERED: &str = "WITH v ({names}) AS ({rows})
     UPDATE receipt SET deliveries = receipt.deliveries + v.times
     FROM v WHERE receipt.channel = v.channel AND receipt.read_no = v.read_no
     AND receipt.part = v.part";
