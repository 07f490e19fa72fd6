//! The processes of a service, by their own word: each one renews its row. One that ends in order deletes it; one
//! that was killed, or cannot reach the store, is not seen any more. Times are those of the database, which all
//! processes share.

use std::time::Duration;

use contract::{Fault, Timestamp};
use sqlx::Error;

use super::service::millis;
use crate::store::{
    Database,
    database::sql::{Columns, NO_ROWS, Value, decode, without_nul},
};

/// What a process says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its name, which no other process has.
    pub id: String,
    /// What it runs: `all`, `ingest` or `sink`.
    pub role: String,
    /// The name of its machine.
    pub host: String,
    /// The version of its program.
    pub version: String,
    /// When it began.
    pub since: Timestamp,
    /// When it was seen last.
    pub seen_at: Timestamp,
    /// How long ago that was.
    pub unseen_for: Duration,
    /// The fault that keeps its sink from storing.
    pub fault: Option<String>,
    /// When its sink tries again.
    pub next_try_at: Option<Timestamp>,
}

impl Database {
    /// Says that the process `id` is there, what it runs on which host in which version, and the fault of its sink
    /// with the time until it tries again.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn renew_process(
        &self,
        id: &str,
        [role, host, version]: [&str; 3],
        trouble: Option<(&str, Duration)>,
    ) -> Result<(), Fault> {
        let fault = trouble.map(|(fault, _)| without_nul(fault));
        let values = [
            id.into(),
            role.into(),
            host.into(),
            version.into(),
            Value::Text(fault.as_deref()),
            Value::Int(trouble.map(|(_, wait)| millis(wait))),
        ];
        self.write("note that this process runs", RENEW, &values, NO_ROWS).await?;
        Ok(())
    }

    /// Deletes the row of a process that has ended.
    ///
    /// # Errors
    /// The store cannot be reached or written.
    pub async fn end_process(&self, id: &str) -> Result<(), Fault> {
        self.write("note that a process ended", END, &[id.into()], NO_ROWS).await?;
        Ok(())
    }

    /// All processes that have not ended in order, by role and age.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn processes(&self) -> Result<Vec<Process>, Fault> {
        self.query("read the processes", PROCESSES, &[], process).await
    }

    /// The time of the store, which all processes share: the clock of one machine may be wrong.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn now(&self) -> Result<Timestamp, Fault> {
        let read = |row: &dyn Columns| time("now_ms", row.some_int("now_ms")?);
        let now = self.query_first("read its clock", NOW, &[], read).await?;
        now.ok_or_else(|| {
            Fault::transient("the store does not say what time it is").at(self.place())
        })
    }

    /// Deletes the rows of processes that were not seen for `age`.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_processes(&self, age: Duration) -> Result<(), Fault> {
        self.write("delete old processes", FORGET, &[millis(age).into()], NO_ROWS).await?;
        Ok(())
    }
}

/// Renews process $1 with role $2, host $3, version $4 and fault $5, which tries again in $6 milliseconds.
const RENEW: &str =
    "INSERT INTO process (id, role, host, version, since_ms, seen_ms, fault, next_try_ms)
     VALUES ($1, $2, $3, $4, {now}, {now}, $5, {now} + $6)
     ON CONFLICT (id) DO UPDATE SET seen_ms = {now}, fault = $5, next_try_ms = {now} + $6";

const END: &str = "DELETE FROM process WHERE id = $1";

const PROCESSES: &str =
    "SELECT id, role, host, version, since_ms, seen_ms, {now} - seen_ms AS unseen_ms, fault, next_try_ms
     FROM process ORDER BY role, since_ms, id";

const NOW: &str = "SELECT {now} AS now_ms";

/// Deletes the processes that were seen $1 milliseconds ago, or earlier.
const FORGET: &str = "DELETE FROM process WHERE seen_ms <= {now} - $1";

fn process(row: &dyn Columns) -> Result<Process, Error> {
    Ok(Process {
        id: row.some_text("id")?,
        role: row.some_text("role")?,
        host: row.some_text("host")?,
        version: row.some_text("version")?,
        since: time("since_ms", row.some_int("since_ms")?)?,
        seen_at: time("seen_ms", row.some_int("seen_ms")?)?,
        unseen_for: Duration::from_millis(row.count("unseen_ms")?),
        fault: row.text("fault")?,
        next_try_at: row.int("next_try_ms")?.map(|at| time("next_try_ms", at)).transpose()?,
    })
}

fn time(column: &str, millis: i64) -> Result<Timestamp, Error> {
    Timestamp::from_timestamp_millis(millis).ok_or_else(|| decode(column, "not a time"))
}
