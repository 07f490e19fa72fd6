//! The statements that write a plan, around the rows that are bound to them.
//!
//! `OR FAIL` where rows are only added: if one is rejected, the whole transaction is rolled back, so
//! SQLite need not keep a copy of each changed page to roll back the statement alone.

use std::{fmt::Write as _, sync::LazyLock};

use super::rows::Statement;
use crate::store::demands::{columns::COLUMNS, quarantine::on_conflict};

pub(super) static INSERT: LazyLock<Statement> = LazyLock::new(|| insert("INSERT OR FAIL", ""));

pub(super) static UPSERT: LazyLock<Statement> = LazyLock::new(|| {
    let mut updates = String::new();
    for column in COLUMNS {
        let name = column.name;
        // The key of a row never changes; to set it would still rewrite its indexes.
        if !matches!(name, "id" | "channel" | "source_key") {
            // Writing to a String cannot fail.
            let _ = write!(updates, ", {name} = excluded.{name}");
        }
    }
    insert(
        "INSERT",
        &format!(
            "ON CONFLICT (channel, source_key) DO UPDATE SET
             revision = excluded.revision, read_no = excluded.read_no, mapping = excluded.mapping,
             last_seen_at = excluded.last_seen_at{updates}
             WHERE (excluded.revision, excluded.read_no, excluded.mapping)
                 > (demand.revision, demand.read_no, demand.mapping)"
        ),
    )
});

fn insert(verb: &str, tail: &str) -> Statement {
    let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    Statement {
        head: format!(
            "{verb} INTO demand (seq, revision, read_no, mapping, first_seen_at, last_seen_at, {}) VALUES",
            names.join(", ")
        )
        .into(),
        row: format!("(?, ?, ?, ?, ?, ?{})", ", ?".repeat(COLUMNS.len())).into(),
        tail: tail.to_owned().into(),
    }
}

pub(super) static MOVE: Statement = Statement::of(
    "WITH v (seq, revision, read_no, mapping, last_seen_at) AS (VALUES",
    "(?, ?, ?, ?, ?)",
    ") UPDATE demand SET revision = v.revision, read_no = v.read_no, mapping = v.mapping,
       last_seen_at = v.last_seen_at
       FROM v WHERE demand.seq = v.seq
       AND (v.revision, v.read_no, v.mapping) > (demand.revision, demand.read_no, demand.mapping)",
);

pub(super) static HISTORY: Statement = Statement::of(
    "INSERT OR FAIL INTO demand_history
     (seq, demand, revision, read_no, mapping, outcome, status, digest, changed, seen_at, tokens)
     VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "",
);

pub(super) static RAW: Statement =
    Statement::of("INSERT OR FAIL INTO demand_raw (history, raw) VALUES", "(?, ?)", "");

pub(super) static QUARANTINE: LazyLock<Statement> = LazyLock::new(|| {
    let choose = |function: &str, name: &str| {
        let (old, new) = (format!("quarantine.{name}"), format!("excluded.{name}"));
        format!("coalesce({function}({old}, {new}), {old}, {new})")
    };
    let (first, last) = (choose("min", "first_seen_at"), choose("max", "last_seen_at"));
    Statement {
        head: "INSERT INTO quarantine (id, channel, source_key, revision, read_no, mapping, reason,
               detail, place, message, raw, event, first_seen_at, last_seen_at, times_seen,
               resolved_at) VALUES"
            .into(),
        row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)".into(),
        tail: on_conflict(&first, &last).into(),
    }
});

pub(super) static RESOLVE: Statement = Statement::of(
    "WITH v (id, revision, read_no, mapping, seen_at) AS (VALUES",
    "(?, ?, ?, ?, ?)",
    ") UPDATE quarantine SET resolved_at = v.seen_at FROM v
       WHERE quarantine.id = v.id AND quarantine.resolved_at IS NULL
       AND (v.revision, v.read_no, v.mapping)
         > (quarantine.revision, quarantine.read_no, quarantine.mapping)",
);

pub(super) static RECEIPT: Statement = Statement::of(
    "INSERT INTO receipt (channel, read_no, part, events, hash, stored, unchanged, stale,
     quarantined, deliveries) VALUES",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
    "",
);
