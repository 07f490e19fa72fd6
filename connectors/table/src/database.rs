//! The source's database, within the limits of the source.
//!
//! Every statement passes the gate, has a time limit, and fails with a fault that names the table
//! and the remedy. The server has the same limit: a query that is only dropped here would go on
//! there and block the connection.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use contract::{ConnectorContext, Fault, Gate};

use crate::{
    driver::{Address, Pool, Trouble},
    fault::{Operation, fault},
    plan::Target,
    sql::{Dialect, Select, Sql},
    value::Row,
};

/// How much longer we wait than the server: its own message says more.
const GRACE: Duration = Duration::from_secs(1);

/// An address, and connections after the first use.
#[derive(Debug)]
pub(crate) struct Database {
    address: Address,
    pool: Option<Pool>,
    gate: Arc<dyn Gate>,
    timeout: Duration,
    connections: u32,
    zone: Tz,
}

impl Database {
    /// Uses no network.
    pub(crate) fn new(
        url: &str,
        timeout: Duration,
        context: &ConnectorContext,
    ) -> Result<Self, Fault> {
        let ConnectorContext { zone, budget, gate, .. } = context;
        if timeout.is_zero() {
            return Err(Fault::stopped("`timeout` is zero").remedy("write it like 30s"));
        }
        Ok(Self {
            address: Address::parse(url)?,
            pool: None,
            gate: Arc::clone(gate),
            timeout,
            connections: budget.concurrent.max(1),
            zone: *zone,
        })
    }

    /// The source's own clock.
    pub(crate) async fn now(&mut self, target: &Target) -> Result<DateTime<Utc>, Fault> {
        let dialect = self.address.dialect();
        let rows = self.fetch(Sql::now(dialect), target).await?;
        let text = rows.first().and_then(|row| row.columns.first()).map(|(_, now)| now.to_text());
        let now = text.and_then(|now| now.parse::<NaiveDateTime>().ok());
        now.map(|now| now.and_utc())
            .ok_or_else(|| Fault::stopped("the database gives no time").at(self.address.place()))
    }

    pub(crate) async fn select(&mut self, select: &Select<'_>) -> Result<Vec<Row>, Fault> {
        self.fetch(Sql::select(self.dialect(), select), select.target).await
    }

    /// Whether all rows were changed; `false` where a constraint or a trigger refused one of them.
    pub(crate) async fn execute(&mut self, sql: Sql, target: &Target) -> Result<bool, Fault> {
        let pool = self.pool().clone();
        match self.within_limits(pool.execute(sql)).await? {
            Ok(()) => Ok(true),
            Err(Trouble::Value) => Ok(false),
            Err(trouble) => Err(self.fault(trouble, Operation::Acknowledge, target)),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.address.dialect()
    }

    async fn fetch(&mut self, sql: Sql, target: &Target) -> Result<Vec<Row>, Fault> {
        let pool = self.pool().clone();
        let fetched = self.within_limits(pool.fetch(sql)).await?;
        fetched.map_err(|trouble| self.fault(trouble, Operation::Read, target))
    }

    async fn within_limits<T>(
        &mut self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<Result<T, Trouble>, Fault> {
        let _permit = self.gate.enter().await?;
        Ok(match tokio::time::timeout(self.timeout + GRACE, statement).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(self.trouble(error).await),
            Err(_) => Err(Trouble::Late),
        })
    }

    fn pool(&mut self) -> &Pool {
        let Self { address, pool, timeout, connections, zone, .. } = self;
        pool.get_or_insert_with(|| address.open(*timeout, *connections, *zone))
    }

    async fn trouble(&mut self, error: sqlx::Error) -> Trouble {
        if !matches!(error, sqlx::Error::PoolTimedOut) {
            return Trouble::of(&error);
        }
        let refusal = tokio::time::timeout(GRACE, self.pool().refusal()).await.ok().flatten();
        Trouble::of(&refusal.unwrap_or(error))
    }

    fn fault(&mut self, trouble: Trouble, operation: Operation, target: &Target) -> Fault {
        if trouble == Trouble::Stale {
            // Prepared statements live as long as their connection.
            self.pool = None;
        }
        fault(trouble, operation, self.address.place(), target, self.timeout)
    }
}
