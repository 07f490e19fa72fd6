//! Writes a plan: each table once, in the order in which rows refer to each other.

use std::{fmt::Write as _, sync::LazyLock};

use contract::{Demand, Sealed};
use sqlx::SqliteConnection;

use super::{
    int, iso,
    rows::{Statement, write_rows},
};
use crate::store::{
    columns::COLUMNS,
    plan::{Plan, Subject},
};

/// Why a plan was not written.
#[derive(Debug)]
pub(super) enum WriteError {
    Database(sqlx::Error),
    /// Rows changed between reading and writing: the plan is void.
    Moved,
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Writes everything; the caller commits.
pub(super) async fn write(conn: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), WriteError> {
    demands(conn, plan).await?;
    history(conn, plan).await?;
    quarantine(conn, plan).await?;
    receipts(conn, plan).await?;
    Ok(())
}

async fn demands(conn: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), WriteError> {
    let (rows, moved): (Vec<&Subject<'_>>, Vec<_>) =
        plan.subjects.iter().partition(|subject| subject.row.is_some());
    let written = write_rows(conn, &UPSERT, &rows, |subject, values| {
        values.add(subject.seq)?;
        values.add_version(subject.version)?;
        values.add(iso(subject.first_seen_at))?;
        values.add(iso(subject.last_seen_at))?;
        subject.row.iter().flatten().try_for_each(|cell| values.add_cell(cell))
    })
    .await?;
    let touched = write_rows(conn, &MOVE, &moved, |subject, values| {
        values.add(subject.seq)?;
        values.add_version(subject.version)?;
        values.add(iso(subject.last_seen_at))
    })
    .await?;
    // Every row was guarded by its version, so a difference means that somebody else wrote.
    if written + touched == plan.subjects.len() as u64 { Ok(()) } else { Err(WriteError::Moved) }
}

async fn history(conn: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
    write_rows(conn, &HISTORY, &plan.history, |entry, values| {
        let demand = entry.demand;
        values.add(entry.seq)?;
        values.add(entry.demand_seq)?;
        values.add_version(demand.version)?;
        values.add(entry.outcome.code())?;
        values.add(demand.body.status.map(|status| status.code()))?;
        values.add(demand.digest.0.as_slice())?;
        values.add(serde_json::to_string(&entry.changed)?)?;
        values.add(iso(demand.origin.read_at))
    })
    .await?;
    write_rows(conn, &RAW, &plan.history, |entry, values| {
        values.add(entry.seq)?;
        values.add(entry.demand.raw.0.as_slice())
    })
    .await?;
    let tokens: Vec<(&str, i64)> = plan
        .history
        .iter()
        .flat_map(|entry| tokens(entry.demand).map(|token| (token, entry.demand_seq)))
        .collect();
    write_rows(conn, &PERSON, &tokens, |(token, demand), values| {
        values.add(*token)?;
        values.add(*demand)
    })
    .await?;
    Ok(())
}

async fn quarantine(conn: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
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
    write_rows(conn, &RESOLVE, &plan.subjects, |subject, values| {
        values.add(subject.id.to_string())?;
        values.add_version(subject.version)?;
        values.add(iso(subject.last_seen_at))
    })
    .await?;
    Ok(())
}

async fn receipts(conn: &mut SqliteConnection, plan: &Plan<'_>) -> Result<(), sqlx::Error> {
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

/// The tokens of all persons that a demand names.
fn tokens(demand: &Demand) -> impl Iterator<Item = &str> {
    let people = demand.body.people.iter();
    let values = people.flat_map(|person| [&person.name, &person.phone, &person.id_no]);
    values
        .chain([&demand.body.address])
        .filter_map(|value: &Option<Sealed>| value.as_ref()?.token.as_deref())
}

static UPSERT: LazyLock<Statement> = LazyLock::new(|| {
    let mut names = String::new();
    let mut updates = String::new();
    for column in COLUMNS {
        let name = column.name;
        // Writing to a String cannot fail.
        let _ = write!(names, ", {name}");
        let _ = write!(updates, ", {name} = excluded.{name}");
    }
    Statement {
        head: format!(
            "INSERT INTO demand (seq, revision, read_no, mapping, first_seen_at, last_seen_at\
             {names}) VALUES"
        )
        .into(),
        row: format!("(?, ?, ?, ?, ?, ?{})", ", ?".repeat(COLUMNS.len())).into(),
        tail: format!(
            "ON CONFLICT (channel, source_key) DO UPDATE SET
             revision = excluded.revision, read_no = excluded.read_no, mapping = excluded.mapping,
             last_seen_at = excluded.last_seen_at{updates}
             WHERE (excluded.revision, excluded.read_no, excluded.mapping)
                 > (demand.revision, demand.read_no, demand.mapping)"
        )
        .into(),
    }
});

static MOVE: Statement = Statement::of(
    "WITH v (seq, revision, read_no, mapping, last_seen_at) AS (VALUES",
    "(?, ?, ?, ?, ?)",
    ") UPDATE demand SET revision = v.revision, read_no = v.read_no, mapping = v.mapping,
       last_seen_at = v.last_seen_at
       FROM v WHERE demand.seq = v.seq
       AND (v.revision, v.read_no, v.mapping) > (demand.revision, demand.read_no, demand.mapping)",
);

static HISTORY: Statement = Statement::of(
    "INSERT INTO demand_history
     (seq, demand, revision, read_no, mapping, outcome, status, digest, changed, seen_at) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
);

static RAW: Statement = Statement::of("INSERT INTO demand_raw (history, raw) VALUES", "(?, ?)", "");

static PERSON: Statement = Statement::of(
    "INSERT INTO demand_person (token, demand) VALUES",
    "(?, ?)",
    "ON CONFLICT (token, demand) DO NOTHING",
);

// The newest sight of a thing describes it; an older one is counted.
static QUARANTINE: LazyLock<Statement> = LazyLock::new(|| {
    let mut updates = String::new();
    for name in [
        "revision",
        "read_no",
        "mapping",
        "reason",
        "detail",
        "place",
        "message",
        "raw",
        "event",
        "resolved_at",
    ] {
        let _ = write!(
            updates,
            "{name} = CASE
             WHEN (excluded.revision, excluded.read_no, excluded.mapping)
                > (quarantine.revision, quarantine.read_no, quarantine.mapping)
             THEN excluded.{name} ELSE quarantine.{name} END, "
        );
    }
    for (name, choose) in [("first_seen_at", "min"), ("last_seen_at", "max")] {
        let (old, new) = (format!("quarantine.{name}"), format!("excluded.{name}"));
        let _ = write!(updates, "{name} = coalesce({choose}({old}, {new}), {old}, {new}), ");
    }
    Statement {
        head: "INSERT INTO quarantine (id, channel, source_key, revision, read_no, mapping, reason,
               detail, place, message, raw, event, first_seen_at, last_seen_at, times_seen,
               resolved_at) VALUES"
            .into(),
        row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)".into(),
        tail: format!(
            "ON CONFLICT (id) DO UPDATE SET {updates}
             times_seen = quarantine.times_seen + excluded.times_seen"
        )
        .into(),
    }
});

static RESOLVE: Statement = Statement::of(
    "WITH v (id, revision, read_no, mapping, seen_at) AS (VALUES",
    "(?, ?, ?, ?, ?)",
    ") UPDATE quarantine SET resolved_at = v.seen_at FROM v
       WHERE quarantine.id = v.id AND quarantine.resolved_at IS NULL
       AND (v.revision, v.read_no, v.mapping)
         > (quarantine.revision, quarantine.read_no, quarantine.mapping)",
);

static RECEIPT: Statement = Statement::of(
    "INSERT INTO receipt (channel, read_no, part, events, hash, stored, unchanged, stale,
     quarantined, deliveries) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
    "",
);
