//! Doubts counted in the SQLite store.

use contract::Fault;
use sqlx::query;

use super::Sqlite;
use crate::store::demands::quality::{self, QualityCount, UnknownLabel};

const COUNTS: &str = "
    WITH d AS (SELECT seq, channel, quality FROM demand ORDER BY seq DESC LIMIT $1)
    SELECT d.channel, json_extract(q.value, '$.field') AS field,
           json_extract(q.value, '$.flag') AS flag, count(DISTINCT d.seq) AS demands,
           (SELECT count(*) FROM d a WHERE a.channel = d.channel) AS of_all
    FROM d, json_each(d.quality) q
    GROUP BY d.channel, field, flag ORDER BY d.channel, demands DESC, field, flag";

impl Sqlite {
    /// Doubts per channel and field, of the `newest` demands.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn quality(&self, newest: i64) -> Result<Vec<QualityCount>, Fault> {
        let rows = query(COUNTS).bind(newest).fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(quality::counted).collect())
            .map_err(|error| self.fault("count doubts", error))
    }

    /// Labels that no code table has.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn unknown_labels(&self) -> Result<Vec<UnknownLabel>, Fault> {
        let rows = query(quality::UNKNOWN).fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(quality::unknown).collect())
            .map_err(|error| self.fault("list unknown labels", error))
    }
}
