//! The PostgreSQL store: the same tables as the SQLite store, for any number of processes.
//!
//! A sink locks the rows of demands before it judges them, so two sinks that have the same demands wait for each
//! other. If both add the same demand, the later one judges again. Sinks lock no whole table, so several sinks
//! can work at the same time.

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

use super::{Access, damage::Damage, database::transaction::Failure, demands::claims::ClaimWait};
use crate::bus::BusKey;
use fault::{fault, is_damage, is_lost};
use link::{Hosts, Link};
use months::Months;

pub(super) use fault::{is_month_missing, is_race, is_refusal, message};
pub(super) use sql::{bind, fetch, write_rows};

/// Time limit for a query or a whole transaction. The limits of the server do not cover a whole transaction, or
/// a failure of the network.
const WORK_TIMEOUT: Duration = Duration::from_secs(120);

/// Key of the advisory lock of exclusive transactions, an arbitrary number.
pub(super) const EXCLUSIVE_LOCK: i64 = 0x746f_6e67_6875_6900;

/// A handle to one database. Clones share its connections.
#[derive(Clone)]
pub struct Postgres {
    link: Arc<Link>,
    months: Arc<Months>,
    pub(super) damage: Damage,
    pub(super) claim_wait: ClaimWait,
    pub(super) audit_key: Option<BusKey>,
}

impl Postgres {
    /// Opens the database that `url` names: `postgres://user:password@host:port/name`, with commas between
    /// several `host:port`. Opening it for writing brings its tables up to date.
    ///
    /// # Errors
    /// `Stopped` if the URL is wrong, the server refuses user or password, a permission is missing, the
    /// database is not UTF-8, the server is too old, or the tables are of a newer version; `Transient` if
    /// no host that accepts writes answers.
    pub async fn open(url: &str, access: Access) -> Result<Self, Fault> {
        let link = Arc::new(Link::new(Hosts::parse(url)?, access));
        setup::bring_up_to_date(&link, access).await?;
        let (months, damage) = (Arc::new(Months::default()), Damage::default());
        let store =
            Self { link, months, damage, claim_wait: ClaimWait::default(), audit_key: None };
        if access == Access::ReadWrite {
            store.create_current_months().await?;
        }
        Ok(store)
    }

    /// Another handle with its own connections: its writes do not wait for those of this one.
    #[must_use]
    pub fn separate_handle(&self) -> Self {
        let link = Arc::new(self.link.with_new_connections());
        let (months, damage) = (Arc::clone(&self.months), self.damage.clone());
        let (claim_wait, audit_key) = (self.claim_wait.clone(), self.audit_key.clone());
        Self { link, months, damage, claim_wait, audit_key }
    }

    /// Waits until running queries have ended, and closes all connections.
    pub async fn close(&self) {
        self.link.close().await;
    }

    pub(super) fn place(&self) -> &str {
        self.link.place()
    }

    /// The deadline of work that begins now.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + WORK_TIMEOUT
    }

    /// Connections for reading.
    pub(super) async fn readers(&self) -> Result<PgPool, Fault> {
        Ok(self.link.pools().await?.readers)
    }

    /// Runs work until `deadline` at most. `action` says what it does: the message of a fault is "cannot" and the
    /// action.
    pub(super) async fn run<T>(
        &self,
        deadline: Instant,
        action: &str,
        work: impl Future<Output = Result<T, Failure>> + Send,
    ) -> Result<T, Fault> {
        self.try_run(deadline, action, work).await.map_err(|failure| self.fault(action, failure))
    }

    /// Like [`Postgres::run`], for callers that inspect the error.
    pub(super) async fn try_run<T, E: Into<Failure>>(
        &self,
        deadline: Instant,
        action: &str,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, Failure> {
        match timeout_at(deadline, Box::pin(work)).await {
            Ok(done) => done.map_err(Into::into),
            Err(_) => {
                self.link.drop_pools();
                let what = format!("cannot {action} within {} s", WORK_TIMEOUT.as_secs());
                let fault = Fault::transient(what).at(self.place());
                Err(fault.remedy("find out what keeps the database busy").into())
            }
        }
    }

    /// Turns a failure into a fault. If the connection is lost, the next query looks for a host again.
    pub(super) fn fault(&self, action: &str, failure: Failure) -> Fault {
        match failure {
            Failure::Fault(fault) => fault,
            Failure::Database(error) => {
                if is_lost(&error) {
                    self.link.drop_pools();
                }
                let fault = fault(self.place(), action, &error);
                if is_damage(&error) {
                    self.damage.report(&fault);
                }
                fault
            }
        }
    }

    pub(super) async fn begin(&self) -> Result<PgTransaction<'static>, Failure> {
        if let Some(damage) = self.damage.fault() {
            return Err(Failure::Fault(damage));
        }
        if self.link.access == Access::ReadOnly {
            let fault = Fault::stopped("the store is open for reading only").at(self.link.place());
            return Err(Failure::Fault(fault));
        }
        Ok(self.link.pools().await?.writer.begin().await?)
    }

    /// Begins a transaction that runs alone among those that begin with this function, also in other
    /// processes. It waits for the others.
    async fn begin_exclusive(&self) -> Result<PgTransaction<'static>, Failure> {
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
