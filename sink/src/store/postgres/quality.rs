//! Doubts counted in the PostgreSQL store.

use contract::Fault;
use sqlx::query;

use super::Postgres;
use crate::store::demands::quality::{self, QualityCount, UnknownLabel};

const COUNTS: &str = "
    WITH d AS (SELECT seq, channel, quality FROM demand ORDER BY seq DESC LIMIT $1)
    SELECT d.channel, q.value ->> 'field' AS field, q.value ->> 'flag' AS flag,
           count(DISTINCT d.seq) AS demands,
           (SELECT count(*) FROM d a WHERE a.channel = d.channel) AS of_all
    FROM d CROSS JOIN LATERAL jsonb_array_elements(d.quality) AS q (value)
    GROUP BY d.channel, field, flag ORDER BY d.channel, demands DESC, field, flag";

impl Postgres {
    /// Doubts per channel and field, of the `newest` demands.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn quality(&self, newest: i64) -> Result<Vec<QualityCount>, Fault> {
        self.within("count doubts", async {
            let rows = query(COUNTS).bind(newest).fetch_all(&self.readers().await?).await?;
            Ok(rows.iter().map(quality::counted).collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Labels that no code table has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn unknown_labels(&self) -> Result<Vec<UnknownLabel>, Fault> {
        self.within("list unknown labels", async {
            let rows = query(quality::UNKNOWN).fetch_all(&self.readers().await?).await?;
            Ok(rows.iter().map(quality::unknown).collect::<Result<_, _>>()?)
        })
        .await
    }
}
