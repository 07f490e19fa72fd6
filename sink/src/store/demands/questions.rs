//! What people ask of a store, in SQL that SQLite and PostgreSQL read alike.
//!
//! Parameters are `$1`, sums are cast (PostgreSQL adds integers up to a decimal), nulls are placed,
//! and truth values are not added.

use std::{collections::BTreeMap, sync::LazyLock};

use sqlx::Error;

use crate::store::{
    BooksRow,
    database::row::{Columns, channel, count},
    demands::columns::COLUMNS,
};

/// The demand with id $1.
pub(crate) static DEMAND: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
    format!(
        "SELECT revision, read_no, mapping, first_seen_at, last_seen_at, {}, (
             SELECT raw FROM demand_raw WHERE history = (
                 SELECT max(h.seq) FROM demand_history h
                 WHERE h.demand = demand.seq AND h.outcome = 'stored')
         ) AS raw FROM demand WHERE id = $1",
        names.join(", "),
    )
});

/// All states of the demand with id $1.
pub(crate) const HISTORY: &str =
    "SELECT h.* FROM demand d JOIN demand_history h ON h.demand = d.seq
     WHERE d.id = $1 ORDER BY h.seq";

/// The bytes behind row $1 of history.
pub(crate) const RAW: &str = "SELECT raw FROM demand_raw WHERE history = $1";

/// What waits in quarantine of channel $1 or of all, $2 at most.
pub(crate) const QUARANTINE_LIST: &str = "SELECT * FROM quarantine
     WHERE resolved_at IS NULL AND (CAST($1 AS text) IS NULL OR channel = $1)
     ORDER BY last_seen_at DESC NULLS LAST, seq DESC LIMIT $2";

/// What is in quarantine under id $1.
pub(crate) const QUARANTINE_SHOW: &str = "SELECT * FROM quarantine WHERE id = $1";

/// Where each channel stands.
pub(crate) const STATUS: &str = "SELECT c.channel, c.step, c.read_at,
            CASE WHEN c.read_at IS NULL OR c.fault_at > c.read_at THEN c.fault END AS fault,
            (SELECT count(*) FROM demand d WHERE d.channel = c.channel) AS demands,
            (SELECT count(*) FROM quarantine q
             WHERE q.channel = c.channel AND q.resolved_at IS NULL) AS quarantined
     FROM checkpoint c ORDER BY c.channel";

/// The books of channel $1 or of all: of the reads since $2, of the folded days since $3. One
/// statement, so that all of it is about the same moment.
pub(crate) const BOOKS: &str = "
    SELECT channel,
           CAST(sum(read) AS bigint) AS read, CAST(sum(accepted) AS bigint) AS accepted,
           CAST(sum(skipped) AS bigint) AS skipped, CAST(sum(rejected) AS bigint) AS rejected,
           CAST(sum(published) AS bigint) AS published, CAST(sum(in_flight) AS bigint) AS in_flight,
           CAST(sum(stored) AS bigint) AS stored, CAST(sum(unchanged) AS bigint) AS unchanged,
           CAST(sum(stale) AS bigint) AS stale, CAST(sum(quarantined) AS bigint) AS quarantined,
           CAST(sum(redelivered) AS bigint) AS redelivered, CAST(sum(orphans) AS bigint) AS orphans,
           CAST(sum(unequal) AS bigint) AS unequal
    FROM (
        SELECT channel, read, accepted, skipped, rejected, 0 AS published, 0 AS in_flight,
               0 AS stored, 0 AS unchanged, 0 AS stale, 0 AS quarantined, 0 AS redelivered,
               0 AS orphans, 0 AS unequal
        FROM read WHERE (CAST($1 AS text) IS NULL OR channel = $1)
        AND ($2 IS NULL OR read_at >= $2)
      UNION ALL
        SELECT r.channel, 0, 0, 0, 0, p.events,
               CASE WHEN q.part IS NULL THEN p.events ELSE 0 END,
               q.stored, q.unchanged, q.stale, q.quarantined, (q.deliveries - 1) * p.events, 0,
               CASE WHEN q.hash <> p.hash OR q.events <> p.events
                    OR q.stored + q.unchanged + q.stale + q.quarantined <> p.events
               THEN 1 ELSE 0 END
        FROM read r
        JOIN read_part p ON p.channel = r.channel AND p.read_no = r.read_no
        LEFT JOIN receipt q
        ON q.channel = p.channel AND q.read_no = p.read_no AND q.part = p.part
        WHERE (CAST($1 AS text) IS NULL OR r.channel = $1) AND ($2 IS NULL OR r.read_at >= $2)
      UNION ALL
        SELECT channel, read, accepted, skipped, rejected, published, 0, stored, unchanged, stale,
               quarantined, redelivered, 0, 0
        FROM books_day WHERE (CAST($1 AS text) IS NULL OR channel = $1)
        AND (CAST($3 AS text) IS NULL OR day >= $3)
      UNION ALL
        SELECT q.channel, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 FROM receipt q
        WHERE (CAST($1 AS text) IS NULL OR q.channel = $1) AND NOT EXISTS (
            SELECT 1 FROM read_part p
            WHERE p.channel = q.channel AND p.read_no = q.read_no AND p.part = q.part)
    ) entry GROUP BY channel";

/// The answer to [`BOOKS`], by channel.
pub(crate) fn books(rows: &[impl Columns]) -> Result<Vec<BooksRow>, Error> {
    let mut books = BTreeMap::new();
    for row in rows {
        let name = channel(row)?;
        // A sum of no rows is null, which is none.
        let sum = |column| row.int(column).map(|sum| count(sum.unwrap_or(0)));
        let entry = BooksRow {
            read: sum("read")?,
            accepted: sum("accepted")?,
            skipped: sum("skipped")?,
            rejected: sum("rejected")?,
            published: sum("published")?,
            stored: sum("stored")?,
            unchanged: sum("unchanged")?,
            stale: sum("stale")?,
            quarantined: sum("quarantined")?,
            in_flight: sum("in_flight")?,
            redelivered: sum("redelivered")?,
            orphans: sum("orphans")?,
            balanced: None,
            channel: name.clone(),
        };
        books.insert(name, entry.close(sum("unequal")?));
    }
    Ok(books.into_values().collect())
}
