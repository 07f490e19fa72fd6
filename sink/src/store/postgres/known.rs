//! What must be known before an intake is planned, locked in one fixed order, so that it cannot
//! change before the plan is written and two sinks cannot hold what the other waits for.

use std::collections::{HashMap, HashSet};

use contract::{DemandId, Digest, Intake, MessageId};
use sqlx::{PgConnection, Row};

use crate::store::{
    database::row::{int, known_demand, to_digest},
    demands::plan::{Known, KnownDemand, Plan, doubtful, things},
};

/// Locks and reads. Receipts come after the locks: whoever held them may have written some.
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
    plan: &mut Plan<'_>,
) -> Result<(), sqlx::Error> {
    if plan.history.is_empty() {
        return Ok(());
    }
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
    // No key in the database holds a NUL, and it refuses to be asked for one.
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
    rows.iter().map(known_demand).collect()
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
    rows.iter().map(|row| Ok((row.try_get(0)?, to_digest("digest", row.try_get(1)?)?))).collect()
}

async fn receipts(
    conn: &mut PgConnection,
    intake: &Intake,
) -> Result<HashMap<MessageId, Digest>, sqlx::Error> {
    let messages = intake.deliveries().iter().map(|delivery| &delivery.message.id);
    let ids: HashMap<_, _> = messages
        .map(|id| ((id.channel.as_str(), int(id.read_no.0), i64::from(id.part)), id))
        .collect();
    let rows = sqlx::query(
        "SELECT r.channel, r.read_no, r.part, r.hash
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS k (channel, read_no, part)
         JOIN receipt r
         ON r.channel = k.channel AND r.read_no = k.read_no AND r.part = k.part",
    )
    .bind(ids.keys().map(|(channel, ..)| *channel).collect::<Vec<_>>())
    .bind(ids.keys().map(|(_, read_no, _)| *read_no).collect::<Vec<_>>())
    .bind(ids.keys().map(|(.., part)| *part).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    let mut receipts = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if let Some(id) = ids.get(&key) {
            receipts.insert((*id).clone(), to_digest("hash", row.try_get(3)?)?);
        }
    }
    Ok(receipts)
}
