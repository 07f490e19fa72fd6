//! The PostgreSQL store: the same tables as the embedded one, for any number of processes.
//!
//! Demands are locked before they are judged, so two sinks with the same demands wait for each other row by
//! row; if both add the same demand, the later one judges again. There is no single writer that holds a
//! lock: a second sink should share the work, not wait.

mod fault;
mod link;
mod months;
mod setup;
mod sql;
#[cfg(test)]
pub(super) mod tests;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use contract::Fault;
use sqlx::{PgPool, PgTransaction};
use tokio::time::{Instant, timeout_at};

use super::{Access, database::transaction::Failure};
use fault::{fault, is_lost};
use link::{Hosts, Link};
use months::Months;

pub(super) use fault::{is_missing_month, is_race, is_refusal, message};
pub(super) use sql::{bind, fetch, write_rows};

/// Time limit of a whole transaction. The limit of the server is for each statement only, and if the
/// network fails, the server does not answer at all.
const WORK_TIMEOUT: Duration = Duration::from_secs(120);

/// Key of the advisory lock for work that only one process does at a time; the number is arbitrary.
pub(super) const EXCLUSIVE_LOCK: i64 = 0x746f_6e67_6875_6900;

/// A handle on one database; clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    link: Arc<Link>,
    months: Arc<Months>,
}

impl Postgres {
    /// Opens the database that `url` names: `postgres://user:password@host:port/name`, several
    /// `host:port` with commas. Opening it for writing brings its tables up to date.
    ///
    /// # Errors
    /// `Stopped` where the URL is wrong, the server refuses user or password, a permission is missing, the
    /// database is not UTF-8, the server is too old, or the tables are of a newer version; `Transient`
    /// where no host that accepts writes answers.
    pub async fn open(url: &str, access: Access) -> Result<Self, Fault> {
        let link = Arc::new(Link::new(Hosts::parse(url)?, access));
        setup::bring_up_to_date(&link, access).await?;
        let store = Self { link, months: Arc::new(Months::default()) };
        if access == Access::ReadWrite {
            store.make_this_month().await?;
        }
        Ok(store)
    }

    /// Another handle with its own connections: its writes do not wait for those of this one.
    #[must_use]
    pub fn apart(&self) -> Self {
        let link = Arc::new(self.link.apart());
        Self { link, months: Arc::clone(&self.months) }
    }

    /// Waits for running work and closes all connections.
    pub async fn close(&self) {
        self.link.close().await;
    }

    pub(super) fn place(&self) -> &str {
        self.link.place()
    }

    /// The time by which work that begins now must be done.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + WORK_TIMEOUT
    }

    /// Connections for reading.
    pub(super) async fn readers(&self) -> Result<PgPool, Fault> {
        Ok(self.link.pools().await?.readers)
    }

    /// Does some work before the deadline, and makes its error a fault.
    pub(super) async fn until<T>(
        &self,
        deadline: Instant,
        doing: &str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Fault> {
        self.in_time(deadline, doing, work).await.map_err(|failure| self.fault(doing, failure))
    }

    /// Does some work before the deadline.
    pub(super) async fn in_time<T, E: Into<Failure>>(
        &self,
        deadline: Instant,
        doing: &str,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, Failure> {
        match timeout_at(deadline, Box::pin(work)).await {
            Ok(done) => done.map_err(Into::into),
            Err(_) => {
                self.link.forget();
                let what = format!("cannot {doing} within {} s", WORK_TIMEOUT.as_secs());
                let fault = Fault::transient(what).at(self.place());
                Err(fault.remedy("find out what keeps the database busy").into())
            }
        }
    }

    /// The fault of a failure. If the connection is lost, the next work looks for a host again.
    pub(super) fn fault(&self, doing: &str, failure: Failure) -> Fault {
        match failure {
            Failure::Fault(fault) => fault,
            Failure::Database(error) => {
                if is_lost(&error) {
                    self.link.forget();
                }
                fault(self.place(), doing, &error)
            }
        }
    }

    pub(super) async fn begin(&self) -> Result<PgTransaction<'static>, Failure> {
        if self.link.access == Access::ReadOnly {
            let fault = Fault::stopped("the store is open for reading only").at(self.link.place());
            return Err(Failure::Fault(fault));
        }
        Ok(self.link.pools().await?.writer.begin().await?)
    }

    /// Begins a transaction that only one process has at a time.
    async fn begin_alone(&self) -> Result<PgTransaction<'static>, Failure> {
        let mut tx = self.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(EXCLUSIVE_LOCK)
            .execute(&mut *tx)
            .await?;
        Ok(tx)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.link.place())
    }
}
