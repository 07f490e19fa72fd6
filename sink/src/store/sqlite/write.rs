//! Writes a plan: each table once, in the order of their references.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use super::{
    iso,
    rows::{Values, write_rows},
    statements::{HISTORY, INSERT, MOVE, QUARANTINE, RAW, RECEIPT, RESOLVE, UPSERT},
};
use crate::store::{
    database::row::int,
    demands::{
        index::Tokens,
        plan::{IntakePlan, Subject},
        poison::WriteError,
    },
};

/// Writes everything; the caller commits.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    plan: &IntakePlan<'_>,
) -> Result<(), WriteError> {
    demands(conn, plan).await?;
    history(conn, plan).await?;
    quarantine(conn, plan).await?;
    receipts(conn, plan).await?;
    Ok(())
}

async fn demands(conn: &mut SqliteConnection, plan: &IntakePlan<'_>) -> Result<(), WriteError> {
    let (rows, moved): (Vec<&Subject<'_>>, Vec<_>) =
        plan.subjects.iter().partition(|subject| subject.row.is_some());
    let (new, changed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|subject| subject.is_new);
    let row = |subject: &&Subject<'_>, values: &mut Values| {
        values.add(subject.seq)?;
        values.add_version(subject.version)?;
        values.add(iso(subject.first_seen_at))?;
        values.add(iso(subject.last_seen_at))?;
        subject.row.iter().flatten().try_for_each(|cell| values.add_cell(cell))
    };
    let written = write_rows(conn, &INSERT, &new, row).await?
        + write_rows(conn, &UPSERT, &changed, row).await?;
    let touched = write_rows(conn, &MOVE, &moved, |subject, values| {
        values.add(subject.seq)?;
        values.add_version(subject.version)?;
        values.add(iso(subject.last_seen_at))
    })
    .await?;
    // Each row is written only over an older version, so a difference means that somebody else wrote.
    if written + touched == plan.subjects.len() as u64 { Ok(()) } else { Err(WriteError::Moved) }
}

async fn history(conn: &mut SqliteConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    write_rows(conn, &HISTORY, &plan.history, |entry, values| {
        let demand = entry.demand;
        values.add(entry.seq)?;
        values.add(entry.demand_seq)?;
        values.add_version(demand.version)?;
        values.add(entry.outcome.code())?;
        values.add(demand.body.status.map(|status| status.code()))?;
        values.add(demand.digest.0.as_slice())?;
        values.add(serde_json::to_string(&entry.changed)?)?;
        values.add(iso(demand.origin.read_at))?;
        values.add(Tokens::of(demand).to_json())
    })
    .await?;
    write_rows(conn, &RAW, &plan.history, |entry, values| {
        values.add(entry.seq)?;
        values.add(entry.demand.raw.0.as_slice())
    })
    .await?;
    Ok(())
}

async fn quarantine(conn: &mut SqliteConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    write_rows(conn, &QUARANTINE, &plan.troubles, |trouble, values| {
        values.add(trouble.id.to_string())?;
        values.add(trouble.channel.as_str())?;
        values.add(trouble.source_key.as_deref())?;
        values.add_version(trouble.version)?;
        values.add(trouble.reason.code.as_ref())?;
        values.add(trouble.reason.detail.as_str())?;
        values.add(trouble.place.as_str())?;
        values.add(trouble.message.as_str())?;
        values.add(trouble.raw)?;
        values.add(trouble.event)?;
        values.add(trouble.first_seen_at.map(iso))?;
        values.add(trouble.last_seen_at.map(iso))?;
        values.add(trouble.times_seen)?;
        values.add(trouble.resolved_at.map(iso))
    })
    .await?;
    let open = open_troubles(conn, plan).await?;
    let mended: Vec<_> =
        plan.subjects.iter().filter(|subject| open.contains(&subject.id.to_string())).collect();
    write_rows(conn, &RESOLVE, &mended, |subject, values| {
        values.add(subject.id.to_string())?;
        values.add_version(subject.version)?;
        values.add(iso(subject.last_seen_at))
    })
    .await?;
    Ok(())
}

/// The demands of this plan that wait in quarantine: as a rule none.
async fn open_troubles(
    conn: &mut SqliteConnection,
    plan: &IntakePlan<'_>,
) -> Result<HashSet<String>, sqlx::Error> {
    let ids =
        serde_json::Value::from_iter(plan.subjects.iter().map(|subject| subject.id.to_string()));
    let open: Vec<String> = sqlx::query_scalar(
        "SELECT q.id FROM json_each(?) k CROSS JOIN quarantine q ON q.id = k.value
         WHERE q.resolved_at IS NULL",
    )
    .bind(ids.to_string())
    .fetch_all(conn)
    .await?;
    Ok(open.into_iter().collect())
}

async fn receipts(conn: &mut SqliteConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    write_rows(conn, &RECEIPT, &plan.receipts, |receipt, values| {
        values.add(receipt.message.channel.as_str())?;
        values.add(int(receipt.message.read_no.0))?;
        values.add(i64::from(receipt.message.part))?;
        values.add(i64::from(receipt.events))?;
        values.add(receipt.hash.0.as_slice())?;
        values.add(int(receipt.outcomes.stored))?;
        values.add(int(receipt.outcomes.unchanged))?;
        values.add(int(receipt.outcomes.stale))?;
        values.add(int(receipt.outcomes.quarantined))
    })
    .await?;
    for message in &plan.redelivered {
        sqlx::query(
            "UPDATE receipt SET deliveries = deliveries + 1
             WHERE channel = ? AND read_no = ? AND part = ?",
        )
        .bind(message.channel.as_str())
        .bind(int(message.read_no.0))
        .bind(i64::from(message.part))
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
