//! What keeps a store small that is used for years.

use std::{sync::LazyLock, time::Duration};

use contract::{Fault, Timestamp};

use crate::store::{
    Database, Postgres, Sqlite,
    database::either,
    database::shared_sql::{Small, Value},
};

impl Database {
    /// Folds balanced reads of before `before` into their days, up to ten thousand of them; says how
    /// many. A message of theirs that is delivered once more would be judged again, so `before` should
    /// be further back than any broker keeps a message.
    ///
    /// # Errors
    /// The store cannot be written; nothing was folded.
    pub async fn fold_books(&self, before: Timestamp) -> Result<u64, Fault> {
        either!(self, store => store.fold_books(before))
    }

    /// Drops what history and raw hold of the months that ended at or before `before`; says whether
    /// there was any. What is current is not touched.
    ///
    /// # Errors
    /// The store cannot be written, or somebody reads in those tables for long.
    pub async fn drop_before(&self, before: Timestamp) -> Result<bool, Fault> {
        either!(self, store => store.drop_before(before))
    }

    /// Forgets the runs that were asked for and ended longer than `age` ago. What makes a channel rest
    /// or go on stays: it is how the channel stands.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn forget_requests(&self, age: Duration) -> Result<(), Fault> {
        let forget: &str = match self {
            Self::Sqlite(_) => &SQLITE,
            Self::Postgres(_) => &POSTGRES,
        };
        let values = [Value::Int(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))];
        either!(self, store => store.write("forget old requests", forget, &values, |_| Ok(())))?;
        Ok(())
    }
}

static SQLITE: LazyLock<String> = LazyLock::new(|| forget(Sqlite::NOW));
static POSTGRES: LazyLock<String> = LazyLock::new(|| forget(Postgres::NOW));

/// Those that ended $1 milliseconds before `now`, or earlier.
fn forget(now: &str) -> String {
    format!("DELETE FROM request WHERE kind = 'sync' AND ended_ms <= {now} - $1")
}
