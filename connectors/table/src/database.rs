//! The source's database, within the limits that the source sets.
//!
//! Every statement passes the gate, has a time limit, and comes back with a fault that names the
//! table and the remedy. The server has the same limit: a query that is only dropped here would go
//! on there and block the connection.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use contract::{ConnectorContext, Fault, Gate};

use crate::{
    driver::{Address, Pool, Trouble},
    fault::{Doing, fault},
    plan::Target,
    row::Row,
    sql::{Dialect, Select, Sql},
};

/// How much longer we wait than the server: its own answer says more.
const GRACE: Duration = Duration::from_secs(1);

/// An address, and connections once there is a runtime to make them in.
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
    /// Touches no network.
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
        now.map(|now| now.and_utc()).ok_or_else(|| {
            Fault::stopped("the clock of the database shows no time").at(self.address.place())
        })
    }

    pub(crate) async fn select(&mut self, select: &Select<'_>) -> Result<Vec<Row>, Fault> {
        self.fetch(Sql::select(self.dialect(), select), select.target).await
    }

    /// The number of rows that were changed; `Err(None)` where a constraint or a trigger refused
    /// one of them.
    pub(crate) async fn execute(
        &mut self,
        sql: Sql,
        target: &Target,
    ) -> Result<u64, Option<Fault>> {
        let _permit = self.gate.enter().await.map_err(Some)?;
        let limit = self.timeout + GRACE;
        match tokio::time::timeout(limit, self.pool().execute(sql)).await {
            Ok(Ok(n_rows)) => Ok(n_rows),
            Ok(Err(error)) => match self.trouble(error).await {
                Trouble::Value => Err(None),
                trouble => Err(Some(self.fault(trouble, Doing::Acknowledge, target))),
            },
            Err(_) => Err(Some(self.fault(Trouble::Late, Doing::Acknowledge, target))),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.address.dialect()
    }

    async fn fetch(&mut self, sql: Sql, target: &Target) -> Result<Vec<Row>, Fault> {
        let _permit = self.gate.enter().await?;
        let limit = self.timeout + GRACE;
        match tokio::time::timeout(limit, self.pool().fetch(sql)).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(error)) => {
                let trouble = self.trouble(error).await;
                Err(self.fault(trouble, Doing::Read, target))
            }
            Err(_) => Err(self.fault(Trouble::Late, Doing::Read, target)),
        }
    }

    fn pool(&mut self) -> &Pool {
        let Self { address, pool, timeout, connections, zone, .. } = self;
        pool.get_or_insert_with(|| address.open(*timeout, *connections, *zone))
    }

    async fn trouble(&mut self, error: sqlx::Error) -> Trouble {
        let asked = tokio::time::timeout(GRACE, self.pool().refusal());
        match error {
            sqlx::Error::PoolTimedOut => {
                let refusal = asked.await.ok().flatten();
                Trouble::of(&refusal.unwrap_or(sqlx::Error::PoolTimedOut))
            }
            error => Trouble::of(&error),
        }
    }

    fn fault(&mut self, trouble: Trouble, doing: Doing, target: &Target) -> Fault {
        if trouble == Trouble::Stale {
            // Statements that a connection has prepared live as long as it does.
            self.pool = None;
        }
        fault(trouble, doing, self.address.place(), target, self.timeout)
    }
}
