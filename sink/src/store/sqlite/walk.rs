//! Pages of the SQLite store.

use contract::{Fault, Timestamp};
use sqlx::{AssertSqlSafe, query};

use super::{Sqlite, iso};
use crate::store::{DemandRow, demands::walk};

impl Sqlite {
    /// Demands seen since a moment, behind the row `after`, with the names of their rows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn demands(
        &self,
        after: i64,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(i64, DemandRow)>, Fault> {
        let page = query(AssertSqlSafe(walk::DEMANDS.as_str()));
        let page = page.bind(after).bind(iso(since)).bind(i64::from(limit));
        let rows = page.fetch_all(&self.readers).await;
        rows.and_then(|rows| rows.iter().map(walk::numbered).collect())
            .map_err(|error| self.fault("read demands", error))
    }
}
