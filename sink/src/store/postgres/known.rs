//! Reads what must be known before an intake is planned, and locks it in the order of keys: it cannot
//! change before the plan is written, and two sinks cannot deadlock.

use std::collections::{HashMap, HashSet};

use contract::{DemandId, Digest, Intake, MessageId};
use sqlx::PgConnection;

use crate::store::{
    database::row::int,
    demands::{
        index,
        plan::{IntakePlan, Known, KnownDemand, doubtful, past, receipt, things},
    },
};

/// Locks and reads. Receipts are read after the locks are taken: whoever held them before may have
/// written some.
pub(super) async fn load(conn: &mut PgConnection, intake: &Intake) -> Result<Known, sqlx::Error> {
    let demands = demands(conn, intake).await?;
    let history = history(conn, doubtful(intake, &demands)).await?;
    let receipts = receipts(conn, intake).await?;
    Ok(Known { receipts, demands, history })
}

/// Numbers the new rows from sequences that all writers share. They are drawn under the locks, so
/// that the order of numbers of one demand is the order in which it was judged.
pub(super) async fn number(
    conn: &mut PgConnection,
    plan: &mut IntakePlan<'_>,
) -> Result<(), sqlx::Error> {
    if plan.history.is_empty() {
        return Ok(());
    }
    sqlx::query(index::ANNOUNCE).execute(&mut *conn).await?;
    let (demands, history): (Vec<i64>, Vec<i64>) = sqlx::query_as(
        "SELECT ARRAY(SELECT nextval('demand_seq') FROM generate_series(1, $1)),
                ARRAY(SELECT nextval('demand_history_seq') FROM generate_series(1, $2))",
    )
    .bind(int(plan.n_new() as u64))
    .bind(int(plan.history.len() as u64))
    .fetch_one(conn)
    .await?;
    plan.number(demands, history);
    Ok(())
}

async fn demands(
    conn: &mut PgConnection,
    intake: &Intake,
) -> Result<HashMap<DemandId, KnownDemand>, sqlx::Error> {
    let things = things(intake);
    // No key in the database contains a NUL, and PostgreSQL refuses a parameter with one.
    let mut keys: Vec<_> = things.into_values().filter(|(_, key)| !key.contains('\0')).collect();
    keys.sort_unstable();
    keys.dedup();
    let (channels, keys): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    // Looked up and locked key by key, in the order of the arrays.
    let rows = sqlx::query(
        "SELECT d.* FROM unnest($1::text[], $2::text[]) AS k (channel, source_key)
         CROSS JOIN LATERAL (
             SELECT seq, id, revision, read_no, mapping, digest, last_seen_at, status, status_raw,
                    kind, region, coalesce(org, org_raw) AS org, urgency, due_at,
                    (counts ->> 'urged')::bigint AS urged
             FROM demand WHERE channel = k.channel AND source_key = k.source_key
             FOR NO KEY UPDATE
         ) AS d",
    )
    .bind(channels)
    .bind(keys)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| KnownDemand::read(row)).collect()
}

async fn history(
    conn: &mut PgConnection,
    demands: Vec<i64>,
) -> Result<HashSet<(i64, Digest)>, sqlx::Error> {
    if demands.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(
        "SELECT h.demand, h.digest FROM unnest($1::bigint[]) AS k (demand)
         JOIN demand_history h ON h.demand = k.demand",
    )
    .bind(demands)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| past(row)).collect()
}

async fn receipts(
    conn: &mut PgConnection,
    intake: &Intake,
) -> Result<HashMap<MessageId, Digest>, sqlx::Error> {
    let ids: Vec<_> = intake.deliveries().iter().map(|delivery| &delivery.message.id).collect();
    let rows = sqlx::query(
        "SELECT r.channel, r.read_no, r.part, r.hash
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (channel, read_no, part)
         JOIN receipt r
         ON r.channel = k.channel AND r.read_no = k.read_no AND r.part = k.part",
    )
    .bind(ids.iter().map(|id| id.channel.as_str()).collect::<Vec<_>>())
    .bind(ids.iter().map(|id| int(id.read_no.0)).collect::<Vec<_>>())
    .bind(ids.iter().map(|id| i64::from(id.part)).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| receipt(row)).collect()
}
