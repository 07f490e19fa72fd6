//! What is doubtful in a store, counted; and the labels that no code table has.

use contract::ChannelId;
use serde::Serialize;
use sqlx::Error;

use crate::store::database::row::{Columns, channel, count};

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

/// Labels of every field that keeps them, the most frequent first.
pub(crate) const UNKNOWN: &str = "
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

pub(crate) fn unknown(row: &impl Columns) -> Result<UnknownLabel, Error> {
    let text = |name: &str| Ok::<_, Error>(row.text(name)?.unwrap_or_default());
    Ok(UnknownLabel {
        channel: channel(row)?,
        field: text("field")?,
        raw: text("raw")?,
        demands: count(row.int("demands")?.unwrap_or(0)),
        sample: text("sample")?,
    })
}

pub(crate) fn counted(row: &impl Columns) -> Result<QualityCount, Error> {
    let text = |name: &str| Ok::<_, Error>(row.text(name)?.unwrap_or_default());
    Ok(QualityCount {
        channel: channel(row)?,
        field: text("field")?,
        flag: text("flag")?,
        demands: count(row.int("demands")?.unwrap_or(0)),
        of: count(row.int("of_all")?.unwrap_or(0)),
    })
}
