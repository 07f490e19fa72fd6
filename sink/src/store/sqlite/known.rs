//! Reads what must be known before an intake is planned. Keys are one JSON parameter, so each SELECT
//! is one prepared statement whatever the size of the intake.

use std::collections::{HashMap, HashSet};

use contract::{DemandId, Digest, Intake, MessageId};
use serde_json::json;
use sqlx::SqliteConnection;

use crate::store::{
    database::row::int,
    demands::plan::{IntakePlan, Known, KnownDemand, doubtful, past, receipt, things},
};

/// Reads it within the writing transaction, so that it cannot change before the plan is written.
pub(super) async fn load(
    conn: &mut SqliteConnection,
    intake: &Intake,
) -> Result<Known, sqlx::Error> {
    let receipts = receipts(conn, intake).await?;
    let demands = demands(conn, intake).await?;
    let history = history(conn, doubtful(intake, &demands)).await?;
    Ok(Known { receipts, demands, history })
}

/// Gives the new rows the next numbers: nobody else writes meanwhile. Where all history was dropped,
/// what the indexes have covered is remembered: no number is given twice.
pub(super) async fn number(
    conn: &mut SqliteConnection,
    plan: &mut IntakePlan<'_>,
) -> Result<(), sqlx::Error> {
    let (last_demand, last_history): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT coalesce(max(seq), 0) FROM demand),
                max((SELECT coalesce(max(seq), 0) FROM demand_history),
                    (SELECT coalesce(max(position), 0) FROM index_position))",
    )
    .fetch_one(conn)
    .await?;
    plan.number(last_demand + 1.., last_history + 1..);
    Ok(())
}

async fn receipts(
    conn: &mut SqliteConnection,
    intake: &Intake,
) -> Result<HashMap<MessageId, Digest>, sqlx::Error> {
    let ids = intake.deliveries().iter().map(|delivery| &delivery.message.id);
    let wanted = serde_json::Value::from_iter(
        ids.map(|id| json!([id.channel.as_str(), int(id.read_no.0), id.part])),
    );
    let rows = sqlx::query(
        "SELECT r.channel, r.read_no, r.part, r.hash FROM json_each(?) k CROSS JOIN receipt r
         ON r.channel = k.value ->> 0 AND r.read_no = k.value ->> 1 AND r.part = k.value ->> 2",
    )
    .bind(wanted.to_string())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| receipt(row)).collect()
}

async fn demands(
    conn: &mut SqliteConnection,
    intake: &Intake,
) -> Result<HashMap<DemandId, KnownDemand>, sqlx::Error> {
    let things = things(intake);
    let wanted = serde_json::Value::from_iter(things.values().map(|(a, b)| json!([a, b])));
    let rows = sqlx::query(
        "SELECT d.seq, d.id, d.revision, d.read_no, d.mapping, d.digest, d.last_seen_at, d.status,
                d.status_raw, d.kind, d.region, coalesce(d.org, d.org_raw) AS org, d.urgency,
                d.due_at, d.counts ->> '$.urged' AS urged
         FROM json_each(?) k CROSS JOIN demand d
         ON d.channel = k.value ->> 0 AND d.source_key = k.value ->> 1",
    )
    .bind(wanted.to_string())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| KnownDemand::read(row)).collect()
}

async fn history(
    conn: &mut SqliteConnection,
    demands: Vec<i64>,
) -> Result<HashSet<(i64, Digest)>, sqlx::Error> {
    if demands.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = sqlx::query(
        "SELECT h.demand, h.digest FROM json_each(?) k
         CROSS JOIN demand_history h ON h.demand = k.value",
    )
    .bind(serde_json::Value::from(demands).to_string())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| past(row)).collect()
}
