//! The source's database, within the limits of the source.
//!
//! Every statement passes the gate and has a time limit. The server enforces the same time limit:
//! otherwise, a query that is abandoned here would continue on the server and block the connection.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use contract::{ConnectorContext, Fault, Gate};

use crate::{
    cursor::PendingAck,
    driver::{Address, DbError, Pool},
    fault::{Operation, database_fault},
    plan::TablePlan,
    sql::{Dialect, Select, Sql},
    value::Row,
};

/// Added to the server's time limit before we give up, because the server's own error says more.
const GRACE: Duration = Duration::from_secs(1);

/// Time limit for a connection that only shows why there is none.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// The address of a database, and its connections after the first use.
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
    /// Checks the settings without using the network.
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

    /// The time by the source's own clock.
    pub(crate) async fn now(&mut self, table: &TablePlan) -> Result<DateTime<Utc>, Fault> {
        let dialect = self.address.dialect();
        let rows = self.fetch(Sql::now(dialect), table).await?;
        let text = rows.first().and_then(|row| row.columns.first()).map(|(_, now)| now.to_text());
        let now = text.and_then(|now| now.parse::<NaiveDateTime>().ok());
        now.map(|now| now.and_utc())
            .ok_or_else(|| Fault::stopped("the database returned no time").at(self.address.place()))
    }

    /// Reads a page of rows.
    pub(crate) async fn select(&mut self, select: &Select<'_>) -> Result<Vec<Row>, Fault> {
        self.fetch(Sql::select(self.address.dialect(), select), select.table).await
    }

    /// Sets the flags of these rows. Returns `false` if a constraint or a trigger refused one of them.
    pub(crate) async fn acknowledge(
        &mut self,
        table: &TablePlan,
        acks: &[PendingAck],
    ) -> Result<bool, Fault> {
        let sql = Sql::acknowledge(self.address.dialect(), table, acks);
        let pool = self.pool().clone();
        match self.run_limited(pool.execute(sql)).await? {
            Ok(()) => Ok(true),
            Err(DbError::RowRefused) => Ok(false),
            Err(error) => Err(self.fault(error, Operation::Acknowledge, table)),
        }
    }

    async fn fetch(&mut self, sql: Sql, table: &TablePlan) -> Result<Vec<Row>, Fault> {
        self.query(sql, table, Operation::Read).await
    }

    /// Runs a query that asks about `operation`.
    pub(crate) async fn query(
        &mut self,
        sql: Sql,
        table: &TablePlan,
        operation: Operation,
    ) -> Result<Vec<Row>, Fault> {
        let pool = self.pool().clone();
        let fetched = self.run_limited(pool.fetch(sql)).await?;
        fetched.map_err(|error| self.fault(error, operation, table))
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.address.dialect()
    }

    /// Runs a statement within the limits. The outer error is a fault of the gate, the inner one an error
    /// of the database.
    async fn run_limited<T>(
        &mut self,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<Result<T, DbError>, Fault> {
        let _permit = self.gate.enter().await?;
        Ok(match tokio::time::timeout(self.timeout + GRACE, statement).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(self.classify(error).await),
            Err(_) => Err(DbError::TimedOut),
        })
    }

    fn pool(&mut self) -> &Pool {
        let Self { address, pool, timeout, connections, zone, .. } = self;
        pool.get_or_insert_with(|| address.open(*timeout, *connections, *zone))
    }

    /// What an error means. If the connection may be the cause, connects once more to find out.
    async fn classify(&mut self, error: sqlx::Error) -> DbError {
        let error = DbError::from_sqlx(&error);
        if !matches!(error, DbError::NoneFree | DbError::ConnectionLost | DbError::OtherServer(_)) {
            return error;
        }
        let pool = self.pool().clone();
        let connecting = pool.connect_error(self.timeout, self.zone);
        match tokio::time::timeout(PROBE_TIME, connecting).await {
            Ok(Some(cause)) => cause,
            Ok(None) => error,
            Err(_) => pool.who_answers().await,
        }
    }

    pub(crate) fn fault(
        &mut self,
        error: DbError,
        operation: Operation,
        table: &TablePlan,
    ) -> Fault {
        if error == DbError::TableAltered {
            // The prepared statements of the old connections do not fit the altered table.
            self.pool = None;
        }
        database_fault(error, operation, &self.address, table, self.timeout)
    }
}
