//! Writes a plan: each table once, in the order of their references, and the rows of a table in the
//! order of their keys. So two sinks that add the same rows cannot deadlock.

use std::collections::BTreeMap;

use contract::{MessageId, Version};
use sqlx::{
    Arguments, Encode, PgConnection, Postgres, Type, error::BoxDynError, postgres::PgArguments,
};

use super::{
    sql::Uuid,
    statements::{HISTORY, INSERT, MOVE, QUARANTINE, RAW, RECEIPT, REDELIVERED, RESOLVE, UPDATE},
};
use crate::store::{
    database::row::int,
    demands::{
        columns::{COLUMNS, Cell, Get},
        index::Tokens,
        plan::{IntakePlan, Subject},
        poison::WriteError,
    },
};

/// Writes everything; the caller commits.
pub(super) async fn write(
    conn: &mut PgConnection,
    plan: &IntakePlan<'_>,
) -> Result<(), WriteError> {
    demands(conn, plan).await?;
    history(conn, plan).await?;
    quarantine(conn, plan).await?;
    receipts(conn, plan).await?;
    Ok(())
}

async fn demands(conn: &mut PgConnection, plan: &IntakePlan<'_>) -> Result<(), WriteError> {
    let (rows, moved): (Vec<&Subject<'_>>, Vec<_>) =
        plan.subjects.iter().partition(|subject| subject.row.is_some());
    let (mut new, changed): (Vec<_>, Vec<_>) = rows.into_iter().partition(|subject| subject.is_new);
    // Known demands are locked already, in the order of their keys.
    new.sort_unstable_by_key(|subject| subject.id);
    let written = demand_rows(&new).execute(conn, INSERT.as_str()).await?
        + demand_rows(&changed).execute(conn, UPDATE.as_str()).await?;
    let touched = Arrays::of(&moved)
        .column(|subject| subject.seq)
        .version(|subject| subject.version)
        .column(|subject| subject.last_seen_at)
        .execute(conn, MOVE)
        .await?;
    // Each row is written only over an older version, so a difference means that somebody else wrote.
    if written + touched == plan.subjects.len() as u64 { Ok(()) } else { Err(WriteError::Moved) }
}

fn demand_rows<'a>(subjects: &'a [&'a Subject<'a>]) -> Arrays<'a, &'a Subject<'a>> {
    let mut arrays = Arrays::of(subjects)
        .column(|subject| subject.seq)
        .version(|subject| subject.version)
        .column(|subject| subject.first_seen_at)
        .column(|subject| subject.last_seen_at);
    for (index, column) in COLUMNS.iter().enumerate() {
        let cell = |subject: &&'a Subject<'a>| subject.row.as_ref().and_then(|row| row.get(index));
        macro_rules! column {
            ($cell:pat => $value:expr) => {
                arrays.column(|row| match cell(row) {
                    Some($cell) => Some($value),
                    _ => None,
                })
            };
        }
        arrays = match column.get {
            Get::Id(_) => column!(Cell::Id(id) => Uuid(*id)),
            Get::Text(_) => column!(Cell::Text(text) => *text),
            Get::Json(_) => column!(Cell::Json(json) => json.as_ref()),
            Get::Int(_) => column!(Cell::Int(number) => *number),
            Get::Bool(_) => column!(Cell::Bool(yes) => *yes),
            Get::Time(_) => column!(Cell::Time(time) => *time),
            Get::Bytes(_) => column!(Cell::Bytes(bytes) => *bytes),
        };
    }
    arrays
}

async fn history(conn: &mut PgConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    Arrays::of(&plan.history)
        .column(|entry| entry.seq)
        .column(|entry| entry.demand_seq)
        .version(|entry| entry.demand.version)
        .column(|entry| entry.outcome.code())
        .column(|entry| entry.demand.body.status.map(|status| status.code()))
        .column(|entry| entry.demand.digest.0.as_slice())
        .column(|entry| serde_json::Value::from(entry.changed.as_slice()).to_string())
        .column(|entry| entry.demand.origin.read_at)
        .column(|entry| Tokens::of(entry.demand).to_json())
        .execute(conn, HISTORY)
        .await?;
    Arrays::of(&plan.history)
        .column(|entry| entry.seq)
        .column(|entry| entry.demand.origin.read_at)
        .column(|entry| entry.demand.raw.0.as_slice())
        .execute(conn, RAW)
        .await?;
    Ok(())
}

async fn quarantine(conn: &mut PgConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    let mut troubles: Vec<_> = plan.troubles.iter().collect();
    troubles.sort_unstable_by_key(|trouble| trouble.id);
    Arrays::of(&troubles)
        .column(|trouble| Uuid(trouble.id))
        .column(|trouble| trouble.channel.as_str())
        .column(|trouble| trouble.source_key.as_deref())
        .version(|trouble| trouble.version)
        .column(|trouble| trouble.reason.code.as_ref())
        .column(|trouble| trouble.reason.detail.as_str())
        .column(|trouble| trouble.place.as_str())
        .column(|trouble| trouble.message.as_str())
        .column(|trouble| trouble.raw)
        .column(|trouble| trouble.event)
        .column(|trouble| trouble.first_seen_at)
        .column(|trouble| trouble.last_seen_at)
        .column(|trouble| trouble.times_seen)
        .column(|trouble| trouble.resolved_at)
        .execute(conn, QUARANTINE.as_str())
        .await?;
    let mut good: Vec<_> = plan.subjects.iter().collect();
    good.sort_unstable_by_key(|subject| subject.id);
    Arrays::of(&good)
        .column(|subject| Uuid(subject.id))
        .version(|subject| subject.version)
        .column(|subject| subject.last_seen_at)
        .execute(conn, RESOLVE)
        .await?;
    Ok(())
}

async fn receipts(conn: &mut PgConnection, plan: &IntakePlan<'_>) -> Result<(), sqlx::Error> {
    let mut receipts: Vec<_> = plan.receipts.iter().collect();
    receipts.sort_unstable_by_key(|receipt| receipt.message);
    Arrays::of(&receipts)
        .column(|receipt| receipt.message.channel.as_str())
        .column(|receipt| int(receipt.message.read_no.0))
        .column(|receipt| i64::from(receipt.message.part))
        .column(|receipt| i64::from(receipt.events))
        .column(|receipt| receipt.hash.0.as_slice())
        .column(|receipt| int(receipt.outcomes.stored))
        .column(|receipt| int(receipt.outcomes.unchanged))
        .column(|receipt| int(receipt.outcomes.stale))
        .column(|receipt| int(receipt.outcomes.quarantined))
        .execute(conn, RECEIPT)
        .await?;
    // One statement cannot update a row twice.
    let mut times: BTreeMap<&MessageId, i64> = BTreeMap::new();
    for message in &plan.redelivered {
        *times.entry(*message).or_default() += 1;
    }
    let times: Vec<_> = times.into_iter().collect();
    Arrays::of(&times)
        .column(|(message, _)| message.channel.as_str())
        .column(|(message, _)| int(message.read_no.0))
        .column(|(message, _)| i64::from(message.part))
        .column(|(_, times)| *times)
        .execute(conn, REDELIVERED)
        .await?;
    Ok(())
}

/// Many rows in one statement: an array per column (`unnest`). The server fills up shorter arrays with
/// nulls without an error, so all of them are made from the same rows.
struct Arrays<'a, T> {
    rows: &'a [T],
    arguments: Result<PgArguments, BoxDynError>,
}

impl<'a, T> Arrays<'a, T> {
    fn of(rows: &'a [T]) -> Self {
        Self { rows, arguments: Ok(PgArguments::default()) }
    }

    /// The next column.
    fn column<'q, V>(mut self, get: impl Fn(&'a T) -> V) -> Self
    where
        Vec<V>: Encode<'q, Postgres> + Type<Postgres>,
    {
        self.arguments = self.arguments.and_then(|mut arguments| {
            arguments.add(self.rows.iter().map(get).collect::<Vec<V>>())?;
            Ok(arguments)
        });
        self
    }

    /// The next three columns: revision, read number and mapping.
    fn version(self, get: impl Fn(&'a T) -> Version + Copy) -> Self {
        self.column(move |row| get(row).revision.to_column())
            .column(move |row| int(get(row).read_no.0))
            .column(move |row| i64::from(get(row).mapping.0))
    }

    /// Runs the statement; returns how many rows it changed. Without rows nothing is sent.
    async fn execute(self, conn: &mut PgConnection, sql: &'static str) -> Result<u64, sqlx::Error> {
        if self.rows.is_empty() {
            return Ok(0);
        }
        let arguments = self.arguments.map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(sql, arguments).execute(conn).await?.rows_affected())
    }
}
