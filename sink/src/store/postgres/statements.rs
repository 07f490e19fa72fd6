//! The statements that write a plan. Each takes its columns as arrays.

use std::sync::LazyLock;

use crate::store::demands::{
    columns::{COLUMNS, Get},
    quarantine::on_conflict,
};

/// New demands: $1 to $6 are the store's own columns, then come those of the list.
pub(super) static INSERT: LazyLock<String> = LazyLock::new(|| {
    let names = demand_columns(|name, _| name.to_owned());
    let values = demand_columns(|name, get| format!("v.{name}{}", cast(get)));
    format!("INSERT INTO demand ({names}) SELECT {values} FROM {}", demand_arrays())
});

/// Changed demands, from the same arrays. The key of a row never changes.
pub(super) static UPDATE: LazyLock<String> = LazyLock::new(|| {
    let updates: Vec<_> = COLUMNS
        .iter()
        .filter(|column| !matches!(column.name, "id" | "channel" | "source_key"))
        .map(|column| format!(", {0} = v.{0}{1}", column.name, cast(&column.get)))
        .collect();
    format!(
        "UPDATE demand d SET revision = v.revision, read_no = v.read_no, mapping = v.mapping,
         last_seen_at = v.last_seen_at{} FROM {}
         WHERE d.seq = v.seq
         AND (v.revision, v.read_no, v.mapping) > (d.revision, d.read_no, d.mapping)",
        updates.concat(),
        demand_arrays(),
    )
});

pub(super) const MOVE: &str = "
    UPDATE demand d SET revision = v.revision, read_no = v.read_no, mapping = v.mapping,
    last_seen_at = v.last_seen_at
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
         AS v (seq, revision, read_no, mapping, last_seen_at)
    WHERE d.seq = v.seq
    AND (v.revision, v.read_no, v.mapping) > (d.revision, d.read_no, d.mapping)";

pub(super) const HISTORY: &str = "
    INSERT INTO demand_history
    (seq, demand, revision, read_no, mapping, outcome, status, digest, changed, seen_at, tokens)
    SELECT v.seq, v.demand, v.revision, v.read_no, v.mapping, v.outcome, v.status, v.digest,
           v.changed::jsonb, v.seen_at, v.tokens::jsonb
    FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[],
                $7::text[], $8::bytea[], $9::text[], $10::timestamptz[], $11::text[])
         AS v (seq, demand, revision, read_no, mapping, outcome, status, digest, changed, seen_at,
               tokens)";

pub(super) const RAW: &str = "
    INSERT INTO demand_raw (history, seen_at, raw)
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bytea[])";

pub(super) static QUARANTINE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO quarantine (id, channel, source_key, revision, read_no, mapping, reason, detail,
         place, message, raw, event, first_seen_at, last_seen_at, times_seen, resolved_at)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[],
             $6::bigint[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[],
             $12::text[], $13::timestamptz[], $14::timestamptz[], $15::bigint[],
             $16::timestamptz[]) {}",
        on_conflict(
            "least(quarantine.first_seen_at, excluded.first_seen_at)",
            "greatest(quarantine.last_seen_at, excluded.last_seen_at)"
        )
    )
});

pub(super) const RESOLVE: &str = "
    UPDATE quarantine q SET resolved_at = v.seen_at
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
         AS v (id, revision, read_no, mapping, seen_at)
    WHERE q.id = v.id AND q.resolved_at IS NULL
    AND (v.revision, v.read_no, v.mapping) > (q.revision, q.read_no, q.mapping)";

pub(super) const RECEIPT: &str = "
    INSERT INTO receipt (channel, read_no, part, events, hash, stored, unchanged, stale,
                         quarantined, deliveries)
    SELECT *, 1 FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[],
                            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])";

pub(super) const REDELIVERED: &str = "
    UPDATE receipt r SET deliveries = r.deliveries + v.times
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[])
         AS v (channel, read_no, part, times)
    WHERE r.channel = v.channel AND r.read_no = v.read_no AND r.part = v.part";

/// The store's own columns of a demand, in the order in which they are bound.
const OWN: &[(&str, &str)] = &[
    ("seq", "bigint"),
    ("revision", "bigint"),
    ("read_no", "bigint"),
    ("mapping", "bigint"),
    ("first_seen_at", "timestamptz"),
    ("last_seen_at", "timestamptz"),
];

fn demand_columns(show: impl Fn(&str, &Get) -> String) -> String {
    let own = OWN.iter().map(|(name, _)| show(name, &Get::Int(|_| None)));
    let listed = COLUMNS.iter().map(|column| show(column.name, &column.get));
    own.chain(listed).collect::<Vec<_>>().join(", ")
}

fn demand_arrays() -> String {
    let types = OWN.iter().map(|(_, name)| *name).chain(COLUMNS.iter().map(|c| kind(&c.get)));
    let arrays: Vec<_> =
        types.zip(1..).map(|(name, index): (_, u32)| format!("${index}::{name}[]")).collect();
    let names = demand_columns(|name, _| name.to_owned());
    format!("unnest({}) AS v ({names})", arrays.join(", "))
}

fn kind(get: &Get) -> &'static str {
    match get {
        Get::Id(_) => "uuid",
        Get::Text(_) | Get::Json(_) => "text",
        Get::Int(_) => "bigint",
        Get::Bool(_) => "boolean",
        Get::Time(_) => "timestamptz",
        Get::Bytes(_) => "bytea",
    }
}

/// JSON travels as text: an array of it could not be borrowed.
fn cast(get: &Get) -> &'static str {
    if matches!(get, Get::Json(_)) { "::jsonb" } else { "" }
}
