//! The source's database, within the limits of the source.
//!
//! Every statement passes the gate and has a time limit. The server enforces the same time limit:
//! otherwise, a query that is abandoned here would continue on the server and block the connection.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use contract::{ConnectorContext, Fault, Gate, Secret};

use crate::{
    catalog::Catalog,
    config::Config,
    cursor::PendingAck,
    driver::{Address, Answer, DbError, Pool, Writing},
    fault::{Operation, database_fault},
    numbers::Transactions,
    plan::TablePlan,
    pools,
    seen::content_digest,
    sql::{Condition, Dialect, Order, Select, Sql},
    value::{Row, Value},
};

/// Added to the server's time limit before we give up, because the server's own error says more.
const GRACE: Duration = Duration::from_secs(1);

/// Time limit for a connection that only shows why there is none.
const PROBE_TIME: Duration = Duration::from_secs(2);

/// Maximum number of rows that are locked at once.
const MAX_LOCKED: usize = 1_000;

/// The address of a database, and its connections after the first use.
#[derive(Debug)]
pub(crate) struct Database {
    address: Address,
    url: Secret,
    pool: Option<Arc<Pool>>,
    /// By the names of the tables.
    catalogs: HashMap<String, Arc<Catalog>>,
    gate: Arc<dyn Gate>,
    timeout: Duration,
    connections: u32,
    zone: Tz,
    /// Whether it has refused to say which transactions are open.
    hides_transactions: bool,
    /// Maximum number of rows in the next page, as long as more of them are too large.
    page_rows: usize,
}

/// Which acknowledgements the source took.
#[derive(Debug)]
pub(crate) enum Taken {
    /// All but some rows.
    AllBut {
        /// They have changed since they were read, are gone, or are not pending any more.
        n_changed: usize,
        /// They are still pending although they have not changed.
        n_ignored: usize,
    },
    /// The rows are too large to be compared at once with what was read.
    TooLarge,
    /// A constraint or a trigger refused one of the rows, and so all of them.
    Refused,
    /// The source accepts no changes at all.
    ReadOnly(Fault),
}

/// The acknowledgements of the rows that are as they were read. The statement itself compares the column of
/// `changes`, which not every change of a row moves; `rows` are the present ones. Rows with the same key cannot be
/// told apart, so they are not compared.
fn unchanged(table: &TablePlan, acks: &[PendingAck], rows: &[Row]) -> Vec<PendingAck> {
    let mut contents: HashMap<String, Vec<u64>> = HashMap::new();
    for row in rows {
        let contents = contents.entry(row.value(&table.key).to_text()).or_default();
        contents.extend(row.is_pending.then(|| content_digest(table, row)));
    }
    let is_unchanged = |ack: &&PendingAck| {
        ack.content.is_none()
            || match contents.get(&ack.key.to_text()).map(Vec::as_slice) {
                None | Some([]) => false,
                Some([content]) => ack.content == Some(*content),
                Some(_) => true,
            }
    };
    acks.iter().filter(is_unchanged).cloned().collect()
}

impl Database {
    /// Checks the settings without using the network.
    pub(crate) fn new(config: &Config, context: &ConnectorContext) -> Result<Self, Fault> {
        let ConnectorContext { zone, budget, gate, .. } = context;
        let (url, timeout) = (config.url.clone(), config.timeout.0);
        if timeout.is_zero() {
            return Err(Fault::stopped("`timeout` is zero").remedy("write it like 30s"));
        }
        Ok(Self {
            address: Address::parse(url.expose(), config.insecure)?,
            url,
            pool: None,
            catalogs: HashMap::new(),
            gate: Arc::clone(gate),
            timeout,
            connections: budget.concurrent.max(1),
            zone: *zone,
            hides_transactions: false,
            page_rows: usize::MAX,
        })
    }

    /// The kind and address of the database, without the account.
    pub(crate) fn place(&self) -> String {
        self.address.place()
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

    /// What the database says of the columns of a table.
    pub(crate) async fn catalog(&mut self, table: &TablePlan) -> Result<Arc<Catalog>, Fault> {
        if let Some(catalog) = self.catalogs.get(&table.name) {
            return Ok(Arc::clone(catalog));
        }
        let dialect = self.address.dialect();
        let rows = self.fetch(Sql::catalog(dialect, table), table).await?;
        let catalog = Arc::new(Catalog::new(dialect, &rows));
        self.catalogs.insert(table.name.clone(), Arc::clone(&catalog));
        Ok(catalog)
    }

    /// Forgets what the database said of its tables, which may be altered at any time.
    pub(crate) fn forget_catalogs(&mut self) {
        self.catalogs.clear();
    }

    /// Refuses a table that cannot be read without loss: flags of another type than their column.
    pub(crate) async fn check_flags(&mut self, table: &TablePlan) -> Result<(), Fault> {
        let catalog = self.catalog(table).await?;
        catalog
            .check_flags(self.address.dialect(), table)
            .map_err(|fault| fault.at(self.address.place()))
    }

    /// A key that more than one row has. Asks only if no index of the database excludes that.
    pub(crate) async fn repeated_key(
        &mut self,
        table: &TablePlan,
    ) -> Result<Option<String>, Fault> {
        let catalog = self.catalog(table).await?;
        if catalog.get(&table.key).is_some_and(|key| key.is_unique) {
            return Ok(None);
        }
        let sql = Sql::repeated_key(self.address.dialect(), table, &catalog);
        let rows = self.fetch(sql, table).await?;
        Ok(rows.first().and_then(|row| row.columns.first()).map(|(_, key)| key.to_text()))
    }

    /// Number of different keys.
    pub(crate) async fn count(&mut self, table: &TablePlan) -> Result<Option<u64>, Fault> {
        let catalog = self.catalog(table).await?;
        let rows = self.fetch(Sql::count(self.address.dialect(), table, &catalog), table).await?;
        let count = rows.first().and_then(|row| row.columns.first());
        Ok(count.and_then(|(_, count)| count.to_text().parse().ok()))
    }

    /// Which transactions are open; `None` if the database does not say. Databases of the protocol and older
    /// servers may not say, and MySQL says it only to accounts with the right PROCESS.
    pub(crate) async fn transactions(
        &mut self,
        table: &TablePlan,
    ) -> Result<Option<Transactions>, Fault> {
        let Some(sql) = Sql::transactions(self.dialect()) else {
            return Ok(Some(Transactions::default()));
        };
        if self.hides_transactions {
            return Ok(None);
        }
        let rows = match self.fetch(sql, table).await {
            Err(fault) if fault.is_transient() => return Err(fault),
            fetched => fetched.unwrap_or_default(),
        };
        self.hides_transactions = rows.is_empty();
        if self.hides_transactions {
            tracing::warn!(
                table = table.name,
                "the account may not see which transactions are open, so each pass may read up to a day of rows \
                 again; MySQL: GRANT PROCESS ON *.* TO the account"
            );
            return Ok(None);
        }
        let mut numbers = rows.iter().flat_map(|row| &row.columns);
        let mut number = || numbers.next().and_then(|(_, it)| it.to_text().parse().ok());
        Ok(Some(Transactions {
            oldest_open: number().unwrap_or_default(),
            next: number().unwrap_or_default(),
        }))
    }

    /// The number in a column of numbers that `n_rows` rows before `newest` have; `Null` if there are fewer
    /// rows.
    pub(crate) async fn earlier(
        &mut self,
        table: &TablePlan,
        column: &str,
        newest: &Value,
        n_rows: usize,
    ) -> Result<Value, Fault> {
        let catalog = self.catalog(table).await?;
        let sql = Sql::earlier(self.address.dialect(), table, &catalog, column, newest, n_rows);
        let rows = self.fetch(sql, table).await?;
        let found = rows.into_iter().next().and_then(|row| row.columns.into_iter().next());
        Ok(found.map(|(_, number)| number).unwrap_or_default())
    }

    /// Reads a page of rows, and whether no rows come after it. After a page with fewer rows than it could have,
    /// because they are large, the next one asks for no more than these.
    pub(crate) async fn select_page(
        &mut self,
        mut select: Select<'_>,
    ) -> Result<(Vec<Row>, bool), Fault> {
        select.limit = select.limit.min(self.page_rows);
        let limit = select.limit;
        let (rows, is_end) = self.select(select).await?;
        let is_cut = !is_end && rows.len() < limit;
        self.page_rows = if is_cut { rows.len() } else { self.page_rows.saturating_mul(2) };
        Ok((rows, is_end))
    }

    /// Reads rows, and whether there are no more than these: fewer than the limit, and not too large.
    pub(crate) async fn select(&mut self, select: Select<'_>) -> Result<(Vec<Row>, bool), Fault> {
        let table = select.table;
        let catalog = self.catalog(table).await?;
        let sql = Sql::select(self.address.dialect(), &select, &catalog);
        let Answer { mut rows, is_cut } = self.answer(sql, table, Operation::Read).await?;
        Catalog::check_found(table, &rows).map_err(|fault| fault.at(self.address.place()))?;
        if catalog.is_outdated(table, &rows) {
            self.forget_catalogs();
            return Err(Fault::transient("the columns were changed while the table was read")
                .at(format!("table {}", table.name)));
        }
        catalog.refine(table, &mut rows);
        let is_end = !is_cut && rows.len() < select.limit;
        Ok((rows, is_end))
    }

    /// Sets the flags of those rows that have not changed since they were read.
    pub(crate) async fn acknowledge(
        &mut self,
        table: &TablePlan,
        acks: &[PendingAck],
    ) -> Result<Taken, Fault> {
        let (dialect, catalog) = (self.address.dialect(), self.catalog(table).await?);
        let pool = self.pool();
        let keys: Vec<Value> = acks.iter().map(|ack| ack.key.clone()).collect();
        let mut keep = catalog.moved().next().is_some();
        // In SQLite, a transaction that writes is alone.
        let mut locks = dialect != Dialect::Sqlite;
        let (owed, ignored) = loop {
            let (lock, read) = {
                let conditions = vec![Condition::In(&table.key, &keys, catalog.get(&table.key))];
                let select = Select { table, conditions, order: Order::Key, limit: MAX_LOCKED };
                let lock = locks.then(|| Sql::lock(dialect, &select, &catalog));
                (lock, Sql::select(dialect, &select, &catalog))
            };
            let mut owed = None;
            let write = |answer: Answer| {
                let Answer { mut rows, is_cut } = answer;
                if (is_cut || rows.len() >= MAX_LOCKED) && acks.len() > 1 {
                    return None;
                }
                catalog.refine(table, &mut rows);
                let owed = owed.insert(unchanged(table, acks, &rows));
                // In the same transaction, because the office may set a flag back at any moment after it.
                (!owed.is_empty()).then(|| Writing {
                    write: Sql::acknowledge(dialect, table, &catalog, owed, keep),
                    check: Sql::count_owed(dialect, table, &catalog, owed),
                })
            };
            let executed = self.run_limited(pool.execute(lock, read, write)).await?;
            match executed {
                Ok(ignored) => break (owed, ignored),
                Err(DbError::RowRefused) => return Ok(Taken::Refused),
                Err(error @ DbError::ReadOnly) => {
                    return Ok(Taken::ReadOnly(self.fault(error, Operation::Acknowledge, table)));
                }
                // Not every view can be locked. Then only a change of the same moment may be missed.
                Err(DbError::Denied | DbError::Other(_)) if locks => locks = false,
                // The account may not set the other column.
                Err(DbError::Denied) if keep => keep = false,
                Err(error) => return Err(self.fault(error, Operation::Acknowledge, table)),
            }
        };
        let Some(owed) = owed else { return Ok(Taken::TooLarge) };
        let n_changed = acks.len() - owed.len();
        if owed.is_empty() {
            return Ok(Taken::AllBut { n_changed, n_ignored: 0 });
        }
        // Databases count changed rows in different ways, and a trigger may set a flag back.
        let n_ignored = ignored.rows.first().and_then(|row| row.columns.first());
        let n_ignored = n_ignored.and_then(|(_, n)| n.to_text().parse().ok()).unwrap_or(owed.len());
        Ok(Taken::AllBut { n_changed, n_ignored })
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
        Ok(self.answer(sql, table, operation).await?.rows)
    }

    async fn answer(
        &mut self,
        sql: Sql,
        table: &TablePlan,
        operation: Operation,
    ) -> Result<Answer, Fault> {
        let pool = self.pool();
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

    fn pool(&mut self) -> Arc<Pool> {
        let Self { address, url, pool, timeout, connections, zone, .. } = self;
        let shared = pool.get_or_insert_with(|| {
            let name = format!("{} {timeout:?} {zone}", url.expose());
            pools::shared(name, || address.open(*timeout, *connections, *zone))
        });
        Arc::clone(shared)
    }

    /// What an error means. If the connection may be the cause, connects once more to find out.
    async fn classify(&mut self, error: sqlx::Error) -> DbError {
        let error = DbError::from_sqlx(&error);
        let may_be_another_server = matches!(
            error,
            DbError::NoneFree | DbError::ConnectionLost | DbError::OtherServer(_) | DbError::Tls(_)
        );
        if !may_be_another_server {
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
        // After an error, the table may be another one.
        self.catalogs.clear();
        database_fault(error, operation, &self.address, table, self.timeout)
    }
}
