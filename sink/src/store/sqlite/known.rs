//! What must be known before an intake is planned. Keys go in as one JSON parameter, so each
//! question is one prepared statement whatever the size of the intake.

use std::collections::{HashMap, HashSet};

use contract::{
    Current, DemandId, Digest, Intake, MappingNo, MessageId, ReadNo, Revision, Timestamp, Tracked,
    Version,
};
use serde_json::json;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{count, int};
use crate::store::plan::{Known, KnownDemand, doubtful, things};

/// Reads it within the writing transaction, so that it cannot change before the plan is written.
pub(super) async fn load(
    conn: &mut SqliteConnection,
    intake: &Intake,
) -> Result<Known, sqlx::Error> {
    let receipts = receipts(conn, intake).await?;
    let demands = demands(conn, intake).await?;
    let history = history(conn, doubtful(intake, &demands)).await?;
    let (last_demand, last_history) = sqlx::query_as(
        "SELECT (SELECT coalesce(max(seq), 0) FROM demand),
                (SELECT coalesce(max(seq), 0) FROM demand_history)",
    )
    .fetch_one(conn)
    .await?;
    Ok(Known { receipts, demands, history, last_demand, last_history })
}

async fn receipts(
    conn: &mut SqliteConnection,
    intake: &Intake,
) -> Result<HashMap<MessageId, Digest>, sqlx::Error> {
    let ids: HashMap<_, _> = intake
        .deliveries()
        .iter()
        .map(|delivery| &delivery.message.id)
        .map(|id| ((id.channel.as_str(), int(id.read_no.0), i64::from(id.part)), id))
        .collect();
    let wanted = serde_json::Value::from_iter(ids.keys().map(|(a, b, c)| json!([a, b, c])));
    let rows = sqlx::query(
        "SELECT r.channel, r.read_no, r.part, r.hash FROM json_each(?) k CROSS JOIN receipt r
         ON r.channel = k.value ->> 0 AND r.read_no = k.value ->> 1 AND r.part = k.value ->> 2",
    )
    .bind(wanted.to_string())
    .fetch_all(conn)
    .await?;
    let mut receipts = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if let Some(id) = ids.get(&key) {
            receipts.insert((*id).clone(), digest(row, 3)?);
        }
    }
    Ok(receipts)
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
    rows.iter().map(demand).collect()
}

fn demand(row: &SqliteRow) -> Result<(DemandId, KnownDemand), sqlx::Error> {
    let due_at: Option<Timestamp> = row.try_get("due_at")?;
    let urged: Option<i64> = row.try_get("urged")?;
    let tracked = Tracked {
        status: row.try_get("status")?,
        status_raw: row.try_get("status_raw")?,
        kind: row.try_get("kind")?,
        region: row.try_get("region")?,
        org: row.try_get("org")?,
        urgency: row.try_get("urgency")?,
        due_at: due_at.map(|due| due.timestamp_micros()),
        urged: urged.and_then(|urged| u32::try_from(urged).ok()),
    };
    let current = Current { version: version(row)?, digest: digest(row, "digest")?, tracked };
    let seq = row.try_get("seq")?;
    Ok((id(row)?, KnownDemand { seq, current, last_seen_at: row.try_get("last_seen_at")? }))
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
    rows.iter().map(|row| Ok((row.try_get(0)?, digest(row, 1)?))).collect()
}

/// The id of a row.
pub(super) fn id(row: &SqliteRow) -> Result<DemandId, sqlx::Error> {
    let text: &str = row.try_get("id")?;
    text.parse().map_err(|error| decode("id", error))
}

/// The version of a row.
pub(super) fn version(row: &SqliteRow) -> Result<Version, sqlx::Error> {
    let mapping: i64 = row.try_get("mapping")?;
    Ok(Version {
        revision: Revision::from_column(row.try_get("revision")?),
        read_no: ReadNo(count(row.try_get("read_no")?)),
        mapping: MappingNo(u32::try_from(mapping).map_err(|error| decode("mapping", error))?),
    })
}

/// A digest in a column.
pub(super) fn digest<I>(row: &SqliteRow, index: I) -> Result<Digest, sqlx::Error>
where
    I: sqlx::ColumnIndex<SqliteRow>,
{
    let bytes: &[u8] = row.try_get(index)?;
    bytes.try_into().map(Digest).map_err(|error| decode("digest", error))
}

/// A column that does not hold what it must.
pub(super) fn decode(
    column: &str,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}
