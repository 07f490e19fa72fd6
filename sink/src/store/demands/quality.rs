//! What is doubtful in a store, counted; and the labels that no code table has.

use contract::{ChannelId, Fault};
use serde::Serialize;

use crate::store::{
    Database,
    database::{row::Columns, shared_sql::InDialects},
};

/// How many demands of a channel carry a doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityCount {
    /// The channel.
    pub channel: ChannelId,
    /// The field.
    pub field: String,
    /// The doubt.
    pub flag: String,
    /// Demands that carry it.
    pub demands: u64,
    /// Demands of the channel that were looked at.
    pub of: u64,
}

/// A label that means nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownLabel {
    /// The channel.
    pub channel: ChannelId,
    /// The field of the demand.
    pub field: String,
    /// The label, as the source writes it.
    pub raw: String,
    /// Demands that have it.
    pub demands: u64,
    /// Key of one of them.
    pub sample: String,
}

impl Database {
    /// Doubts per channel and field, of the `newest` demands.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn quality(&self, newest: i64) -> Result<Vec<QualityCount>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(QualityCount {
                channel: row.channel()?,
                field: row.some_text("field")?,
                flag: row.some_text("flag")?,
                demands: row.count("demands")?,
                of: row.count("of_all")?,
            })
        };
        self.query("count doubts", &COUNTS, &[newest.into()], read).await
    }

    /// Labels that no code table has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn unknown_labels(&self) -> Result<Vec<UnknownLabel>, Fault> {
        let read = |row: &dyn Columns| {
            Ok(UnknownLabel {
                channel: row.channel()?,
                field: row.some_text("field")?,
                raw: row.some_text("raw")?,
                demands: row.count("demands")?,
                sample: row.some_text("sample")?,
            })
        };
        self.query("list unknown labels", UNKNOWN, &[], read).await
    }
}

/// Doubts of the $1 newest demands.
static COUNTS: InDialects = InDialects::new(|dialect| {
    format!(
        "WITH d AS (SELECT seq, channel, quality FROM demand ORDER BY seq DESC LIMIT $1)
         SELECT d.channel, q.value ->> 'field' AS field, q.value ->> 'flag' AS flag,
                count(DISTINCT d.seq) AS demands,
                (SELECT count(*) FROM d a WHERE a.channel = d.channel) AS of_all
         FROM d CROSS JOIN {each}(d.quality) q
         GROUP BY d.channel, field, flag ORDER BY d.channel, demands DESC, field, flag",
        each = dialect.each
    )
});

/// Labels of every field that keeps them, the most frequent first.
const UNKNOWN: &str = "
    SELECT channel, field, raw, count(*) AS demands, min(source_key) AS sample FROM (
        SELECT channel, source_key, 'kind' AS field, kind_raw AS raw FROM demand
        WHERE kind IS NULL AND kind_raw IS NOT NULL
      UNION ALL SELECT channel, source_key, 'status', status_raw FROM demand
        WHERE status IS NULL AND status_raw IS NOT NULL
      UNION ALL SELECT channel, source_key, 'category', category_raw FROM demand
        WHERE category IS NULL AND category_raw IS NOT NULL
      UNION ALL SELECT channel, source_key, 'org', org_raw FROM demand
        WHERE org IS NULL AND org_raw IS NOT NULL
      UNION ALL SELECT channel, source_key, 'region', region_raw FROM demand
        WHERE region IS NULL AND region_raw IS NOT NULL
    ) unknown GROUP BY channel, field, raw ORDER BY demands DESC, channel, field, raw";
