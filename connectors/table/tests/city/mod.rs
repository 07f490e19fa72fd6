//! A source for tests: one database with a table of orders and a table of reminders (`urges`).
//!
//! The tables are the same in every database. `Desk` knows how databases differ: in their types, and in how
//! they write a time.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{sync::Arc, time::Duration};

use connector_table::Table;
use connector_testkit::{DatesAhead, Deletes, Shift, ShiftsClock, Source};
use contract::{
    Budget, Connector as _, ConnectorContext, Cursor, Entry, Fault, Gate, OpenGate, TimeRange,
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, MySqlPool, PgPool, SqlitePool, sqlite::SqliteConnectOptions};

/// The test's own connections to the database.
#[derive(Clone)]
pub(crate) enum Desk {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// One database.
pub(crate) struct City {
    pub(crate) desk: Desk,
    pub(crate) url: String,
    /// The `[table]` section.
    pub(crate) settings: Value,
    /// The folder of the SQLite file, which is removed after the test.
    folder: Option<tempfile::TempDir>,
}

/// Which settings find the rows of the table of orders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FindBy {
    ChangesAndFlag,
    ChangesOnly,
    FlagOnly,
}

impl City {
    pub(crate) async fn sqlite(find_by: FindBy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("front.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let desk = Desk::Sqlite(SqlitePool::connect_with(options).await.unwrap());
        Self::new(desk, format!("sqlite:{}", path.display()), find_by, Some(folder)).await
    }

    pub(crate) async fn new(
        desk: Desk,
        url: String,
        find_by: FindBy,
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        let (time, bytes) = match desk {
            Desk::Sqlite(_) => ("TEXT", "BLOB"),
            Desk::Postgres(_) => ("TIMESTAMP", "BYTEA"),
            Desk::MySql(_) => ("DATETIME(3)", "VARBINARY(4000)"),
        };
        let city = Self { desk, settings: settings(&url, find_by), url, folder };
        city.run(&format!(
            "CREATE TABLE orders (id VARCHAR(36) PRIMARY KEY, serial VARCHAR(32), title VARCHAR(200),
             content {bytes}, changed {time}, isfetch INTEGER DEFAULT 0, sjjhzt INTEGER DEFAULT 0);
             CREATE TABLE urges (id INTEGER PRIMARY KEY, serial VARCHAR(32), note {bytes},
             isfetch INTEGER DEFAULT 0)"
        ))
        .await;
        city
    }

    pub(crate) fn with(mut self, settings: Value) -> Self {
        for (name, value) in settings.as_object().unwrap() {
            self.settings[name] = value.clone();
        }
        self
    }

    pub(crate) fn table(&self) -> Table {
        self.build(Arc::new(OpenGate)).unwrap()
    }

    pub(crate) fn build(&self, gate: Arc<dyn Gate>) -> Result<Table, contract::Fault> {
        let channel = "hotline".parse().unwrap();
        let mut context = ConnectorContext::new(channel, chrono_tz::Asia::Shanghai);
        context.budget = Budget { concurrent: 2, ..Budget::default() };
        context.gate = gate;
        Table::build(serde_json::from_value(self.settings.clone()).unwrap(), context)
    }

    /// Runs statements of the test, which contain no foreign values.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.desk {
            Desk::Sqlite(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
            Desk::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
            Desk::MySql(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }

    /// The number that a query returns.
    pub(crate) async fn count(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.desk {
            Desk::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Desk::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Desk::MySql(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// Orders that were not acknowledged.
    pub(crate) async fn n_pending(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM orders WHERE isfetch = 0").await
    }

    /// SQL for the time `age` ago, in the source's time zone.
    pub(crate) fn ago(&self, age: Duration) -> String {
        self.before(i64::try_from(age.as_secs()).unwrap())
    }

    /// SQL for the time `seconds` ago; a negative number is in the future.
    fn before(&self, seconds: i64) -> String {
        match self.desk {
            Desk::Sqlite(_) => {
                let seconds = -seconds;
                format!("datetime('now', '+8 hours', '{seconds:+} seconds')")
            }
            Desk::Postgres(_) => {
                format!("(now() AT TIME ZONE 'Asia/Shanghai') - interval '{seconds} seconds'")
            }
            Desk::MySql(_) => {
                format!("UTC_TIMESTAMP(3) + INTERVAL 8 HOUR - INTERVAL {seconds} SECOND")
            }
        }
    }

    async fn insert(&self, keys: &[String], moment: &str) {
        let rows: Vec<String> =
            keys.iter().map(|key| format!("('{key}', 'S-{key}', 'title', {moment})")).collect();
        let rows = rows.join(", ");
        self.run(&format!("INSERT INTO orders (id, serial, title, changed) VALUES {rows}")).await;
    }

    /// Reads from `at` until caught up, and settles.
    pub(crate) async fn entries(&self, at: Option<Cursor>, max: usize) -> (Vec<Entry>, Cursor) {
        Box::pin(Self::read_all(self.table(), at, max)).await
    }

    /// The entries that changed from `from` to `to` hours ago.
    #[expect(clippy::disallowed_methods, reason = "the clock of the source is this machine's")]
    pub(crate) async fn entries_between(
        &self,
        from: i64,
        to: i64,
        max: usize,
    ) -> Result<Vec<Entry>, Fault> {
        let ago = |hours| chrono::Utc::now() - chrono::TimeDelta::hours(hours);
        let mut table = self.table();
        table.limit_to(TimeRange::new(ago(from), Some(ago(to))).unwrap())?;
        let mut at = None;
        let mut entries = Vec::new();
        loop {
            let batch = Box::pin(table.read(at.as_ref(), max)).await?;
            entries.extend(batch.entries);
            table.settled(&batch.upto).await?;
            if batch.end.is_some() {
                return Ok(entries);
            }
            at = Some(batch.upto);
        }
    }

    async fn read_all(mut table: Table, at: Option<Cursor>, max: usize) -> (Vec<Entry>, Cursor) {
        let mut entries = Vec::new();
        let mut at = at.map(|at| at.decode().unwrap());
        loop {
            let batch = table.read(at.as_ref(), max).await.unwrap();
            entries.extend(batch.entries);
            table.settled(&batch.upto).await.unwrap();
            if batch.end.is_some() {
                return (entries, Cursor::encode(&batch.upto).unwrap());
            }
            at = Some(batch.upto);
        }
    }
}

impl Source for City {
    type Connector = Table;

    const MAX_DELAY: Duration = Duration::from_secs(300);

    fn connector(&self) -> Table {
        self.table()
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        self.insert(keys, &self.ago(age)).await;
    }

    async fn change(&mut self, key: &str) {
        let now = self.ago(Duration::ZERO);
        let sql =
            format!("UPDATE orders SET title = 'changed', changed = {now} WHERE id = '{key}'");
        self.run(&sql).await;
    }
}

impl Deletes for City {
    async fn delete(&mut self, key: &str) {
        self.run(&format!("DELETE FROM orders WHERE id = '{key}'")).await;
    }
}

impl DatesAhead for City {
    async fn add_ahead(&mut self, keys: &[String], ahead: Duration) {
        let moment = self.before(-i64::try_from(ahead.as_secs()).unwrap());
        self.insert(keys, &moment).await;
    }
}

/// A city whose clock can be changed, because its orders have a flag. It is the clock of the office
/// that writes the orders, not that of the database.
pub(crate) struct Flagged {
    city: City,
    /// How far the clock is ahead, in seconds.
    clock_shift: i64,
}

impl Flagged {
    pub(crate) fn new(city: City) -> Self {
        Self { city, clock_shift: 0 }
    }
}

impl Source for Flagged {
    type Connector = Table;

    const MAX_DELAY: Duration = City::MAX_DELAY;

    fn connector(&self) -> Table {
        self.city.connector()
    }

    async fn add(&mut self, keys: &[String], age: Duration) {
        let moment = self.city.before(i64::try_from(age.as_secs()).unwrap() - self.clock_shift);
        self.city.insert(keys, &moment).await;
    }

    async fn change(&mut self, key: &str) {
        self.city.change(key).await;
    }
}

impl ShiftsClock for Flagged {
    async fn shift_clock(&mut self, by: Shift) {
        self.clock_shift += match by {
            Shift::Forward(by) => i64::try_from(by.as_secs()).unwrap(),
            Shift::Back(by) => -i64::try_from(by.as_secs()).unwrap(),
        };
    }
}

fn settings(url: &str, find_by: FindBy) -> Value {
    let mut settings = json!({
        "url": url, "table": "orders", "key": "id", "charset": "gbk", "timeout": "10s", "page": 100,
        "part": [{
            "name": "urges", "table": "urges", "key": "id", "parent": "serial", "column": "serial",
            "flag": [{ "column": "isfetch", "pending": 0, "done": 1 }],
        }],
    });
    if find_by != FindBy::FlagOnly {
        settings["changes"] = json!({ "column": "changed", "overlap": "5m" });
    }
    if find_by != FindBy::ChangesOnly {
        settings["flag"] = json!([
            { "column": "isfetch", "pending": 0, "done": 1 },
            { "column": "sjjhzt", "pending": { "from": 0, "below": 5 }, "done": 20 },
        ]);
    }
    settings
}
