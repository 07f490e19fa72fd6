//! Pages of the PostgreSQL store.

use contract::{Fault, Timestamp};
use sqlx::{AssertSqlSafe, query};

use super::Postgres;
use crate::store::{DemandRow, demands::walk};

impl Postgres {
    /// Demands seen since a moment, behind the row `after`, with the names of their rows.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn demands(
        &self,
        after: i64,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<(i64, DemandRow)>, Fault> {
        self.within("read demands", async {
            let page = query(AssertSqlSafe(walk::DEMANDS.as_str()));
            let page = page.bind(after).bind(since).bind(i64::from(limit));
            let rows = page.fetch_all(&self.readers().await?).await?;
            Ok(rows.iter().map(walk::numbered).collect::<Result<_, _>>()?)
        })
        .await
    }
}
